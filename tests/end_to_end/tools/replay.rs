//! `replay`.

use super::*;
use crate::azurite::TestContainer;
use crate::endpoint::{Endpoint, Reply};
use crate::eventually::eventually;

const OPEN_EVENTS_MAX: u64 = 50;
const UNCOMMITTED_MAX: u64 = 100;
const RECORDS: u64 = 5;
/// What one kill may repeat.
const REPEATED_MAX: u64 = (OPEN_EVENTS_MAX + UNCOMMITTED_MAX) * RECORDS * PARTITIONS as u64;

fn limited(scene: &Scene) -> Settings {
    scene
        .settings()
        .set("limits.open_events_max", &OPEN_EVENTS_MAX.to_string())
        .set("limits.uncommitted_max", &UNCOMMITTED_MAX.to_string())
        .set("sinks.main.batch.records", "40")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_half_way_it_goes_on_and_nothing_is_lost() {
    let scene = scene().await;
    scene.produce(400, RECORDS);
    let window = scene.hub.produced();
    // What comes later is not meant.
    for partition in 0..PARTITIONS {
        for _ in 0..20 {
            scene.hub.append(partition, "{\"records\":[{\"later\":1}]}");
        }
    }
    let settings = limited(&scene);
    let arguments = [
        "replay", "--from", "0", "--to", "399", "--id", "monday", "--yes",
    ];
    for kill in 1..=2 {
        // Some are answered, so that the position moves; then none is.
        let count = scene.endpoint.count();
        scene.endpoint.script(move |number| match number - count {
            0..=25 => Reply::Status(200),
            _ => Reply::Hang,
        });
        let replay = running(&settings, &arguments);
        eventually("a request in the air", || scene.endpoint.held() > 0).await;
        replay.forwarder.kill().await;
        eventually("the end of its connections", || scene.endpoint.held() == 0).await;
        assert!(scene.endpoint.distinct() < window.total(), "kill {kill}");
    }
    scene.endpoint.behave(Reply::Status(200));
    let out = told(&settings, &arguments).await.done();
    assert!(out.contains("done by earlier runs: "), "{out}");
    assert!(!out.contains("done by earlier runs: 0 "), "{out}");
    let arrived = unmarked(&scene.endpoint.taken(), "monday");
    let duplicates = arrived.against(&window).duplicates_only();
    println!("{duplicates} repeated");
    assert!(duplicates <= 2 * REPEATED_MAX, "{duplicates}");
    // A third time there is nothing left to do.
    let count = scene.endpoint.arrivals().len();
    let out = told(&settings, &arguments).await.done();
    assert!(out.contains("done by earlier runs: 800 events"), "{out}");
    assert!(out.contains("complete already"), "{out}");
    assert!(!out.contains("read: "), "{out}");
    assert_eq!(scene.endpoint.arrivals().len(), count);
    // Another id, another replay.
    let other = [&arguments[..5], &["--id", "tuesday", "--yes"]].concat();
    told(&settings, &other).await.done();
    assert!(scene.endpoint.taken().total() >= 2 * window.total());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_meant_goes_where_it_is_meant_to() {
    let scene = scene().await;
    let other = Endpoint::start().await;
    for number in 0..30 {
        let category = ["SignInLogs", "AuditLogs", "RiskyUsers"][number % 3];
        scene.hub.append(
            0,
            format!("{{\"records\":[{{\"category\":\"{category}\",\"n\":{number}}}]}}"),
        );
    }
    let settings = scene.settings().sink("other", &other.url());
    let base = ["replay", "--from", "3", "--to", "20", "--partition", "0"];
    let dry = told(&settings, &[&base[..], &["--dry-run"]].concat()).await;
    assert!(dry.done().contains("18 events"));
    let some = [
        &base[..],
        &[
            "--sink",
            "other",
            "--category",
            "*Logs",
            "--no-mark",
            "--yes",
        ],
    ];
    let out = told(&settings, &some.concat()).await.done();
    for line in [
        "read: 18 events, 18 records",
        "matched: 12 records; not meant, or selected by no sink that is: 6",
        "sink other: 12 wanted = 12 delivered + 0 dead letters + 0 left",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(!out.contains("sink main"), "{out}");
    assert_eq!(scene.endpoint.count(), 0);
    let expected = (3..=20).filter(|number| number % 3 != 2).map(|number| {
        let category = ["SignInLogs", "AuditLogs"][number % 3];
        Bytes::from(format!("{{\"category\":\"{category}\",\"n\":{number}}}"))
    });
    assert_eq!(other.taken(), expected.collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_becomes_a_dead_letter_and_is_counted() {
    let scene = scene().await;
    for number in 0..40 {
        let what = if number == 17 { "BAD" } else { "good" };
        scene
            .hub
            .append(0, format!("{{\"records\":[{{\"{what}\":{number}}}]}}"));
    }
    scene.endpoint.behave(Reply::Refuse("BAD", 400));
    let arguments = [
        "replay",
        "--from",
        "0",
        "--to",
        "39",
        "--partition",
        "0",
        "--yes",
    ];
    let first = told(&scene.settings(), &arguments).await;
    let balance = "sink main: 40 wanted = 39 delivered + 1 dead letters + 0 left";
    assert!(first.out.contains(balance), "{}", first.out);
    first.refused(1, &["1 records were refused", "dead-letters list"]);
    let letters = scene.dead_letters();
    assert_eq!(letters.len(), 1);
    // As it came: without the mark.
    assert_eq!(letters[0].1, b"{\"BAD\":17}");
    // A second run has nothing to do, and claims nothing of what the first one failed.
    scene.endpoint.behave(Reply::Status(200));
    let count = scene.endpoint.count();
    let out = told(&scene.settings(), &arguments).await.done();
    for words in [
        "complete already: nothing was delivered now",
        "another --id",
        "dead letters and missing events of earlier runs are not counted",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(!out.contains("sink main"), "{out}");
    assert_eq!(scene.endpoint.count(), count);
    // Without the mark it is another replay.
    let unmarked = [&arguments[..], &["--no-mark"]].concat();
    let out = told(&scene.settings(), &unmarked).await.done();
    let balance = "sink main: 40 wanted = 40 delivered + 0 dead letters + 0 left";
    assert!(out.contains(balance), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_yet_is_told_and_delivered_by_a_later_run() {
    let scene = scene().await;
    scene.produce(20, 1);
    let arguments = ["replay", "--from", "0", "--to", "29", "--id", "a"];
    let yes = [&arguments[..], &["--yes"]].concat();
    let dry = [&arguments[..], &["--dry-run"]].concat();
    let words = ["not there yet: 10 of partition 0, 10 of partition 1"];
    let settings = scene.settings();
    told(&settings, &dry).await.refused(1, &words);
    assert_eq!(scene.endpoint.count(), 0);
    told(&settings, &yes).await.refused(1, &words);
    assert_eq!(scene.endpoint.accepted().total(), 40);
    // Again too early: nothing to do, and not complete.
    let early = told(&settings, &yes).await;
    assert!(!early.out.contains("complete already"), "{}", early.out);
    early.refused(1, &words);
    scene.produce(10, 1);
    told(&settings, &yes).await.done();
    assert_eq!(scene.endpoint.accepted().total(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_takes_nothing_ends_it_and_it_goes_on_later() {
    let scene = scene().await;
    scene.produce(30, 1);
    scene.endpoint.behave(Reply::Status(503));
    scene.endpoint.answer_probes(503);
    let arguments = ["replay", "--from", "0", "--to", "29", "--yes"];
    let settings = scene.settings();
    let impatient = [&arguments[..], &["--timeout", "1s"]].concat();
    let ended = told(&settings, &impatient).await;
    assert_eq!(ended.code, Some(1), "{:?}", ended.sentences);
    let sentences = ended.sentences.join("\n");
    assert!(
        sentences.contains("nothing moved within --timeout"),
        "{sentences}"
    );
    assert!(sentences.contains("status 503"), "{sentences}");
    assert!(sentences.contains("goes on from here"), "{sentences}");
    scene.endpoint.behave(Reply::Status(200));
    scene.endpoint.answer_probes(200);
    told(&settings, &arguments).await.done();
    assert_eq!(scene.endpoint.accepted().total(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_it_in_order() {
    let scene = scene().await;
    scene.produce(400, RECORDS);
    let settings = limited(&scene).set("shutdown_grace", "8s");
    scene.endpoint.script(|number| match number {
        0..=20 => Reply::Status(200),
        _ => Reply::Status(503),
    });
    let arguments = [
        "replay", "--from", "0", "--to", "399", "--id", "monday", "--yes",
    ];
    let mut replay = running(&settings, &arguments);
    eventually("some records", || scene.endpoint.distinct() >= 15 * 40).await;
    replay.forwarder.signal(rustix::process::Signal::INT);
    assert_eq!(replay.forwarder.exit().await, Some(1));
    let text = replay.forwarder.text();
    assert!(text.contains("error: stopped by a signal"), "{text}");
    scene.endpoint.behave(Reply::Status(200));
    told(&settings, &arguments).await.done();
    let arrived = unmarked(&scene.endpoint.accepted(), "monday");
    let duplicates = arrived.against(&scene.hub.produced()).duplicates_only();
    assert!(duplicates <= REPEATED_MAX, "{duplicates}");
}

/// Its positions are blobs of their own, beside those of the forwarder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_in_a_container_are_resumed_too() {
    let scene = scene().await;
    scene.produce(20, 1);
    let container = TestContainer::create().await;
    let settings = scene.settings().container(&container.url());
    let arguments = |to| ["replay", "--from", "0", "--to", to, "--id", "a", "--yes"];
    for _ in 0..2 {
        told(&settings, &arguments("9")).await.done();
        assert_eq!(scene.endpoint.taken().total(), 20);
    }
    // The same name for another window is another replay.
    told(&settings, &arguments("19")).await.done();
    assert_eq!(scene.endpoint.taken().total(), 60);
    let blobs = container.blobs("localhost/", "sequencenumber").await;
    let is_of_replays = |name: &String| name.starts_with("logs/forwarder/replay/a-");
    assert!(blobs.keys().all(is_of_replays), "{:?}", blobs.keys());
    let checkpoints = blobs.keys().filter(|name| name.contains("/checkpoint/"));
    assert_eq!(checkpoints.count(), 4);
}
