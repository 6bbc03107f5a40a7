//! How often the same thing may be said: a few times at once, then once a minute, with what was
//! left out in between.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// From here on one line may be written in this time.
pub const PAUSE: Duration = Duration::from_secs(60);

/// Lines that may be written now.
#[derive(Debug)]
pub struct Allowance {
    /// Lines that may follow each other at once after a long silence.
    max: u32,
    left: u32,
    /// When the last of those that are left over began to grow.
    since: Instant,
}

impl Allowance {
    /// So many at once, and one more each [`PAUSE`].
    pub fn of(max: u32) -> Self {
        Self {
            max,
            left: max,
            since: Instant::now(),
        }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self) -> bool {
        if self.left == self.max {
            self.since = Instant::now();
        }
        while self.left < self.max && self.since.elapsed() >= PAUSE {
            self.left += 1;
            self.since += PAUSE;
        }
        if self.left == self.max {
            self.since = Instant::now();
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

/// Something that may happen at every event or attempt, and is said more rarely: `T` adds up what
/// was not said yet.
#[derive(Debug)]
pub struct Seldom<T = u64>(Mutex<(Allowance, T)>);

impl<T: Default> Seldom<T> {
    /// Said so many times at once, and then once each [`PAUSE`].
    pub fn of(max: u32) -> Self {
        Self(Mutex::new((Allowance::of(max), T::default())))
    }

    /// Adds to what is not said yet; gives all of it when it is time to say it.
    pub fn note(&self, add: impl FnOnce(&mut T)) -> Option<T> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (allowance, unsaid) = &mut *state;
        add(unsaid);
        allowance.take().then(|| std::mem::take(unsaid))
    }
}

impl Seldom<u64> {
    /// Counts one more; gives how many there were since the last line when it is time for one.
    pub fn once_more(&self) -> Option<u64> {
        self.note(|count| *count += 1)
    }
}

/// Said once each [`PAUSE`].
impl<T: Default> Default for Seldom<T> {
    fn default() -> Self {
        Self::of(1)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_few_at_once_and_then_one_a_minute() {
        let seldom = Seldom::of(3);
        let said: Vec<_> = (0..10).filter_map(|_| seldom.once_more()).collect();
        assert_eq!(said, [1, 1, 1]);
        advance(PAUSE - Duration::from_millis(1)).await;
        assert_eq!(seldom.once_more(), None);
        advance(Duration::from_millis(1)).await;
        assert_eq!(seldom.once_more(), Some(9), "what was left out is counted");
        assert_eq!(seldom.once_more(), None);
        advance(10 * PAUSE).await;
        let said: Vec<_> = (0..10).filter_map(|_| seldom.once_more()).collect();
        assert_eq!(said, [2, 1, 1], "a silence gives no more than at the start");
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_comes_how_often_an_hour_has_few_lines() {
        let seldom = Seldom::of(5);
        let (mut lines, mut told) = (0, 0);
        for _ in 0..36_000 {
            advance(Duration::from_millis(100)).await;
            if let Some(count) = seldom.once_more() {
                lines += 1;
                told += count;
            }
        }
        assert!((60..=65).contains(&lines), "{lines}");
        assert!(told > 35_000, "{told}");
    }
}
