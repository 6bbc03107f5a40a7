//! Answers to a body that was not read: servers with a limit, or that look at the headers first.

use std::fmt::Write as _;

use bytes::Bytes;
use entra_forwarder::compress::Compression;
use entra_forwarder::config::{BatchConfig, SinkConfig};
use entra_forwarder::format::Success;

use crate::bench::{WAYS, all, config, delivered, marked};
use crate::endpoint::Script;
use crate::reply::{Ending, Fault, Reply};

/// Records of 32 KiB that nothing compresses.
fn large(count: usize) -> Vec<Bytes> {
    let record = |number: usize| {
        let mut text = format!("{{\"n\":{number},\"noise\":\"");
        let mut state = number as u64 + 1;
        while text.len() < 32 << 10 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            write!(text, "{:08x}", state >> 32).unwrap();
        }
        (text + "\"}").into()
    };
    (0..count).map(record).collect()
}

/// Batches of 4 MiB: more than sockets hold.
fn large_batches() -> SinkConfig {
    let defaults = config(128, 2);
    SinkConfig {
        batch: BatchConfig {
            bytes: 8 << 20,
            ..defaults.batch
        },
        compression: Compression::None,
        ..defaults
    }
}

/// A body over the limit is answered at its head, and the connection closed on what still comes:
/// the reset that follows may overtake the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_limit_is_halved_whether_or_not_its_answer_is_seen() {
    for way in WAYS {
        let whole = [Ending::Close, Ending::Reset].map(Fault::Last);
        // As if it were always lost.
        for fault in whole.into_iter().chain([Fault::Silent(Ending::Reset)]) {
            let over = Reply::fault(413, fault);
            let script = Script::new(|_, _| Reply::status(200))
                .early(move |_, length| (length > 1 << 20).then(|| over.clone()));
            let ended = delivered(way, &script, large_batches(), &large(128), all).await;
            // How many of the answers are seen is up to the system.
            let accepted = |result: &&Result<u16, _>| matches!(result, Ok(200));
            let requests = ended.client.results();
            assert!(requests.iter().filter(accepted).count() >= 4);
            assert!(script.seen().iter().all(|it| it.wire.len() <= 1 << 20));
        }
    }
}

/// A refusal of the credentials at the head, with the connection closed on the body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_answers_that_are_no_acceptances() {
    for way in WAYS {
        for ending in [Ending::Close, Ending::Reset] {
            let stored = |_: usize, _: &[Bytes]| Reply::status(200).saying("stored", true);
            let script = Script::new(stored).early(move |number, _| {
                let statuses = [401, 429, 503, 302, 200];
                let status = statuses.get(number)?;
                Some(Reply::fault(*status, Fault::Last(ending)))
            });
            let records = marked(60, &[]);
            let config = SinkConfig {
                success: Success {
                    // A 200 to a body that nobody has read is believed if nothing more is asked.
                    body_contains: Some("stored".to_owned()),
                    ..Success::default()
                },
                ..config(100, 1)
            };
            delivered(way, &script, config, &records, all).await;
            assert_eq!(script.seen().len(), 1);
        }
    }
}
