//! A replica that the endpoint refuses takes nothing from one that it accepts.

use std::time::Duration;

use crate::eventually::eventually;
use crate::forwarder::Settings;
use crate::replicas::{Replicas, share, shares};

const PARTITIONS: u32 = 6;
const GIVE_UP_AFTER: Duration = Duration::from_secs(1);

fn settings(replicas: &Replicas, token: &str) -> Settings {
    replicas
        .settings()
        .set("sinks.main.headers.authorization", token)
        .set("ownership.steal_after", "500ms")
        // On a slow machine a renewal may be late.
        .set("ownership.expiry", "10s")
        .set("ownership.give_up_after", "1s")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_one_with_a_wrong_token_owns_nothing() {
    let replicas = Replicas::set(PARTITIONS).await;
    let scene = &replicas.scene;
    scene.endpoint.refuse_token(Some("Bearer wrong"));
    let first = settings(&replicas, "Bearer right").start();
    let name = first.owner().await;
    replicas.all_belong_to(&name).await;
    let attaches = replicas.quiet().await;

    let second = settings(&replicas, "Bearer wrong").start();
    let refused = eventually("refused probes", || scene.endpoint.refusals() > 10);
    scene.under_load(refused).await;
    // By now it has seen the owners many times, and an imbalance for long enough.
    let (status, reason) = second.health("/readyz").await;
    assert_eq!(status, 503);
    assert!(reason.contains("sink main"), "{reason}");
    assert!(reason.contains("status 401"), "{reason}");
    assert_eq!(second.health("/livez").await.0, 200);
    assert_eq!(second.logged("failing").len(), 1, "said once");
    assert!(scene.endpoint.probes() > 10);
    assert_eq!(share(&replicas.owners().await, &name), PARTITIONS as usize);
    scene.everything_arrives().await;
    second.stop().await;
    assert_eq!(replicas.attaches(), attaches, "the first is not disturbed");
    assert_eq!(first.health("/readyz").await.0, 200);
    let first = first.stop().await;
    assert!(first.logged("partition_taken").is_empty());
    assert_eq!(scene.duplicates(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_token_is_revoked_leaves_its_partitions_to_another() {
    let replicas = Replicas::set(PARTITIONS).await;
    let scene = &replicas.scene;
    let [first, second] = ["Bearer one", "Bearer two"].map(|it| settings(&replicas, it).start());
    let names = [first.owner().await, second.owner().await];
    let is_fair = |owners: &_| shares(owners, &names) == [3, 3];
    replicas.owners_become("fair shares", is_fair).await;

    scene.endpoint.refuse_token(Some("Bearer two"));
    scene.under_load(replicas.all_belong_to(&names[0])).await;
    scene.everything_arrives().await;
    let given_up = second.logged("partition_given_up");
    assert_eq!(given_up.len(), 3, "{given_up:?}");
    // Nothing is on its way any more, and so it is asked whether it accepts again.
    let refusals = scene.endpoint.refusals();
    eventually("probes", || scene.endpoint.refusals() > refusals + 3).await;
    assert_eq!(share(&replicas.owners().await, &names[1]), 0);
    scene.endpoint.refuse_token(None);
    let shared = replicas.owners_become("fair shares again", is_fair);
    scene.under_load(shared).await;
    scene.under_load(replicas.quiet()).await;

    // Alone it keeps what it has, and waits.
    first.stop().await;
    scene.under_load(replicas.all_belong_to(&names[1])).await;
    scene.everything_arrives().await;
    let attaches = replicas.quiet().await;
    scene.endpoint.refuse_token(Some("Bearer two"));
    let refusals = scene.endpoint.refusals();
    let refused = async {
        eventually("refusals", || scene.endpoint.refusals() > refusals).await;
        tokio::time::sleep(3 * GIVE_UP_AFTER).await;
    };
    scene.under_load(refused).await;
    assert_eq!(share(&replicas.owners().await, &names[1]), 6);
    assert_eq!(second.logged("partition_given_up").len(), 3, "no more");
    scene.endpoint.refuse_token(None);
    scene.everything_arrives().await;
    assert_eq!(replicas.attaches(), attaches);
    second.stop().await;
    let accepted = scene.endpoint.accepted();
    let repeated = accepted.against(&scene.hub.produced()).duplicates_only();
    println!("{repeated} repeated by stealing and giving up");
}
