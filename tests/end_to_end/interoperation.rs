//! The forwarder and Microsoft's own clients in one consumer group, with one checkpoint store:
//! each goes on where the other has stopped, and side by side they share.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use crate::azurite::TestContainer;
use crate::bag::Bag;
use crate::endpoint::Reply;
use crate::eventually::{PATIENCE, eventually};
use crate::forwarder::Settings;
use crate::hub::{GROUP, HUB};
use crate::scanner;
use crate::scene::Scene;
use crate::sdk::{Consumer, Sdk, Seen};

const PARTITIONS: u32 = 4;
/// The partition that is empty at first.
const EMPTY: u32 = PARTITIONS - 1;
const RECORDS_PER_EVENT: u64 = 3;
const CHECKPOINT_EVERY: u32 = 10;

macro_rules! with_every_sdk {
    ($($(#[$meta:meta])* $property:ident),+ $(,)?) => {
        with_every_sdk! { @ javascript JavaScript $($(#[$meta])* $property)+ }
        with_every_sdk! { @ python Python $($(#[$meta])* $property)+ }
    };
    (@ $language:ident $sdk:ident $($(#[$meta:meta])* $property:ident)+) => {
        mod $language {
            use crate::sdk::Sdk;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                $(#[$meta])*
                async fn $property() {
                    if Sdk::$sdk.is_installed() {
                        super::$property(Sdk::$sdk).await;
                    }
                }
            )+
        }
    };
}

with_every_sdk! {
    what_a_client_left_is_taken_over,
    what_the_forwarder_left_is_taken_over,
    a_client_that_joins_gets_its_share,
    a_forwarder_that_joins_gets_its_share,
}

/// Hub, endpoint and container.
struct Stage {
    scene: Scene,
    container: TestContainer,
}

impl Stage {
    async fn set() -> Self {
        Self {
            scene: Scene::set(PARTITIONS).await,
            container: TestContainer::create().await,
        }
    }

    fn settings(&self) -> Settings {
        let settings = self.scene.settings().container(&self.container.url());
        settings
            .set("ownership.balance_interval", "500ms")
            .set("ownership.renew_interval", "1s")
            .set("ownership.expiry", "10s")
            .set("ownership.steal_after", "1s")
    }

    fn client(&self, sdk: Sdk, limit: Option<u32>) -> Consumer {
        let (hub, container) = (&self.scene.hub, self.container.url());
        Consumer::start(sdk, hub, &container, CHECKPOINT_EVERY, limit)
    }

    /// One of the fields that the container holds for each partition.
    async fn stored(&self, kind: &str, field: &str) -> BTreeMap<u32, String> {
        let mut stored = BTreeMap::new();
        for partition in 0..PARTITIONS {
            let path = format!("localhost/{HUB}/{GROUP}/{kind}/{partition}");
            if let Some(mut fields) = self.container.metadata(&path).await {
                stored.insert(partition, fields.remove(field).unwrap_or_default());
            }
        }
        stored
    }

    /// Numbers of the checkpoints.
    async fn checkpoints(&self) -> BTreeMap<u32, i64> {
        let stored = self.stored("checkpoint", "sequencenumber").await;
        let number = |(partition, text): (u32, String)| (partition, text.parse().unwrap());
        stored.into_iter().map(number).collect()
    }

    /// Who owns what; empty when it is released.
    async fn owners(&self) -> BTreeMap<u32, String> {
        self.stored("ownership", "ownerid").await
    }

    async fn is_released(&self) -> bool {
        self.owners().await.values().all(String::is_empty)
    }

    /// What the endpoint has accepted, and what a client has processed.
    fn together(&self, seen: &[Seen]) -> Bag {
        let mut bag = self.scene.endpoint.accepted();
        bag.extend(records(seen));
        bag
    }

    async fn everything_is_there(&self, client: &Consumer) {
        eventually("every record on one side or the other", || {
            let produced = self.scene.hub.produced();
            self.together(&client.seen()).contains(&produced)
        })
        .await;
    }

    /// Asserts that nothing is lost or altered; gives what is there twice.
    fn repeated(&self, seen: &[Seen]) -> u64 {
        let together = self.together(seen);
        let difference = together.against(&self.scene.hub.produced());
        difference.duplicates_only()
    }
}

fn records(seen: &[Seen]) -> Vec<Bytes> {
    let all = seen.iter().flat_map(|event| {
        let found = scanner::records(&event.body).unwrap();
        found.into_iter().map(|record| event.body.slice_ref(record))
    });
    all.collect()
}

/// How many events of each partition there are.
fn counts(seen: &[Seen]) -> BTreeMap<u32, u32> {
    let mut counts = BTreeMap::new();
    for event in seen {
        *counts.entry(event.partition).or_default() += 1;
    }
    counts
}

async fn what_a_client_left_is_taken_over(sdk: Sdk) {
    const LIMIT: u32 = 35;
    let stage = Stage::set().await;
    let hub = &stage.scene.hub;
    for partition in (0..PARTITIONS).filter(|it| *it != EMPTY) {
        hub.produce(partition, 70, RECORDS_PER_EVENT);
    }
    let half: BTreeMap<_, _> = (0..EMPTY).map(|partition| (partition, LIMIT)).collect();
    let mut client = stage.client(sdk, Some(LIMIT));
    eventually("a client's half", || counts(&client.seen()) == half).await;
    client.stop().await;
    assert_eq!(client.errors(), Vec::<Value>::new());
    // Python's client leaves a partition that it renews just then to its expiry.
    assert!(sdk == Sdk::Python || stage.is_released().await);
    let seen = client.seen();
    assert_eq!(counts(&seen), half, "it has taken no more");
    let stored = stage.checkpoints().await;
    assert_eq!(stored, client.stored());
    let after = |event: &&Seen| stored[&event.partition] < event.sequence;
    let allowed = RECORDS_PER_EVENT * seen.iter().filter(after).count() as u64;
    assert_eq!(
        allowed,
        u64::from(LIMIT % CHECKPOINT_EVERY * EMPTY) * RECORDS_PER_EVENT
    );

    let forwarder = stage.settings().start();
    // Read on from there, the rest comes, and what is new.
    stage.everything_is_there(&client).await;
    stage.scene.produce(10, RECORDS_PER_EVENT);
    stage.everything_is_there(&client).await;
    forwarder.stop().await;
    // No less either: it goes on right behind the checkpoints.
    assert_eq!(stage.repeated(&seen), allowed);
    let last = (0..PARTITIONS).map(|partition| (partition, hub.last(partition)));
    assert_eq!(stage.checkpoints().await, last.collect());
    assert!(stage.is_released().await);
}

async fn what_the_forwarder_left_is_taken_over(sdk: Sdk) {
    let stage = Stage::set().await;
    let (hub, endpoint) = (&stage.scene.hub, &stage.scene.endpoint);
    for partition in (0..PARTITIONS).filter(|it| *it != EMPTY) {
        hub.produce(partition, 200, RECORDS_PER_EVENT);
    }
    endpoint.behave(Reply::After(Duration::from_millis(100), 200));
    let settings = stage.settings().set("sinks.main.batch.records", "30");
    let forwarder = settings.set("limits.open_events_max", "50").start();
    eventually("the forwarder's half", || {
        endpoint.distinct() >= hub.produced().total() / 3
    })
    .await;
    forwarder.stop().await;
    assert!(stage.is_released().await);
    let delivered = endpoint.taken();
    let stored = stage.checkpoints().await;
    assert_eq!(
        stored[&EMPTY], -1,
        "of the empty partition there is one, too"
    );
    for (partition, sequence) in stored.iter().filter(|(it, _)| **it != EMPTY) {
        assert!((0..hub.last(*partition)).contains(sequence), "{stored:?}");
    }
    // Its end was orderly: nothing was delivered behind the checkpoints.
    let events: i64 = stored.values().map(|sequence| sequence + 1).sum();
    assert_eq!(delivered.total(), events as u64 * RECORDS_PER_EVENT);

    let mut client = stage.client(sdk, None);
    let found = client.found().await;
    let numbers = found
        .iter()
        .map(|(partition, (number, _))| (*partition, *number));
    assert_eq!(numbers.collect::<BTreeMap<_, _>>(), stored);
    assert_eq!(found[&EMPTY].1, "-1");
    stage.everything_is_there(&client).await;
    stage.scene.produce(10, RECORDS_PER_EVENT);
    stage.everything_is_there(&client).await;
    client.stop().await;
    assert_eq!(client.errors(), Vec::<Value>::new());
    assert_eq!(stage.repeated(&client.seen()), 0);
}

/// The clients renew every second; the listing tells ages to the second.
const STAYS: Duration = Duration::from_secs(3);

/// Waits until two owners have the same number of partitions, and then for a while that nothing
/// moves any more.
async fn settle(stage: &Stage) {
    let deadline = Instant::now() + PATIENCE;
    let mut owners = BTreeMap::new();
    let mut since = Instant::now();
    while since.elapsed() < STAYS {
        assert!(Instant::now() < deadline, "no peace: {owners:?}");
        let now = stage.owners().await;
        let mut shares = BTreeMap::<&str, u32>::new();
        for owner in now.values().filter(|owner| !owner.is_empty()) {
            *shares.entry(owner).or_default() += 1;
        }
        let is_fair = shares.len() == 2 && shares.values().all(|it| *it == PARTITIONS / 2);
        if !is_fair || now != owners {
            since = Instant::now();
        }
        owners = now;
        // Under load, so that a partition that moves shows what it loses.
        stage.scene.produce(1, RECORDS_PER_EVENT);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Both run, and share; what comes from now on each of them gets once.
async fn assert_shared(stage: &Stage, client: &mut Consumer) {
    settle(stage).await;
    stage.everything_is_there(client).await;
    let (owners, before) = (stage.owners().await, stage.repeated(&client.seen()));
    let taken = stage.scene.endpoint.distinct();
    let (seen, events) = (client.seen().len(), 50);
    stage.scene.produce(events, RECORDS_PER_EVENT);
    stage.everything_is_there(client).await;
    assert_eq!(stage.owners().await, owners);
    assert_eq!(stage.repeated(&client.seen()), before);
    let half = events * u64::from(PARTITIONS) / 2;
    assert_eq!(client.seen().len() as u64 - seen as u64, half);
    assert_eq!(
        stage.scene.endpoint.distinct() - taken,
        half * RECORDS_PER_EVENT
    );
    println!("{before} records were repeated while partitions moved");
}

async fn a_client_that_joins_gets_its_share(sdk: Sdk) {
    let stage = Stage::set().await;
    stage.scene.produce(100, RECORDS_PER_EVENT);
    let forwarder = stage.settings().start();
    stage.scene.everything_arrives().await;
    let mut client = stage.client(sdk, None);
    assert_shared(&stage, &mut client).await;
    // What one leaves, the other takes.
    client.stop().await;
    stage.scene.produce(10, RECORDS_PER_EVENT);
    stage.everything_is_there(&client).await;
    forwarder.stop().await;
    stage.repeated(&client.seen());
    assert!(stage.is_released().await);
}

async fn a_forwarder_that_joins_gets_its_share(sdk: Sdk) {
    let stage = Stage::set().await;
    stage.scene.produce(100, RECORDS_PER_EVENT);
    let mut client = stage.client(sdk, None);
    stage.everything_is_there(&client).await;
    let forwarder = stage.settings().start();
    assert_shared(&stage, &mut client).await;
    forwarder.stop().await;
    stage.scene.produce(10, RECORDS_PER_EVENT);
    stage.everything_is_there(&client).await;
    client.stop().await;
    stage.repeated(&client.seen());
    assert!(sdk == Sdk::Python || stage.is_released().await);
}
