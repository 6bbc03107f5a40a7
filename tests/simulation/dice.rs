//! Draws from a seed.

use entra_forwarder::clock::{Rng, SharedRng};

pub(crate) struct Dice(SharedRng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SharedRng::seeded(seed))
    }

    /// A number from `from` to `to`, both included.
    pub(crate) fn between(&self, from: u64, to: u64) -> u64 {
        from + self.0.next_u64() % (to - from + 1)
    }

    pub(crate) fn byte(&self, from: u64, to: u64) -> u8 {
        u8::try_from(self.between(from, to)).unwrap()
    }

    pub(crate) fn word(&self, from: u64, to: u64) -> u16 {
        u16::try_from(self.between(from, to)).unwrap()
    }

    pub(crate) fn chance(&self, percent: u64) -> bool {
        self.between(1, 100) <= percent
    }

    pub(crate) fn pick<T: Copy>(&self, choices: &[T]) -> T {
        choices[usize::try_from(self.between(0, choices.len() as u64 - 1)).unwrap()]
    }
}
