//! The broker misbehaves: nothing is lost, and reading goes on where it stopped.

use std::collections::BTreeMap;

use entra_forwarder_emulator::{Action, AttachRecord, Body, Emulator, Fault, StartAt};

use crate::eventually::eventually;
use crate::forwarder::Forwarder;
use crate::hub::HUB;
use crate::scene::Scene;

const RECORDS_PER_EVENT: u64 = 3;

/// The attaches of each partition, in order.
fn attaches(emulator: &Emulator) -> BTreeMap<u32, Vec<AttachRecord>> {
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for record in emulator.attach_log() {
        let partition = record.partition.parse().unwrap();
        found.entry(partition).or_default().push(record);
    }
    found
}

/// Where an attach after the first one starts.
fn start_of(attach: &AttachRecord) -> i64 {
    assert!(attach.inclusive, "{attach:?}");
    match attach.start {
        StartAt::Sequence(sequence) => sequence,
        ref other => panic!("not a sequence number: {other:?}"),
    }
}

/// Asserts that each link starts, inclusively, at an event that the links before it have brought,
/// and not before where an earlier one started. When the broker ends links in order, it is the
/// last event of the link before; only once per partition may the reader itself have left a link,
/// for a larger prefetch. Gives the number of attaches.
fn assert_each_goes_on(emulator: &Emulator, in_order: bool) -> usize {
    let mut count = 0;
    for (partition, attaches) in attaches(emulator) {
        let sent = emulator.sent(HUB, partition).unwrap();
        let sent_on = |link: &AttachRecord| -> Vec<i64> {
            let on = sent.iter().filter(|sent| *sent.link == *link.link);
            on.map(|sent| sent.sequence).collect()
        };
        count += attaches.len();
        let (mut last, mut start) = (-1, -1);
        let mut left = 0;
        for (index, attach) in attaches.iter().enumerate() {
            if index == 0 {
                assert_eq!(attach.start, StartAt::Earliest);
            } else if last >= 0 {
                let from = start_of(attach);
                assert!(
                    (start.max(0)..=last).contains(&from),
                    "{from} not in {start}..={last}"
                );
                left += u32::from(from != last);
                assert!(!in_order || left <= 1, "{from} is not {last}");
                start = from;
            }
            let sent = sent_on(attach);
            if let (Some(first), true) = (sent.first(), start >= 0) {
                assert_eq!(*first, start, "the event that was asked for comes first");
            }
            last = sent.last().copied().unwrap_or(last);
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_detached_every_few_hundred_events() {
    let scene = Scene::set(3).await;
    let faults = scene.hub.emulator.faults();
    let detach = |action, every| faults.inject(Fault::always(action).every(every));
    let forced = detach(Action::detach(), 300);
    let polite = Action::DetachLink {
        condition: None,
        description: None,
    };
    let polite = detach(polite, 700);
    scene.produce(700, RECORDS_PER_EVENT);
    // Small events: the prefetch fits from the start, so no receiver is opened again for it.
    let settings = scene.settings().set("sources.logs.max_event_size", "64KiB");
    let forwarder = settings.start();
    scene.everything_arrives().await;
    assert!(faults.fired(forced) >= 6 && faults.fired(polite) >= 1);
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
    assert!(assert_each_goes_on(&scene.hub.emulator, true) >= 9);
    scene.assert_orderly();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_dropped_and_freeze() {
    let scene = Scene::set(3).await;
    let faults = scene.hub.emulator.faults();
    let closed = Action::CloseConnection {
        condition: Some("amqp:connection:forced".to_owned()),
        description: Some("The connection was inactive.".to_owned()),
    };
    let mut armed = Vec::new();
    for (action, after) in [
        (Action::Freeze { ms: Some(1_000) }, 100),
        (Action::Reset, 250),
        (closed, 600),
        (Action::GarbageFrame, 900),
        (Action::Reset, 1_300),
    ] {
        armed.push(faults.inject(Fault::once(action).after(after)));
    }
    scene.produce(600, RECORDS_PER_EVENT);
    let forwarder = scene.settings().start();
    scene.everything_arrives().await;
    for fault in armed {
        assert_eq!(faults.fired(fault), 1);
    }
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
    assert!(assert_each_goes_on(&scene.hub.emulator, false) >= 7);
    scene.assert_orderly();
}

/// The hub is silent while receivers are opened: each open has an end of its own, and reading
/// starts when the hub talks again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_is_silent_at_first_is_waited_for() {
    let scene = Scene::set(2).await;
    scene.produce(20, RECORDS_PER_EVENT);
    scene.hub.emulator.faults().freeze_all();
    let forwarder = scene.settings().start();
    assert_eq!(forwarder.health("/livez").await.0, 200);
    eventually("a connection", || scene.hub.emulator.open_connections() > 0).await;
    assert_eq!(forwarder.health("/readyz").await.0, 503);
    scene.hub.emulator.faults().thaw();
    scene.everything_arrives().await;
    forwarder.health_becomes("/readyz", 200).await;
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
}

/// Appends events around one that no decoder takes, to partition 0, and others to partition 1.
fn produce_around(scene: &Scene, bad: Body) -> i64 {
    scene.hub.produce(0, 30, RECORDS_PER_EVENT);
    scene.hub.produce(1, 30, RECORDS_PER_EVENT);
    scene.hub.append_event(0, bad).sequence
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undecodable_message_is_passed_over_when_that_is_allowed() {
    let scene = Scene::set(2).await;
    let bad = produce_around(&scene, Body::ListProperty("x".into()));
    scene.produce(30, RECORDS_PER_EVENT);
    let settings = scene.settings().set("sources.logs.on_undecodable", "skip");
    let forwarder = settings.start();
    scene.everything_arrives().await;
    let said = forwarder.logged("undecodable");
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0]["sequence"], bad);
    assert_eq!(said[0]["level"], "ERROR");
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
    scene.assert_orderly();
    let letters = scene.dead_letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let (fields, body) = &letters[0];
    let text = fields.to_string();
    assert!(
        text.contains("undecodable") && text.contains(&bad.to_string()),
        "{text}"
    );
    assert!(body.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undecodable_message_stalls_its_partition_otherwise() {
    let scene = Scene::set(2).await;
    let bad = produce_around(&scene, Body::InvalidText);
    let before = scene.hub.produced();
    let mut forwarder: Forwarder = scene.settings().start();
    let stalled = |forwarder: &Forwarder| {
        forwarder.waits().into_iter().any(|(component, reason)| {
            component == "source logs partition 0"
                && reason.contains(&format!("sequence number {bad} cannot be decoded"))
                && reason.contains("on_undecodable = \"skip\"")
        })
    };
    eventually("the reason", || stalled(&forwarder)).await;
    // The other partition is none of its concern; what comes behind it waits.
    scene.hub.produce(1, 30, RECORDS_PER_EVENT);
    scene.everything_arrives().await;
    scene.hub.append(0, "{\"records\":[{\"behind\":1}]}");
    let attaches_before = attaches(&scene.hub.emulator)[&0].len();
    eventually("further looks", || {
        attaches(&scene.hub.emulator)[&0].len() > attaches_before + 1
    })
    .await;
    assert!(forwarder.is_running());
    assert_eq!(scene.duplicates(), 0, "and nothing from behind it");
    assert!(scene.endpoint.has(&before));
    forwarder.stop().await;
    assert_eq!(scene.checkpoint(0).unwrap().0, bad - 1);

    // Once it may be passed over, the rest comes.
    let settings = scene.settings().set("sources.logs.on_undecodable", "skip");
    let forwarder = settings.start();
    let behind = crate::bag::Bag::from_iter(["{\"behind\":1}".into()]);
    eventually("what is behind it", || scene.endpoint.has(&behind)).await;
    forwarder.stop().await;
}
