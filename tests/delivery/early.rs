//! Answers to a body that was not read: servers with a limit, or that look at the headers first.

use std::fmt::Write as _;

use bytes::Bytes;
use entra_forwarder::compress::Compression;
use entra_forwarder::config::{BatchConfig, SinkConfig};

use crate::bench::{WAYS, all, config, delivered};
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

/// A body over the limit is answered at its head, and the connection closed on what still comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_limit_is_halved_whether_or_not_its_answer_is_seen() {
    for way in WAYS {
        for ending in [Ending::Close, Ending::Reset] {
            let over = Reply::fault(413, Fault::Last(ending));
            let script = Script::new(|_, _| Reply::status(200))
                .early(move |_, length| (length > 1 << 20).then(|| over.clone()));
            let ended = delivered(way, &script, large_batches(), &large(256), all).await;
            let (mut seen, mut lost) = (0, 0);
            for result in ended.client.results() {
                match result {
                    Ok(413) => seen += 1,
                    Err(_) => lost += 1,
                    Ok(_) => {}
                }
            }
            println!("{way:?} {ending:?}: {seen} seen, {lost} lost");
        }
    }
}
