//! Wall clock and randomness, as seams: the simulation brings its own.
//!
//! Durations are measured with `tokio::time`, which tests can pause; [`Clock`] is for moments
//! that are compared with times that a service wrote.

use crate::event_hub::Timestamp;
use std::sync::Mutex;

use rand::SeedableRng;
use rand::rngs::StdRng;

/// The time of day.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        std::time::SystemTime::now().into()
    }
}

/// Randomness for jitter and identifiers. Not for secrets.
pub trait Rng: Send + Sync {
    /// 64 random bits.
    fn next_u64(&self) -> u64;

    /// A fraction in `[0, 1)`, for full jitter.
    fn fraction(&self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A generator that is seeded once and shared.
#[derive(Debug)]
pub struct SharedRng(Mutex<StdRng>);

impl SharedRng {
    /// Seeded by the operating system's entropy, through the standard library's hash keys.
    pub fn from_entropy() -> Self {
        use std::hash::{BuildHasher, Hasher};
        let seed = std::hash::RandomState::new().build_hasher().finish();
        Self::seeded(seed ^ u64::from(std::process::id()).rotate_left(32))
    }

    /// Gives the same numbers for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Rng for SharedRng {
    fn next_u64(&self) -> u64 {
        use rand::Rng as _;
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .next_u64()
    }
}
