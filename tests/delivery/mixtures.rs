//! Everything at once, in an order that a seed gives.
//!
//! `DELIVERY_SEEDS` says how many seeds (20 unless told), `DELIVERY_SEED` which one is the first.

use std::panic::AssertUnwindSafe;

use entra_forwarder::clock::{Rng, SharedRng};
use futures::FutureExt;

use crate::bench::{Bench, Way, impatient, marked};
use crate::endpoint::{Knock, Script};
use crate::records::{fate, judged};
use crate::reply::Ending::{self, Close, Hang, Reset};
use crate::reply::{Fault, Reply};
use crate::trust::Trust;

/// A number below this.
fn below(rng: &SharedRng, bound: usize) -> usize {
    usize::try_from(rng.next_u64() % bound as u64).unwrap()
}

fn one<T: Copy>(rng: &SharedRng, of: &[T]) -> T {
    of[below(rng, of.len())]
}

/// Mostly not by silence: that costs the client's patience.
fn ending(rng: &SharedRng) -> Ending {
    one(
        rng,
        &[
            Close, Close, Close, Reset, Reset, Reset, Reset, Reset, Reset, Hang,
        ],
    )
}

fn fault(rng: &SharedRng) -> Fault {
    match below(rng, 30) {
        0 => Fault::TrickleHead,
        1 => Fault::TrickleBody,
        2 | 3 => Fault::FloodHead,
        4 | 5 => Fault::FloodBody,
        6 | 7 => Fault::Nonsense,
        8..14 => Fault::Silent(ending(rng)),
        14..20 => Fault::CutHead(ending(rng)),
        20..26 => Fault::CutBody(ending(rng)),
        _ => Fault::Last(one(rng, &[Close, Reset])),
    }
}

/// What has nothing to do with the records.
fn setback(rng: &SharedRng) -> Reply {
    let statuses = [
        203, 207, 260, 302, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504,
    ];
    let reply = Reply::status(one(rng, &statuses));
    match below(rng, 4) {
        0 => reply.header("retry-after", one(rng, &["0", "1", "never", "3600"])),
        _ => reply,
    }
}

async fn mixture(seed: u64) {
    let rng = SharedRng::seeded(seed);
    let way = one(&rng, &[Way::Clear, Way::Tls]);
    let marks: Vec<_> = (0..below(&rng, 6))
        .map(|_| {
            let mark = one(&rng, &["too large", "malformed", "invalid"]);
            (below(&rng, 300), mark)
        })
        .collect();
    let records = marked(100 + below(&rng, 200), &marks);
    let config = impatient(1 + below(&rng, 60), 1 + below(&rng, 5));
    // Until then it goes wrong; then everything that is left passes.
    let mends_at = below(&rng, 60);
    let (script, trust) = (script(seed, mends_at), Trust::new());
    let acceptor = (way == Way::Tls).then(|| trust.acceptor("localhost"));
    let server = script.serve(acceptor).await;
    let mut bench = Bench::start(way, server.address, &trust, config);
    let mut rest = &records[..];
    while !rest.is_empty() {
        let (event, others) = rest.split_at((1 + below(&rng, 25)).min(rest.len()));
        bench.give(event).await;
        rest = others;
    }
    bench.end(&script, fate).await;
}

fn script(seed: u64, mends_at: usize) -> Script {
    let [head, body, knock] =
        [1, 2, 3].map(|part: u64| SharedRng::seeded(seed ^ part.rotate_left(40)));
    Script::new(move |number, records| {
        let judged = judged(records);
        match below(&body, 10) {
            0..3 if number < mends_at => Reply {
                fault: fault(&body),
                ..judged
            },
            3 if number < mends_at => setback(&body),
            _ => judged,
        }
    })
    .early(move |number, _| match below(&head, 20) {
        0 if number < mends_at => Some(Reply::fault(200, Fault::Silent(ending(&head)))),
        1 if number < mends_at => Some(Reply {
            fault: Fault::Last(one(&head, &[Close, Reset])),
            ..setback(&head)
        }),
        _ => None,
    })
    .knocked(move |number| match below(&knock, 10) {
        0 if number < mends_at => Knock::End(ending(&knock)),
        1 if number < mends_at => Knock::Garbage,
        _ => Knock::Serve,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixtures() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|it| it.parse::<u64>().unwrap())
    };
    let first =
        number("DELIVERY_SEED").unwrap_or_else(|| SharedRng::from_entropy().next_u64() >> 16);
    let count = number("DELIVERY_SEEDS").unwrap_or(20);
    let seeds: Vec<u64> = (first..first + count).collect();
    // A few side by side: most of the time goes by waiting.
    for some in seeds.chunks(10) {
        let runs = some.iter().map(|seed| async move {
            let run = AssertUnwindSafe(mixture(*seed)).catch_unwind().await;
            run.unwrap_or_else(|panic| {
                eprintln!("again with DELIVERY_SEED={seed} DELIVERY_SEEDS=1");
                std::panic::resume_unwind(panic);
            });
        });
        futures::future::join_all(runs).await;
    }
}
