//! Replicas that share the partitions of one hub by a blob container, and who owns what.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::azurite::TestContainer;
use crate::eventually::{PATIENCE, eventually};
use crate::forwarder::Settings;
use crate::hub::{GROUP, HUB};
use crate::scene::Scene;

/// The owner of each partition that was ever claimed; empty when it was released.
pub(crate) type Owners = BTreeMap<u32, String>;

/// A hub, an endpoint and a container.
pub(crate) struct Replicas {
    /// Hub and endpoint.
    pub(crate) scene: Scene,
    container: TestContainer,
    partitions: u32,
}

impl Replicas {
    /// A hub with empty partitions, an endpoint that accepts, an empty container.
    pub(crate) async fn set(partitions: u32) -> Self {
        use rustls::crypto::aws_lc_rs::default_provider;
        let _installed_before = default_provider().install_default();
        Self {
            scene: Scene::set(partitions).await,
            container: TestContainer::create().await,
            partitions,
        }
    }

    /// A configuration for all of it.
    pub(crate) fn settings(&self) -> Settings {
        self.scene
            .settings()
            .set("checkpoints.store", "blob")
            .without("checkpoints.directory")
            .set("checkpoints.container_url", &self.container.url())
            // Small events: no receiver is opened again for another prefetch.
            .set("sources.logs.max_event_size", "64KiB")
    }

    async fn stored(&self, kind: &str, field: &str) -> BTreeMap<u32, (String, String)> {
        let path = format!("localhost/{HUB}/{GROUP}/{kind}/");
        let blobs = self.container.blobs(&path, field).await;
        let by_number = |(name, blob): (String, _)| (name.parse().unwrap(), blob);
        blobs.into_iter().map(by_number).collect()
    }

    /// Who owns what.
    pub(crate) async fn owners(&self) -> Owners {
        let stored = self.stored("ownership", "ownerid").await;
        stored.into_iter().map(|(id, (_, it))| (id, it)).collect()
    }

    /// The version of each ownership: another one after each renewal.
    pub(crate) async fn versions(&self) -> BTreeMap<u32, String> {
        let stored = self.stored("ownership", "ownerid").await;
        stored.into_iter().map(|(id, (it, _))| (id, it)).collect()
    }

    /// The sequence numbers of the checkpoints.
    pub(crate) async fn checkpoints(&self) -> BTreeMap<u32, i64> {
        let stored = self.stored("checkpoint", "sequencenumber").await;
        let number = |(id, (_, it)): (u32, (_, String))| (id, it.parse().unwrap());
        stored.into_iter().map(number).collect()
    }

    /// Waits until the owners are as wanted.
    pub(crate) async fn owners_become(
        &self,
        what: &str,
        is_so: impl Fn(&Owners) -> bool,
    ) -> Owners {
        self.owners_become_timed(what, is_so).await.0
    }

    /// The same; gives the longest time that a list of the owners took, too: on an idle machine
    /// some milliseconds, more when everything on it is slow.
    pub(crate) async fn owners_become_timed(
        &self,
        what: &str,
        is_so: impl Fn(&Owners) -> bool,
    ) -> (Owners, Duration) {
        let deadline = Instant::now() + PATIENCE;
        let mut slowest = Duration::ZERO;
        loop {
            let asked = Instant::now();
            let owners = self.owners().await;
            slowest = slowest.max(asked.elapsed());
            if is_so(&owners) {
                return (owners, slowest);
            }
            assert!(Instant::now() < deadline, "{what}: {owners:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until one owner has every partition, and reads it.
    pub(crate) async fn all_belong_to(&self, owner: &str) {
        let all = self.partitions as usize;
        self.owners_become("all for one", |owners| share(owners, owner) == all)
            .await;
        self.all_are_read().await;
    }

    /// Waits until every partition has a reader.
    pub(crate) async fn all_are_read(&self) {
        let readers = |partition| self.scene.hub.emulator.readers(HUB, partition).unwrap();
        eventually("readers", || (0..self.partitions).all(|it| readers(it) > 0)).await;
    }

    /// How many receivers were opened so far.
    pub(crate) fn attaches(&self) -> usize {
        self.attached().len()
    }

    /// The partition of each receiver that was opened so far.
    pub(crate) fn attached(&self) -> Vec<u32> {
        let log = self.scene.hub.emulator.attach_log();
        log.iter().map(|it| it.partition.parse().unwrap()).collect()
    }

    /// Waits until no receiver has been opened for a while; gives how many were opened.
    pub(crate) async fn quiet(&self) -> usize {
        let mut known = (self.attaches(), Instant::now());
        let began = Instant::now();
        while known.1.elapsed().as_millis() < 1_000 {
            assert!(began.elapsed() < PATIENCE, "receivers are opened for ever");
            tokio::time::sleep(Duration::from_millis(20)).await;
            if self.attaches() != known.0 {
                known = (self.attaches(), Instant::now());
            }
        }
        known.0
    }
}

/// How many partitions an owner has.
pub(crate) fn share(owners: &Owners, owner: &str) -> usize {
    owners.values().filter(|it| *it == owner).count()
}

/// What each of these has, the fewest first.
pub(crate) fn shares(owners: &Owners, of: &[String]) -> Vec<usize> {
    let mut shares: Vec<_> = of.iter().map(|owner| share(owners, owner)).collect();
    shares.sort_unstable();
    shares
}
