//! Resident memory stays near the budget, whatever arrives while an endpoint takes nothing.

use std::time::Duration;

use bytes::Bytes;

use crate::endpoint::Reply;
use crate::eventually::eventually;
use crate::scene::Scene;

const PARTITIONS: u32 = 8;
const MIB: u64 = 1 << 20;
const BUDGET: u64 = 32 * MIB;
/// What the program itself may take beside it.
const BESIDE: u64 = 48 * MIB;

/// An event of nearly 1 MB whose records do not compress well.
fn event(number: u64) -> Bytes {
    let mut state = 88_172_645_463_325_252_u64 ^ number;
    let records: Vec<String> = (0..100)
        .map(|_| {
            let text: String = (0..600)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    format!("{state:016x}")
                })
                .collect();
            format!("{{\"text\":\"{text}\"}}")
        })
        .collect();
    format!("{{\"records\":[{}]}}", records.join(",")).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_stalls_does_not_fill_the_memory() {
    let scene = Scene::set(PARTITIONS).await;
    let events = 4 * BUDGET / MIB;
    for number in 0..events {
        let partition = u32::try_from(number).unwrap() % PARTITIONS;
        scene.hub.append(partition, event(number));
    }
    scene.endpoint.behave(Reply::Status(503));
    let settings = scene
        .settings()
        .set("limits.memory_budget", "32MiB")
        .set("sinks.main.concurrency", "16")
        .set("sinks.main.compression", "none");
    let forwarder = settings.start();
    eventually("requests", || scene.endpoint.count() > 5).await;
    // For as long as it could read on.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let stalled = forwarder.memory_peak();
    scene.endpoint.behave(Reply::Status(200));
    eventually("every record", || scene.endpoint.distinct() >= 100 * events).await;
    let peak = forwarder.memory_peak();
    println!("{} MiB stalled, {} MiB at most", stalled / MIB, peak / MIB);
    assert!(peak <= BUDGET + BESIDE, "{} MiB", peak / MIB);
    assert!(peak > BUDGET / 4, "it measures something");
    forwarder.stop().await;
}
