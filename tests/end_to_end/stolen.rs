//! A partition whose new owner has opened its receiver: ours is ended by the broker, and must not
//! throw the new one off in its turn. Microsoft's JavaScript client, for one, never opens a second
//! receiver on a partition that it owns: nobody would read it until its claim expires.

use std::time::Duration;

use entra_forwarder_emulator::{Action, Fault};

use crate::eventually::eventually;
use crate::scene::Scene;

const PARTITIONS: u32 = 4;
/// Longer than any first wait before a reopening.
const QUIET: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_the_new_owner_has_ended_is_not_opened_again() {
    let scene = Scene::set(PARTITIONS).await;
    scene.produce(20, 1);
    // The owners are not listed by themselves meanwhile.
    let settings = scene
        .settings()
        .set("ownership.balance_interval", "60s")
        .set("ownership.renew_interval", "60s")
        .set("ownership.expiry", "3m");
    let forwarder = settings.start();
    scene.everything_arrives().await;
    eventually("the checkpoints", || scene.is_stored()).await;
    let attaches = || scene.hub.emulator.attach_log().len();
    let before = attaches();
    for partition in 0..PARTITIONS {
        scene.own(partition, "another");
        let condition = Some("amqp:link:stolen".to_owned());
        let description = Some("New receiver 'another' with higher epoch of '0'".to_owned());
        let stolen = Action::DetachLink {
            condition,
            description,
        };
        scene
            .hub
            .emulator
            .faults()
            .inject(Fault::once(stolen).partition(partition));
    }
    tokio::time::sleep(QUIET).await;
    assert_eq!(attaches(), before, "{}", forwarder.text());
    for partition in 0..PARTITIONS {
        assert_eq!(scene.owner(partition).as_deref(), Some("another"));
    }
    forwarder.stop().await;
}
