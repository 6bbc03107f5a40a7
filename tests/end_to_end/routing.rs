//! Sinks that select by category.

use bytes::Bytes;

use crate::bag::Bag;
use crate::endpoint::{Endpoint, Reply};
use crate::eventually::eventually;
use crate::scene::Scene;

const CATEGORIES: [&str; 3] = ["SignInLogs", "NonInteractiveUserSignInLogs", "AuditLogs"];

/// Appends an event with one record for each of these categories; gives the records.
fn append(scene: &Scene, event: usize, categories: &[&str]) -> Vec<Bytes> {
    let records: Vec<_> = categories
        .iter()
        .enumerate()
        .map(|(index, category)| {
            format!("{{\"id\":\"{event}-{index}\",\"category\":\"{category}\"}}")
        })
        .collect();
    scene
        .hub
        .append(0, format!("{{\"records\":[{}]}}", records.join(",")));
    records.into_iter().map(Bytes::from).collect()
}

fn bag(records: impl IntoIterator<Item = Bytes>) -> Bag {
    let mut bag = Bag::default();
    records.into_iter().for_each(|record| bag.add(record));
    bag
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_gets_what_it_selects_and_the_slow_one_holds_back_all() {
    let scene = Scene::set(1).await;
    let (signs, others) = (Endpoint::start().await, Endpoint::start().await);
    // Accepts nothing until the end.
    signs.behave(Reply::Status(503));
    let settings = scene
        .settings()
        .sink("signs", &signs.url())
        .set("sinks.signs.include_categories", "[\"*SignInLogs\"]")
        .sink("others", &others.url())
        .set("sinks.others.exclude_categories", "[\"*signinlogs\"]")
        .set("sinks.shadow.type", "null")
        .set("limits.open_events_max", "20");
    let mut produced: Vec<_> = (0..15)
        .flat_map(|event| append(&scene, event, &CATEGORIES))
        .collect();
    // One event with a record for one of them, and one whose record has no category.
    produced.extend(append(&scene, 100, &["AuditLogs"]));
    let bare = Bytes::from_static(b"{\"id\":\"bare\"}");
    scene.hub.append(0, bare.clone());
    produced.push(bare);
    let first = bag(produced.clone());
    let forwarder = settings.start();
    eventually("the first events at the others", || {
        scene.endpoint.has(&first) && others.distinct() == 17
    })
    .await;
    // The cap on open events stops the reader for the sake of the slow one.
    for event in 200..240 {
        produced.extend(append(&scene, event, &["AuditLogs"]));
    }
    let last = bag([produced.last().unwrap().clone()]);
    let asked = signs.count();
    eventually("more attempts", || signs.count() >= asked + 8).await;
    assert!(!scene.endpoint.has(&last));
    assert_eq!(signs.distinct(), 0);
    assert_eq!(scene.checkpoint(0).unwrap().0, -1);
    signs.behave(Reply::Status(200));
    let is_sign = |record: &Bytes| String::from_utf8_lossy(record).contains("SignInLogs");
    let (of_signs, of_others): (Vec<_>, Vec<_>) = produced.iter().cloned().partition(is_sign);
    let (all, of_signs, of_others) = (bag(produced), bag(of_signs), bag(of_others));
    eventually("everything", || {
        scene.endpoint.has(&all) && signs.has(&of_signs) && others.has(&of_others)
    })
    .await;
    eventually("the checkpoint", || scene.is_stored()).await;
    forwarder.stop().await;
    assert_eq!(scene.endpoint.accepted().against(&all).duplicates_only(), 0);
    assert_eq!(signs.accepted().against(&of_signs).duplicates_only(), 0);
    assert_eq!(others.accepted().against(&of_others).duplicates_only(), 0);
    assert_eq!((of_signs.total(), of_others.total()), (30, 57));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_selects_is_dropped_said_and_settled() {
    let scene = Scene::set(1).await;
    let settings = scene
        .settings()
        .set("sinks.main.include_categories", "[\"AuditLogs\"]");
    let mut refused = settings.start();
    assert_eq!(refused.exit().await, Some(78));
    let said = refused.err_lines().join("\n");
    assert!(said.contains("unrouted is missing"), "{said}");
    let wanted = append(&scene, 0, &CATEGORIES).pop().unwrap();
    append(&scene, 1, &["SignInLogs"]);
    let forwarder = settings.set("unrouted", "drop").start();
    eventually("the checkpoint", || scene.is_stored()).await;
    let forwarder = forwarder.stop().await;
    let accepted = scene.endpoint.accepted();
    assert_eq!(accepted, bag([wanted]));
    assert!(
        forwarder.text().contains("\"unrouted\""),
        "{}",
        forwarder.text()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_null_sink_alone_needs_no_endpoint() {
    let scene = Scene::set(2).await;
    let settings = ["endpoint", "batch.age", "retry.initial", "retry.max"]
        .iter()
        .fold(scene.settings(), |it, key| {
            it.without(&format!("sinks.main.{key}"))
        })
        .set("sinks.main.type", "null");
    scene.produce(50, 4);
    let forwarder = settings.start();
    eventually("the checkpoints", || scene.is_stored()).await;
    let forwarder = forwarder.stop().await;
    scene.assert_orderly();
    assert_eq!(scene.endpoint.count(), 0);
    assert!(
        !forwarder.text().contains("not used"),
        "{}",
        forwarder.text()
    );
}
