//! Properties of ownership in simulated time: replicas that join, leave, crash, stand still and see
//! old lists share the partitions, and leave none of them alone.
//!
//! The replicas run the real `Owner` over a memory store. Every case follows from its seed:
//! `OWNERSHIP_SEED=<x>` repeats one.
#![cfg(test)]

mod first_start;
mod freeze;
mod source;
mod store;
mod world;

use std::time::Duration;

use entra_forwarder::clock::{Rng, SharedRng};
use world::World;

/// Cases of a usual run; `OWNERSHIP_CASES` asks for more.
const CASES: u64 = 60;

#[test]
fn any_history_ends_in_fair_shares() {
    let seed = std::env::var("OWNERSHIP_SEED").ok();
    let seeds = match seed {
        Some(seed) => seed.parse().unwrap()..=seed.parse().unwrap(),
        None => 0..=cases() - 1,
    };
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        if let Err(problem) = runtime.block_on(history(seed)) {
            panic!("seed {seed}: {problem}");
        }
    }
}

fn cases() -> u64 {
    std::env::var("OWNERSHIP_CASES").map_or(CASES, |cases| cases.parse().unwrap())
}

/// A case: a history of things that happen to replicas, then quiet.
async fn history(seed: u64) -> Result<(), String> {
    let rng = SharedRng::seeded(seed);
    let between = |from: u64, to: u64| from + rng.next_u64() % (to - from + 1);
    let partitions = usize::try_from(between(1, 40)).unwrap();
    let mut world = World::new(seed, partitions);
    world.join();
    for _ in 0..between(3, 25) {
        match between(0, 99) {
            0..30 if world.running() < 6 => world.join(),
            0..45 => world.leave(between(0, 9)).await,
            45..60 => world.crash(between(0, 9)),
            60..80 => world.pause(between(0, 9), Duration::from_secs(between(1, 150))),
            80..95 => {
                let (age, lasts) = (between(1, 30), between(1, 120));
                let seconds = Duration::from_secs;
                world.see_old_lists(between(0, 9), seconds(age), seconds(lasts));
            }
            _ => world.store_fails(Duration::from_secs(between(1, 90))),
        }
        if world.running() == 0 {
            world.join();
        }
        world
            .wait(Duration::from_millis(between(0, 90_000)))
            .await?;
    }
    world.calm_down();
    world.settles().await
}
