//! A partition's append log: positions, times, retention.
//!
//! Invariants: sequence numbers are dense and grow by one; offsets grow by more
//! than one and are always larger than the sequence number, so that nobody can
//! mistake one for the other; enqueued times never decrease; what is trimmed is
//! always a prefix; the last position survives the trim of everything.

mod backlog;
mod event;

use std::collections::VecDeque;

pub use backlog::Backlog;
pub(crate) use event::Content;
pub use event::{Body, Event};

use crate::filter::{Start, StartAt};

/// Bytes by which an offset grows besides the event's own size.
const OFFSET_OVERHEAD: u64 = 96;

/// Where an event lies in its partition.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Sequence number.
    pub sequence: i64,
    /// Offset, a text that only the broker understands.
    pub offset: String,
    /// Enqueued time in milliseconds since 1970-01-01 UTC.
    pub enqueued_ms: i64,
}

/// One stored event.
struct Stored {
    offset: u64,
    enqueued_ms: i64,
    content: Content,
}

/// An event as a link reads it.
pub(crate) struct Read {
    pub(crate) sequence: i64,
    pub(crate) offset: u64,
    pub(crate) enqueued_ms: i64,
    pub(crate) content: Content,
}

/// The last event that was ever appended.
#[derive(Clone, Copy)]
struct Last {
    sequence: i64,
    offset: u64,
    enqueued_ms: i64,
}

/// What the management node tells about a partition.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PartitionState {
    /// First retained number, or the next one when nothing is retained; -1 when never used.
    pub begin_sequence: i64,
    /// Number of the last event ever appended; -1 when never used.
    pub last_sequence: i64,
    /// Its offset; `-1` when never used.
    pub last_offset: String,
    /// Its enqueued time; `None` when never used.
    pub last_enqueued_ms: Option<i64>,
    /// Nothing is retained.
    pub is_empty: bool,
}

/// Why a start position was refused: the sentence of the service.
pub(crate) type Refused = String;

/// The log of one partition.
pub(crate) struct PartitionLog {
    first: i64,
    backlog: Option<Backlog>,
    stored: VecDeque<Stored>,
    /// Sequence number of the first retained event.
    begin: i64,
    last: Option<Last>,
    retain_count: Option<u64>,
    retain_age_ms: Option<i64>,
    /// The beginning that is shown while the quirk of a lagging one is on, and
    /// since when.
    shown_begin: Option<(i64, i64)>,
}

impl PartitionLog {
    pub(crate) fn new(
        first: i64,
        backlog: Option<Backlog>,
        retain_count: Option<u64>,
        retain_age_ms: Option<i64>,
    ) -> Self {
        let first = first.max(0);
        let mut log = Self {
            first,
            backlog: None,
            stored: VecDeque::new(),
            begin: first,
            last: None,
            retain_count,
            retain_age_ms,
            shown_begin: None,
        };
        if let Some(backlog) = backlog {
            log.set_backlog(backlog);
        }
        log
    }

    /// Puts generated events at the start; only a never-used partition takes them.
    pub(crate) fn set_backlog(&mut self, backlog: Backlog) -> bool {
        if self.last.is_some() {
            return false;
        }
        if let Some(index) = backlog.count.checked_sub(1) {
            self.last = Some(Last {
                sequence: self.first.saturating_add_unsigned(index),
                offset: self.backlog_offset(&backlog, index),
                enqueued_ms: backlog.enqueued(index),
            });
            self.backlog = Some(backlog);
        }
        true
    }

    /// Appends one event at `now_ms`.
    pub(crate) fn append(&mut self, content: Content, now_ms: i64) -> Position {
        let size = u64::try_from(content.size()).unwrap_or(0) + OFFSET_OVERHEAD;
        let last = match self.last {
            Some(last) => Last {
                sequence: last.sequence.saturating_add(1),
                offset: last.offset.saturating_add(size),
                enqueued_ms: last.enqueued_ms.max(now_ms),
            },
            None => Last {
                sequence: self.first,
                offset: u64::try_from(self.first).unwrap_or(0) + OFFSET_OVERHEAD,
                enqueued_ms: now_ms,
            },
        };
        self.last = Some(last);
        self.stored.push_back(Stored {
            offset: last.offset,
            enqueued_ms: last.enqueued_ms,
            content,
        });
        self.retain(now_ms);
        Position {
            sequence: last.sequence,
            offset: last.offset.to_string(),
            enqueued_ms: last.enqueued_ms,
        }
    }

    /// Applies the limits of count and age.
    pub(crate) fn retain(&mut self, now_ms: i64) {
        if let Some(count) = self.retain_count {
            let keep = i64::try_from(count).unwrap_or(i64::MAX);
            self.trim_before(self.next().saturating_sub(keep));
        }
        if let Some(age) = self.retain_age_ms {
            let oldest = now_ms.saturating_sub(age);
            let first_kept = self.first_at_time(oldest);
            self.trim_before(first_kept);
        }
    }

    /// Forgets every event before `sequence`.
    pub(crate) fn trim_before(&mut self, sequence: i64) {
        let target = sequence.min(self.next());
        while self.begin < target {
            if self.begin >= self.stored_first() {
                self.stored.pop_front();
                self.begin += 1;
            } else {
                self.begin = target.min(self.stored_first());
            }
        }
    }

    /// Drops the last `count` events as if they had never been; their numbers
    /// are used again (what a forced fail-over does).
    pub(crate) fn lose_last(&mut self, count: u64) {
        for _ in 0..count {
            if self.stored.pop_back().is_none() {
                break;
            }
            let Some(last) = self.last else { break };
            let sequence = last.sequence - 1;
            self.last = self
                .position_of(sequence)
                .map(|(offset, enqueued_ms)| Last {
                    sequence,
                    offset,
                    enqueued_ms,
                });
        }
        if self.last.is_none() {
            self.begin = self.first;
        }
    }

    /// The event at `sequence`, or the first retained one when that is later.
    pub(crate) fn read(&self, sequence: i64) -> Option<Read> {
        let sequence = sequence.max(self.begin);
        let (offset, enqueued_ms) = self.position_of(sequence)?;
        let content = match self.stored_at(sequence) {
            Some(stored) => stored.content.clone(),
            None => {
                let backlog = self.backlog.as_ref()?;
                Content::data((backlog.body)(self.index(sequence)?))
            }
        };
        Some(Read {
            sequence,
            offset,
            enqueued_ms,
            content,
        })
    }

    /// The sequence number that the next event gets.
    pub(crate) fn next(&self) -> i64 {
        self.last.map_or(self.first, |last| last.sequence + 1)
    }

    pub(crate) fn last_sequence(&self) -> i64 {
        self.last.map_or(-1, |last| last.sequence)
    }

    pub(crate) fn state(&self) -> PartitionState {
        PartitionState {
            begin_sequence: if self.last.is_some() { self.begin } else { -1 },
            last_sequence: self.last_sequence(),
            last_offset: self
                .last
                .map_or_else(|| "-1".into(), |last| last.offset.to_string()),
            last_enqueued_ms: self.last.map(|last| last.enqueued_ms),
            is_empty: self.begin >= self.next(),
        }
    }

    /// The state as it was `stale_ms` ago, as far as the log still knows, with a
    /// beginning that shows a trim only `lag_ms` after it.
    pub(crate) fn shown(&mut self, now_ms: i64, stale_ms: i64, lag_ms: i64) -> PartitionState {
        let mut state = self.state();
        if stale_ms > 0 {
            let end = self.first_at_time(now_ms.saturating_sub(stale_ms).saturating_add(1));
            let last = end.saturating_sub(1);
            match self.position_of(last) {
                Some((offset, enqueued_ms)) => {
                    state.last_sequence = last;
                    state.last_offset = offset.to_string();
                    state.last_enqueued_ms = Some(enqueued_ms);
                }
                None => state = PartitionLog::new(self.first, None, None, None).state(),
            }
        }
        if lag_ms > 0 && state.begin_sequence >= 0 {
            let lagging = *self.shown_begin.get_or_insert((now_ms, self.first));
            if now_ms.saturating_sub(lagging.0) >= lag_ms {
                self.shown_begin = Some((now_ms, self.begin));
            } else {
                state.begin_sequence = lagging.1;
            }
        }
        state
    }

    /// The number to begin with, or the service's sentence of refusal.
    pub(crate) fn resolve(&self, start: &Start) -> Result<i64, Refused> {
        match &start.at {
            StartAt::Earliest => Ok(self.begin),
            StartAt::Latest => Ok(self.next()),
            StartAt::Time(ms) => {
                let from = if start.inclusive {
                    *ms
                } else {
                    ms.saturating_add(1)
                };
                Ok(self.first_at_time(from))
            }
            StartAt::Sequence(number) => {
                if *number > self.last_sequence() {
                    return Err(format!(
                        "The supplied sequence number '{number}' is invalid. The last sequence number in the system is '{}'",
                        self.last_sequence()
                    ));
                }
                Ok(if start.inclusive {
                    *number
                } else {
                    number.saturating_add(1)
                })
            }
            StartAt::Offset(text) => self.resolve_offset(text, start.inclusive),
        }
    }

    fn resolve_offset(&self, text: &str, inclusive: bool) -> Result<i64, Refused> {
        let last = self
            .last
            .map_or_else(|| "-1".to_owned(), |last| last.offset.to_string());
        let refused = || {
            format!(
                "The supplied offset '{text}' is invalid. The last offset in the system is '{last}'"
            )
        };
        let offset: u64 = text.parse().map_err(|_| refused())?;
        if self.last.is_none_or(|last| offset > last.offset) {
            return Err(refused());
        }
        Ok(self.partition_point(|o, _| if inclusive { o < offset } else { o <= offset }))
    }

    fn first_at_time(&self, ms: i64) -> i64 {
        self.partition_point(|_, enqueued| enqueued < ms)
    }

    /// First retained number for which `before` does not hold, else the next one.
    fn partition_point(&self, before: impl Fn(u64, i64) -> bool) -> i64 {
        let (mut low, mut high) = (self.begin, self.next());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.position_of(middle) {
                Some((offset, enqueued)) if before(offset, enqueued) => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// Sequence number of the first event that is really stored.
    fn stored_first(&self) -> i64 {
        let stored = i64::try_from(self.stored.len()).unwrap_or(i64::MAX);
        self.next().saturating_sub(stored)
    }

    fn stored_at(&self, sequence: i64) -> Option<&Stored> {
        let index = sequence.checked_sub(self.stored_first())?;
        self.stored.get(usize::try_from(index).ok()?)
    }

    fn position_of(&self, sequence: i64) -> Option<(u64, i64)> {
        if let Some(stored) = self.stored_at(sequence) {
            return Some((stored.offset, stored.enqueued_ms));
        }
        let backlog = self.backlog.as_ref()?;
        let index = self
            .index(sequence)
            .filter(|index| *index < backlog.count)?;
        Some((self.backlog_offset(backlog, index), backlog.enqueued(index)))
    }

    fn index(&self, sequence: i64) -> Option<u64> {
        u64::try_from(sequence.checked_sub(self.first)?).ok()
    }

    fn backlog_offset(&self, backlog: &Backlog, index: u64) -> u64 {
        u64::try_from(self.first).unwrap_or(0)
            + OFFSET_OVERHEAD
            + index.saturating_mul(backlog.stride.max(2))
    }
}

#[cfg(test)]
mod tests;
