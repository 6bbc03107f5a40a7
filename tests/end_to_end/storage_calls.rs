//! What the forwarder asks of the store, counted at Azurite's door and held to docs/cost.md.
//!
//! **The shortened hour**: every interval is a twentieth of its default, and so is the time that is
//! watched. All calls but those of the start come from timers, and no timer has a fixed part (a
//! moment without an event and the time between two looks are parts of the checkpoint interval),
//! so as many calls fall into so many intervals, however long these are. Only the events must not
//! grow with them: a busy partition gets twenty times as many a second.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::azurite::TestContainer;
use crate::eventually::eventually;
use crate::proxy::Proxy;
use crate::scene::Scene;

/// Part of the defaults.
const SCALE: u32 = 20;
/// What is watched: four minutes, shortened.
const WATCHED: Duration = Duration::from_secs(4 * 60 / SCALE as u64);
/// Events that make a partition busy, as `checkpoint::pace` has them.
const BUSY_EVENTS: u64 = 100;

/// Two idle partitions, two with an event every 10 s, two busy ones.
const PARTITIONS: u32 = 6;
const TRICKLING: std::ops::Range<u32> = 2..4;
const BUSY: std::ops::Range<u32> = 4..6;
const TRICKLE: Duration = Duration::from_secs(10);
/// Shortened, 30 events every second.
const BUSY_BATCH: u64 = 75;
const BUSY_EVERY: Duration = Duration::from_millis(2_500);

/// The intervals that the calls follow.
#[derive(Clone, Copy)]
struct Intervals {
    /// How often the owners are listed.
    list: Duration,
    /// How often a claim is renewed.
    renew: Duration,
    /// `checkpoints.interval` and `checkpoints.interval_max`.
    checkpoint: Duration,
    checkpoint_max: Duration,
}

/// The defaults of a replica that has neighbours.
const BESIDE_OTHERS: Intervals = Intervals {
    list: Duration::from_secs(2),
    renew: Duration::from_secs(20),
    checkpoint: Duration::from_secs(5),
    checkpoint_max: Duration::from_secs(30),
};
/// The defaults of a replica that owns everything and sees nobody else.
const ALONE: Intervals = Intervals {
    list: Duration::from_secs(10),
    ..BESIDE_OTHERS
};

impl Intervals {
    fn shortened(self) -> Self {
        Self {
            list: self.list / SCALE,
            renew: self.renew / SCALE,
            checkpoint: self.checkpoint / SCALE,
            checkpoint_max: self.checkpoint_max / SCALE,
        }
    }

    /// Most checkpoints of one partition with so many events.
    fn checkpoints(self, time: Duration, events: u64) -> u64 {
        let few = times(time, self.checkpoint_max) + events / BUSY_EVENTS;
        few.min(times(time, self.checkpoint))
    }
}

fn times(time: Duration, interval: Duration) -> u64 {
    u64::try_from(time.as_nanos() / interval.as_nanos()).unwrap()
}

/// What was asked of the store.
#[derive(Debug, Default)]
struct Calls {
    lists: u64,
    renewals: u64,
    checkpoints: [u64; PARTITIONS as usize],
    others: Vec<String>,
}

impl Calls {
    fn of(requests: &[String]) -> Self {
        let mut calls = Self::default();
        for line in requests {
            let line = line.replace("%2F", "/");
            let path = line.split(['?', ' ']).nth(1).unwrap();
            let sets_metadata = line.starts_with("PUT ") && line.contains("comp=metadata");
            let last = path.rsplit('/').next().unwrap();
            if line.starts_with("GET ") && line.contains("comp=list") {
                calls.lists += 1;
            } else if sets_metadata && path.contains("/ownership/") {
                calls.renewals += 1;
            } else if sets_metadata && path.contains("/checkpoint/") {
                calls.checkpoints[last.parse::<usize>().unwrap()] += 1;
            } else {
                calls
                    .others
                    .push(line.split('?').next().unwrap().to_owned());
            }
        }
        calls
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_costs_what_the_documentation_says() {
    use rustls::crypto::aws_lc_rs::default_provider;
    let _installed_before = default_provider().install_default();
    let scene = Scene::set(PARTITIONS).await;
    let container = TestContainer::create().await;
    let mut url = url::Url::parse(&container.url()).unwrap();
    let azurite = SocketAddr::from(([127, 0, 0, 1], url.port().unwrap()));
    let proxy = Proxy::start(azurite).await;
    url.set_port(Some(proxy.address.port())).unwrap();
    let intervals = BESIDE_OTHERS.shortened();
    let text = |interval: Duration| format!("{}ms", interval.as_millis());
    let forwarder = scene
        .settings()
        .set("checkpoints.store", "blob")
        .without("checkpoints.directory")
        .set("checkpoints.container_url", url.as_str())
        .set("checkpoints.interval", &text(intervals.checkpoint))
        .set("checkpoints.interval_max", &text(intervals.checkpoint_max))
        .set("ownership.balance_interval", &text(intervals.list))
        .set("ownership.renew_interval", &text(intervals.renew))
        .set("ownership.expiry", &text(3 * intervals.renew))
        .start();
    scene.produce(1, 1);
    scene.everything_arrives().await;
    let first_calls = || Calls::of(&proxy.requests()).checkpoints;
    // Made, taken over, and then stored once: from now on nothing belongs to the start.
    eventually("a checkpoint of each", || {
        first_calls().iter().all(|calls| *calls >= 2)
    })
    .await;

    let (begun, before) = (Instant::now(), proxy.requests().len());
    let mut trickled = begun;
    let mut ticks = tokio::time::interval(BUSY_EVERY / SCALE);
    let (mut few, mut many) = (0, 0);
    while begun.elapsed() < WATCHED {
        ticks.tick().await;
        BUSY.for_each(|partition| scene.hub.produce(partition, BUSY_BATCH, 1));
        many += BUSY_BATCH;
        if trickled.elapsed() >= TRICKLE / SCALE {
            trickled += TRICKLE / SCALE;
            TRICKLING.for_each(|partition| scene.hub.produce(partition, 1, 1));
            few += 1;
        }
    }
    let (took, calls) = (begun.elapsed(), Calls::of(&proxy.requests()[before..]));
    println!("{took:?}, {many} and {few} events: {calls:?}");

    // One more of each may fall onto the edge.
    let lists = times(took, ALONE.shortened().list);
    assert!((lists / 2..=lists + 1).contains(&calls.lists), "{lists}");
    let renewals = u64::from(PARTITIONS) * times(took, intervals.renew);
    let most = renewals + u64::from(PARTITIONS);
    assert!(
        (renewals / 2..=most).contains(&calls.renewals),
        "{renewals}"
    );
    assert_eq!(calls.others, Vec::<String>::new());
    let most = |events| intervals.checkpoints(took, events) + 1;
    for partition in 0..PARTITIONS {
        let stored = calls.checkpoints[partition as usize];
        let events = match partition {
            it if BUSY.contains(&it) => many,
            it if TRICKLING.contains(&it) => few,
            _ => 0,
        };
        // A machine that is busy with other things stores less often, but never hardly.
        let least = if events == 0 { 0 } else { most(events) / 4 };
        let most = if events == 0 { 0 } else { most(events) };
        assert!((least..=most).contains(&stored), "{partition}: {stored}");
    }
    scene.everything_arrives().await;
    forwarder.stop().await;
}

/// The rows of the table in docs/cost.md: 730 hours a month, at the prices that stand there.
#[test]
fn the_table_of_the_documentation_follows_from_the_formula() {
    const HOUR: Duration = Duration::from_secs(3_600);
    const HOURS: u64 = 730;
    const DOLLARS_PER_LIST: f64 = 0.055 / 10_000.0;
    const DOLLARS_PER_METADATA: f64 = 0.004_4 / 10_000.0;
    let text = include_str!("../../docs/cost.md");
    for partitions in [4, 32] {
        for (replicas, intervals) in [(1, ALONE), (3, BESIDE_OTHERS)] {
            // Events per partition and hour.
            for (load, events) in [("idle", 0), ("trickle", 360), ("busy", 360_000)] {
                let lists = replicas * times(HOUR, intervals.list);
                let renewals = partitions * times(HOUR, intervals.renew);
                let checkpoints = match events {
                    0 => 0,
                    _ => partitions * intervals.checkpoints(HOUR, events),
                };
                let hour = lists + renewals + checkpoints;
                let dollars = HOURS as f64
                    * (lists as f64 * DOLLARS_PER_LIST
                        + (renewals + checkpoints) as f64 * DOLLARS_PER_METADATA);
                let row = format!(
                    "| {partitions} | {replicas} | {load} | {} | {} | {} | {} | {} | {dollars:.2} |",
                    grouped(lists),
                    grouped(renewals),
                    grouped(checkpoints),
                    grouped(hour),
                    grouped(hour * HOURS),
                );
                assert!(text.contains(&row), "docs/cost.md lacks\n{row}");
            }
        }
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap())
        .collect();
    groups.join(",")
}
