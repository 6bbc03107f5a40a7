//! Each fault of the network alone.

use entra_forwarder::deliver::response::TransportError;
use futures::future::join_all;

use crate::bench::{WAYS, Way, all, config, delivered, impatient, marked};
use crate::endpoint::Script;
use crate::reply::Ending::{Close, Hang, Reset};
use crate::reply::{Fault, Reply};

/// What the client gets to know.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Timeout,
    Broken,
}

const FAULTS: [(Fault, Kind); 15] = [
    (Fault::Silent(Close), Kind::Broken),
    (Fault::Silent(Reset), Kind::Broken),
    (Fault::Silent(Hang), Kind::Timeout),
    (Fault::CutHead(Close), Kind::Broken),
    (Fault::CutHead(Reset), Kind::Broken),
    (Fault::CutHead(Hang), Kind::Timeout),
    (Fault::CutBody(Close), Kind::Broken),
    (Fault::CutBody(Reset), Kind::Broken),
    (Fault::CutBody(Hang), Kind::Timeout),
    (Fault::TrickleHead, Kind::Timeout),
    (Fault::FloodHead, Kind::Broken),
    (Fault::TrickleBody, Kind::Timeout),
    (Fault::Nonsense, Kind::Broken),
    (Fault::Last(Close), Kind::Broken),
    (Fault::Last(Reset), Kind::Broken),
];

/// The first answers go wrong, with every batch of four under way.
async fn goes_wrong(way: Way, fault: Fault, kind: Kind, status: u16) {
    let what = format!("{way:?} {fault:?} of {status}");
    let script = Script::new(move |number, _| match number {
        0..3 => Reply::fault(status, fault),
        _ => Reply::status(200),
    });
    let ended = delivered(way, &script, impatient(10, 4), &marked(40, &[]), all).await;
    let results = ended.client.results();
    let fails = |result: &&Result<u16, TransportError>| match result {
        Err(TransportError::Timeout) => kind == Kind::Timeout,
        Err(TransportError::Broken(_)) => kind == Kind::Broken,
        _ => false,
    };
    let failed = results.iter().filter(fails).count();
    match fault {
        // It is whole: whether it is seen before the reset is the system's affair.
        Fault::Last(_) => {}
        _ => assert!(failed >= 3, "{what}: {results:?}"),
    }
}

/// Whether or not the endpoint has kept the records: nothing is lost, and only what was kept
/// without the client's knowledge is there twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_do_not_come_whole() {
    for way in WAYS {
        let cases = FAULTS.into_iter().flat_map(|(fault, kind)| {
            [200, 503].map(|status| goes_wrong(way, fault, kind, status))
        });
        join_all(cases).await;
    }
}

/// The connection goes before the body was read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_not_read() {
    for way in WAYS {
        for ending in [Close, Reset, Hang] {
            let script = Script::of([]).early(move |number, _| {
                (number < 3).then(|| Reply::fault(200, Fault::Silent(ending)))
            });
            let ended = delivered(way, &script, impatient(100, 1), &marked(40, &[]), all).await;
            assert!(ended.client.results().len() >= 4, "{way:?} {ending:?}");
            assert!(!script.seen().is_empty());
        }
    }
}

/// A refusal whose body never ends says what it says: its beginning is enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_without_end() {
    for way in WAYS {
        for status in [400, 401, 413, 500] {
            let is_content = matches!(status, 400 | 413);
            let script = Script::new(move |number, records| {
                let is_bad = !is_content && number < 2;
                let holds = records
                    .iter()
                    .any(|it| it == &crate::bench::record(5, "bad"));
                match is_bad || (is_content && holds) {
                    true => Reply::fault(status, Fault::FloodBody),
                    false => Reply::status(200),
                }
            });
            let records = marked(12, &[(5, "bad")]);
            let reason = match status {
                400 => Some("refused"),
                413 => Some("oversize"),
                _ => None,
            };
            let bad = records[5].clone();
            let fate = move |record: &_| if *record == bad { reason } else { None };
            delivered(way, &script, config(100, 1), &records, fate).await;
        }
    }
}
