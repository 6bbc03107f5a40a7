//! Several replicas share a hub: each gets its share and keeps it, and what one leaves is taken
//! over in time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::eventually::{PATIENCE, eventually};
use crate::forwarder::{Forwarder, Settings};
use crate::replicas::{Replicas, share, shares};

const PARTITIONS: u32 = 32;
const RECORDS_PER_EVENT: u64 = 3;

/// A takeover is a list, a claim, three requests for the checkpoint, and the same again where two
/// were after one partition; what makes those slow is not what the bounds are about.
const REQUESTS: u32 = 12;

/// Starts three that may claim at the same time; gives their names, too.
async fn three(replicas: &Replicas, settings: &Settings) -> ([Forwarder; 3], [String; 3]) {
    let endpoint = &replicas.scene.endpoint;
    endpoint.answer_probes(503);
    let forwarders = [settings.start(), settings.start(), settings.start()];
    let mut names = [const { String::new() }; 3];
    for (name, forwarder) in names.iter_mut().zip(&forwarders) {
        forwarder.says("source_found").await;
        *name = forwarder.owner().await;
    }
    assert!(replicas.owners().await.is_empty(), "claimed too early");
    endpoint.answer_probes(200);
    (forwarders, names)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_settle_and_stay_so_for_ten_renewals() {
    let replicas = Replicas::set(PARTITIONS).await;
    let settings = replicas
        .settings()
        .set("ownership.renew_interval", "500ms")
        // Nobody ends here, and on a slow machine a renewal may be late.
        .set("ownership.expiry", "30s")
        .set("ownership.steal_after", "1s");
    let (forwarders, names) = three(&replicas, &settings).await;
    let is_fair = |owners: &_| shares(owners, &names) == [10, 11, 11];
    let fair = replicas.owners_become_timed("fair shares", is_fair);
    let (_, slowest) = fair.await;
    // What one of them decided by an older list is claimed by then: two that lack one each may
    // both take it from the third.
    tokio::time::sleep(REQUESTS * slowest).await;
    replicas.all_are_read().await;
    let attaches = replicas.quiet().await;
    let owners = replicas.owners_become("fair shares", is_fair).await;
    // As the store shows it, every claim is renewed ten times.
    let mut renewals = BTreeMap::<u32, u32>::new();
    let mut versions = replicas.versions().await;
    let begun = Instant::now();
    while renewals.len() < 32 || renewals.values().any(|count| *count < 10) {
        assert!(begun.elapsed() < 3 * PATIENCE, "{renewals:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(replicas.owners().await, owners, "a partition moved");
        let present = replicas.versions().await;
        for (partition, version) in &present {
            let is_renewed = versions[partition] != *version;
            *renewals.entry(*partition).or_default() += u32::from(is_renewed);
        }
        versions = present;
    }
    assert_eq!(replicas.attaches(), attaches, "a receiver was opened again");
    for forwarder in &forwarders {
        assert_eq!(forwarder.health("/readyz").await.0, 200);
    }
}

/// The former owner is thrown off before it looks at the owners again, and does not come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_partition_is_not_fought_over() {
    let replicas = Replicas::set(4).await;
    let settings = replicas
        .settings()
        .set("ownership.balance_interval", "4s")
        .set("ownership.renew_interval", "4s")
        .set("ownership.expiry", "30s")
        .set("ownership.steal_after", "0s");
    let first = settings.start();
    replicas.all_belong_to(&first.owner().await).await;
    let attaches = replicas.quiet().await;
    let second = settings.start();
    let names = [first.owner().await, second.owner().await];
    let is_fair = |owners: &_| shares(owners, &names) == [2, 2];
    replicas.owners_become("fair shares", is_fair).await;
    eventually("the loss to be known", || {
        first.logged("partition_taken").len() == 2
    })
    .await;
    assert_eq!(replicas.quiet().await, attaches + 2);
    assert!(second.logged("partition_taken").is_empty());
    // The test's own signature ends within a day, and is said to.
    let waits = second.waits();
    let mut others = waits
        .iter()
        .filter(|(who, _)| !who.starts_with("signature"));
    assert_eq!(others.next(), None);
}

/// With the default time between two looks; the store's clock counts whole seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_leaves_is_taken_over_in_time() {
    const INTERVAL: Duration = Duration::from_secs(2);
    const EXPIRY: Duration = Duration::from_secs(6);
    const OPEN_MAX: u64 = 10;
    const UNCOMMITTED_MAX: u64 = 10;
    let replicas = Replicas::set(PARTITIONS).await;
    let scene = &replicas.scene;
    let settings = replicas
        .settings()
        .set("ownership.balance_interval", "2s")
        .set("ownership.renew_interval", "2s")
        .set("ownership.expiry", "6s")
        .set("ownership.steal_after", "0s")
        .set("limits.open_events_max", &OPEN_MAX.to_string())
        .set("limits.uncommitted_max", &UNCOMMITTED_MAX.to_string());
    let (forwarders, names) = three(&replicas, &settings).await;
    let is_fair = |owners: &_| shares(owners, &names) == [10, 11, 11];
    replicas.owners_become("fair shares", is_fair).await;
    replicas.quiet().await;
    let [stopped, killed, last] = forwarders;

    // Orderly: what was its own is released at its end.
    let before = scene.duplicates();
    scene.under_load(stopped.stop()).await;
    let end = Instant::now();
    let is_taken = |owners: &_| share(owners, &names[0]) == 0 && share(owners, "") == 0;
    let taken = replicas.owners_become_timed("the stopped one's partitions", is_taken);
    let (_, slowest) = scene.under_load(taken).await;
    let took = end.elapsed();
    println!("the stopped one's partitions: {took:?}, a list took {slowest:?}");
    let most = Duration::from_secs(3) + REQUESTS * slowest;
    assert!(took <= most, "{took:?} > {most:?}");
    scene.everything_arrives().await;
    assert_eq!(scene.duplicates(), before, "an orderly end repeats nothing");
    replicas.quiet().await;

    // A crash: its claims expire.
    let owned = share(&replicas.owners().await, &names[1]) as u64;
    assert!((15..=17).contains(&owned), "{owned}");
    let flow = tokio::time::sleep(Duration::from_millis(500));
    scene.under_load(flow).await;
    scene.under_load(killed.kill()).await;
    let end = Instant::now();
    let is_taken = |owners: &_| share(owners, &names[2]) == PARTITIONS as usize;
    let taken = replicas.owners_become_timed("the killed one's partitions", is_taken);
    let (_, slowest) = scene.under_load(taken).await;
    let took = end.elapsed();
    println!("the killed one's partitions: {took:?}, a list took {slowest:?}");
    let most = EXPIRY + INTERVAL + REQUESTS * slowest;
    assert!(took <= most, "{took:?} > {most:?}");
    scene.everything_arrives().await;
    last.stop().await;
    let repeated = scene.duplicates() - before;
    println!("{repeated} repeated");
    let most = (OPEN_MAX + UNCOMMITTED_MAX) * RECORDS_PER_EVENT * owned;
    assert!(repeated <= most, "{repeated} > {most}");
}
