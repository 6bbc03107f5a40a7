//! A process that stands still for longer than its claims count (a paused machine, a debugger):
//! another one takes over, and when it wakes up it harms nobody.

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::Signal;
use serde_json::Value;
use tokio::time::Instant;

use crate::eventually::PATIENCE;
use crate::forwarder::Forwarder;
use crate::replicas::{Replicas, share, shares};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stopped_process_owned_is_taken_over_for_good() {
    let replicas = Replicas::set(4).await;
    let scene = &replicas.scene;
    // Both start with a fair share; after that nobody steals.
    let settings = replicas
        .settings()
        .set("ownership.steal_after", "1s")
        // On a slow machine a renewal may be late.
        .set("ownership.expiry", "6s")
        .set("sinks.main.batch.records", "5");
    let [still, other] = [settings.start(), settings.start()];
    let names = [still.owner().await, other.owner().await];
    let is_fair = |owners: &_| shares(owners, &names) == [2, 2];
    replicas.owners_become("fair shares", is_fair).await;
    let watched = async {
        replicas.quiet().await;
        let before = replicas.checkpoints().await;
        still.signal(Signal::STOP);
        let stolen = stolen(&still).len();
        replicas.all_belong_to(&names[1]).await;
        let attaches = replicas.quiet().await;
        still.signal(Signal::CONT);
        let (mut last, begun) = (before, Instant::now());
        while lost(&still).len() < 2 {
            assert!(begun.elapsed() < PATIENCE, "it does not find out");
            let present = replicas.checkpoints().await;
            assert_forward(&last, &present);
            last = present;
        }
        (attaches, stolen, last)
    };
    let (attaches, known, mut last) = scene.under_load(watched).await;
    // Once it knows, it takes its share again as any other; that alone opens receivers.
    let shared = replicas.owners_become("fair shares again", is_fair);
    scene.under_load(shared).await;
    scene.under_load(replicas.quiet()).await;
    let mut taken = stolen(&still).split_off(known);
    for partition in replicas.attached().split_off(attaches) {
        let place = taken.iter().position(|it| *it == partition);
        taken.swap_remove(place.expect("it threw somebody off"));
    }
    scene.everything_arrives().await;
    let present = replicas.checkpoints().await;
    assert_forward(&last, &present);
    last = present;
    for forwarder in [still, other] {
        forwarder.stop().await;
        let present = replicas.checkpoints().await;
        assert_forward(&last, &present);
        last = present;
    }
    assert_eq!(share(&replicas.owners().await, ""), 4);
    let repeated = scene.duplicates();
    println!("{repeated} repeated");
}

/// The partitions that it knows to have lost, by the claim or by the checkpoint.
fn lost(forwarder: &Forwarder) -> BTreeSet<u32> {
    let said = ["partition_taken", "partition_lost"].map(|event| forwarder.logged(event));
    said.iter().flatten().map(partition).collect()
}

/// The partitions that it has taken from another, one after the other.
fn stolen(forwarder: &Forwarder) -> Vec<u32> {
    let said = forwarder.logged("partition_stolen");
    said.iter().map(partition).collect()
}

fn partition(line: &Value) -> u32 {
    line["partition"].as_str().unwrap().parse().unwrap()
}

/// Asserts that no checkpoint went back.
fn assert_forward(before: &BTreeMap<u32, i64>, after: &BTreeMap<u32, i64>) {
    for (partition, sequence) in before {
        assert!(after[partition] >= *sequence, "{partition} went back");
    }
}
