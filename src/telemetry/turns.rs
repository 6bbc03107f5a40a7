//! Loops that must turn: each says when it will be back, and whoever is not is stuck.
//!
//! Only loops are watched that never wait for something outside without a bound: the one that owns
//! partitions, and the one that stores checkpoints. A hub, a store or an endpoint that is away
//! holds up neither; if one of them stands still, that is a bug, and a restart is the cure.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How late a loop may be: answers take their time, and some steps need several.
const LATE: Duration = Duration::from_secs(600);
/// Answers of the store that one step may need, one after the other.
const ANSWERS: u32 = 10;

/// The loops that are watched.
#[derive(Debug, Default)]
pub struct Turns(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// When each loop said that it would be back.
    back_at: BTreeMap<String, Instant>,
    /// Longest wait for one answer of the store.
    answer_max: Duration,
}

/// One loop, as long as it is watched.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    name: String,
}

impl Turns {
    /// The store may take so long for one answer.
    pub fn allow(&self, answer_max: Duration) {
        self.lock().answer_max = answer_max;
    }

    /// Watches a loop from now on.
    pub fn watch(self: &Arc<Self>, name: String) -> Turn {
        let turn = Turn {
            turns: Arc::clone(self),
            name,
        };
        turn.back_within(Duration::ZERO);
        turn
    }

    /// How late the latest of the loops is, and which one it is.
    pub fn latest(&self) -> Option<(String, Duration)> {
        let known = self.lock();
        let latest = known.back_at.iter().min_by_key(|(_, back_at)| **back_at)?;
        Some((latest.0.clone(), latest.1.elapsed()))
    }

    /// The loop that is stuck, if one is.
    pub(super) fn stuck(&self) -> Option<(String, Duration)> {
        let late = LATE + self.lock().answer_max * ANSWERS;
        self.latest().filter(|(_, by)| *by >= late)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// The loop goes on, and is back after so long a pause at the latest.
    pub fn back_within(&self, pause: Duration) {
        let back_at = Instant::now() + pause;
        let mut known = self.turns.lock();
        match known.back_at.get_mut(&self.name) {
            Some(known) => *known = back_at,
            None => {
                known.back_at.insert(self.name.clone(), back_at);
            }
        }
    }

    /// The loop goes on.
    pub fn goes_on(&self) {
        self.back_within(Duration::ZERO);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().back_at.remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_is_stuck_when_it_is_not_back() {
        let turns = Arc::new(Turns::default());
        turns.allow(Duration::from_secs(5));
        let late = LATE + Duration::from_secs(50);
        let (a, b) = (turns.watch("a".to_owned()), turns.watch("b".to_owned()));
        a.back_within(Duration::from_secs(60));
        advance(late - Duration::from_secs(1)).await;
        b.goes_on();
        assert_eq!(turns.stuck(), None);
        advance(Duration::from_secs(61)).await;
        assert_eq!(turns.stuck(), Some(("a".to_owned(), late)));
        drop(a);
        assert_eq!(turns.stuck(), None, "it has ended");
        advance(late).await;
        assert_eq!(turns.stuck().map(|it| it.0), Some("b".to_owned()));
    }
}
