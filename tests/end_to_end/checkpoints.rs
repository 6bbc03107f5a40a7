//! The `checkpoints` commands, as processes of their own beside the forwarder's.

use bytes::Bytes;
use entra_forwarder_emulator::{ManualClock, Options, Position};

use crate::bag::Bag;
use crate::eventually::{PATIENCE, eventually};
use crate::forwarder::Settings;
use crate::hub::Hub;
use crate::scene::Scene;
use crate::told::Told;

mod blobs;
mod import;
mod layouts;
mod set;
mod show;

/// 2025-06-01T00:00:00Z.
const MIDNIGHT_MS: i64 = 1_748_736_000_000;

/// Runs `checkpoints` to its end.
async fn told(settings: &Settings, arguments: &[&str]) -> Told {
    crate::told::told(settings, &[&["checkpoints"], arguments].concat()).await
}

/// Two partitions with ten events each, one per second from midnight on.
struct Tens {
    scene: Scene,
    positions: Vec<Vec<Position>>,
}

impl Tens {
    async fn set() -> Self {
        let clock = ManualClock::new(MIDNIGHT_MS);
        let options = Options {
            clock: std::sync::Arc::new(clock.clone()),
            ..Options::default()
        };
        let scene = Scene::with(Hub::start_with(2, options).await, 2).await;
        let mut positions = vec![Vec::new(), Vec::new()];
        for number in 0..10 {
            for (partition, positions) in (0_u32..).zip(&mut positions) {
                let body = format!("{{\"records\":[{}]}}", record(partition, number));
                positions.push(scene.hub.append(partition, body));
            }
            clock.advance_ms(1_000);
        }
        // The tokens that clients make are of today.
        clock.set_ms(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64);
        Self { scene, positions }
    }

    /// Offset of an event.
    fn offset(&self, partition: usize, number: usize) -> &str {
        &self.positions[partition][number].offset
    }

    /// Runs the forwarder until these events have arrived and everything is stored; they are all
    /// that arrives beyond `before`, and each arrives once.
    async fn delivers(&self, settings: &Settings, before: &Bag, events: [std::ops::Range<u32>; 2]) {
        let mut due = before.clone();
        for (partition, numbers) in (0..).zip(events) {
            due.extend(numbers.map(|number| Bytes::from(record(partition, number))));
        }
        let forwarder = settings.start();
        forwarder.health_becomes("/readyz", 200).await;
        eventually("what is due", || self.scene.endpoint.taken().contains(&due)).await;
        // Nothing more can come when every partition is at its end.
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !is_at_the_end(settings).await {
            assert!(
                tokio::time::Instant::now() < deadline,
                "{}",
                forwarder.text()
            );
        }
        forwarder.stop().await;
        assert_eq!(self.scene.endpoint.taken(), due);
    }
}

async fn is_at_the_end(settings: &Settings) -> bool {
    let shown = told(settings, &["show", "--json"]).await.done();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let partitions = shown["sources"][0]["partitions"].as_array().unwrap();
    partitions.iter().all(|partition| partition["lag"] == 0)
}

fn record(partition: u32, number: u32) -> String {
    format!("{{\"partition\":{partition},\"number\":{number}}}")
}

/// The scene's configuration with checkpoints in a container.
fn on_blobs(scene: &Scene, container: &crate::azurite::TestContainer) -> Settings {
    scene
        .settings()
        .without("checkpoints.directory")
        .set("checkpoints.store", "blob")
        .set("checkpoints.container_url", &container.url())
}
