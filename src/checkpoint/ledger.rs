//! What is settled and what is not, for one owned partition.
//!
//! Plain data: no counting by `Arc`, no `Drop`, no callbacks. A receipt that gets lost leaves its
//! event open, and the watermark waits before it: a lost receipt stalls, it never skips.

use std::collections::VecDeque;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::time::Instant;

use crate::event_hub::{Position, SequenceNumber};

/// Index of a sink in the order of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SinkId(pub usize);

/// Number of one ownership of one partition, unique in the process. Receipts of an older
/// generation settle nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(pub(super) u64);

/// How a record stopped being owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The endpoint accepted it.
    Delivered,
    /// The dead-letter store confirmed it.
    DeadLettered,
}

/// What became of the records that one sink wants.
///
/// `wanted = delivered + dead_lettered + abandoned + in_flight` holds at every moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkBalance {
    /// Records that were read for this sink.
    pub wanted: u64,
    /// Records that the endpoint accepted.
    pub delivered: u64,
    /// Records that the dead-letter store confirmed.
    pub dead_lettered: u64,
    /// Records whose generation ended before they were settled: the next owner reads them again.
    pub abandoned: u64,
    /// Records that are owed.
    pub in_flight: u64,
}

impl SinkBalance {
    /// What `wanted` lacks or has too much; anything but zero is a bug.
    pub fn error(&self) -> i64 {
        let accounted = self.delivered + self.dead_lettered + self.abandoned + self.in_flight;
        i64::try_from(self.wanted).unwrap_or(i64::MAX)
            - i64::try_from(accounted).unwrap_or(i64::MAX)
    }

    /// Adds the counts of another ledger.
    pub fn add(&mut self, other: &Self) {
        self.wanted += other.wanted;
        self.delivered += other.delivered;
        self.dead_lettered += other.dead_lettered;
        self.abandoned += other.abandoned;
        self.in_flight += other.in_flight;
    }
}

/// A rule of the ledger that was broken. It is a bug: the ledger stores nothing more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Events must be opened in the order in which they were read.
    #[error("sequence number {opened} opened after {last}")]
    OutOfOrder {
        /// The number that was opened.
        opened: SequenceNumber,
        /// The last number before it.
        last: SequenceNumber,
    },
    /// More was settled than the sink is owed.
    #[error("{settled} records settled where {owed} are owed")]
    Oversettled {
        /// Records that were settled.
        settled: u32,
        /// Records that were still owed.
        owed: u32,
    },
    /// The generation has ended.
    #[error("the partition's generation has ended")]
    Ended,
}

/// One open event.
#[derive(Debug)]
struct Entry {
    position: Position,
    bytes: u64,
    /// Per sink, in the order of the configuration.
    owed: SmallVec<[u32; 2]>,
}

impl Entry {
    fn is_settled(&self) -> bool {
        self.owed.iter().all(|owed| *owed == 0)
    }
}

/// The ledger of one generation.
#[derive(Debug)]
pub struct Ledger {
    generation: Generation,
    /// Index of the first open entry; everything below it is settled.
    base: u64,
    open: VecDeque<Entry>,
    open_bytes: u64,
    watermark: Option<Position>,
    last: Option<SequenceNumber>,
    /// Entries below this index are covered by the stored checkpoint.
    stored: u64,
    /// The number in the stored checkpoint.
    checkpointed: Option<SequenceNumber>,
    /// Since when the watermark stands beyond the stored checkpoint.
    unstored_since: Option<Instant>,
    /// When the last event was opened.
    opened_at: Instant,
    balance: SmallVec<[SinkBalance; 2]>,
    broken: Option<LedgerError>,
}

/// What a ledger holds beyond its watermark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Events that are read and not settled.
    pub open_events: u64,
    /// Bytes of these events.
    pub open_bytes: u64,
    /// Events that are read and not covered by the stored checkpoint.
    pub uncommitted: u64,
    /// How long the watermark has stood beyond the stored checkpoint.
    pub unstored_for: Duration,
}

/// What is settled and not covered by the stored checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unstored {
    /// Events.
    pub events: u64,
    /// How long the watermark has stood beyond the stored checkpoint.
    pub unstored_for: Duration,
    /// How long no event has come; `None` while one is open.
    pub quiet_for: Option<Duration>,
}

impl Ledger {
    /// An empty ledger whose watermark stands at `resume`: the stored checkpoint, or nothing.
    pub fn new(generation: Generation, sinks: usize, resume: Option<Position>) -> Self {
        Self {
            generation,
            base: 0,
            open: VecDeque::new(),
            open_bytes: 0,
            last: resume.as_ref().map(|position| position.sequence),
            checkpointed: resume.as_ref().map(|position| position.sequence),
            watermark: resume,
            stored: 0,
            unstored_since: None,
            opened_at: Instant::now(),
            balance: SmallVec::from_elem(SinkBalance::default(), sinks),
            broken: None,
        }
    }

    /// The generation that receipts must carry.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Enters an event and what it owes each sink, and gives the index that its receipts name.
    ///
    /// An event that owes nothing waits its turn like any other.
    ///
    /// # Errors
    /// [`LedgerError::OutOfOrder`] freezes the ledger.
    pub fn open(
        &mut self,
        position: Position,
        bytes: u64,
        owed: SmallVec<[u32; 2]>,
    ) -> Result<u64, LedgerError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        if let Some(last) = self.last.filter(|last| position.sequence <= *last) {
            return Err(self.freeze(LedgerError::OutOfOrder {
                opened: position.sequence,
                last,
            }));
        }
        self.last = Some(position.sequence);
        self.opened_at = Instant::now();
        for (balance, owed) in self.balance.iter_mut().zip(&owed) {
            balance.wanted += u64::from(*owed);
            balance.in_flight += u64::from(*owed);
        }
        let index = self.base + self.open.len() as u64;
        self.open_bytes += bytes;
        self.open.push_back(Entry {
            position,
            bytes,
            owed,
        });
        self.advance();
        Ok(index)
    }

    /// Settles `records` of the event at `index` for one sink.
    ///
    /// # Errors
    /// [`LedgerError::Oversettled`] freezes the ledger: nothing of it is stored any more.
    pub fn settle(
        &mut self,
        index: u64,
        sink: SinkId,
        records: u32,
        settlement: Settlement,
    ) -> Result<(), LedgerError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let entry = index
            .checked_sub(self.base)
            .and_then(|offset| usize::try_from(offset).ok())
            .and_then(|offset| self.open.get_mut(offset));
        let owed = entry.and_then(|entry| entry.owed.get_mut(sink.0));
        let Some((owed, balance)) = owed.zip(self.balance.get_mut(sink.0)) else {
            return Err(self.freeze(LedgerError::Oversettled {
                settled: records,
                owed: 0,
            }));
        };
        let Some(rest) = owed.checked_sub(records) else {
            let owed = *owed;
            return Err(self.freeze(LedgerError::Oversettled {
                settled: records,
                owed,
            }));
        };
        *owed = rest;
        balance.in_flight -= u64::from(records);
        match settlement {
            Settlement::Delivered => balance.delivered += u64::from(records),
            Settlement::DeadLettered => balance.dead_lettered += u64::from(records),
        }
        self.advance();
        Ok(())
    }

    /// The last position up to which everything is settled, when it has moved since the last
    /// [`Self::stored`]; with it the index to report then.
    pub fn dirty(&self) -> Option<(Position, u64)> {
        if self.broken.is_some() || self.base == self.stored {
            return None;
        }
        self.watermark.clone().map(|position| (position, self.base))
    }

    /// Notes that the watermark of [`Self::dirty`] with this index is stored.
    pub fn stored(&mut self, index: u64, position: &Position) {
        self.stored = self.stored.max(index);
        self.checkpointed = Some(position.sequence).max(self.checkpointed);
        self.unstored_since = (self.base > self.stored).then(Instant::now);
    }

    /// What [`Self::dirty`] would store, and for how long it has waited; `None` when nothing would
    /// be.
    pub fn unstored(&self) -> Option<Unstored> {
        if self.broken.is_some() || self.base == self.stored {
            return None;
        }
        Some(Unstored {
            events: self.base - self.stored,
            unstored_for: self
                .unstored_since
                .map(|since| since.elapsed())
                .unwrap_or_default(),
            quiet_for: self.open.is_empty().then(|| self.opened_at.elapsed()),
        })
    }

    /// What is held beyond the watermark.
    pub fn backlog(&self) -> Backlog {
        let open_events = self.open.len() as u64;
        Backlog {
            open_events,
            open_bytes: self.open_bytes,
            uncommitted: self.base + open_events - self.stored,
            unstored_for: self
                .unstored_since
                .map(|since| since.elapsed())
                .unwrap_or_default(),
        }
    }

    /// The oldest event that is not settled.
    pub fn oldest(&self) -> Option<&Position> {
        self.open.front().map(|entry| &entry.position)
    }

    /// The number in the stored checkpoint.
    pub fn checkpointed(&self) -> Option<SequenceNumber> {
        self.checkpointed
    }

    /// The watermark.
    pub fn watermark(&self) -> Option<&Position> {
        self.watermark.as_ref()
    }

    /// The broken rule, when there is one.
    pub fn broken(&self) -> Option<&LedgerError> {
        self.broken.as_ref()
    }

    /// What became of the records, per sink.
    pub fn balance(&self) -> &[SinkBalance] {
        &self.balance
    }

    /// Ends the generation: what is in flight is abandoned.
    pub fn end(mut self) -> SmallVec<[SinkBalance; 2]> {
        for balance in &mut self.balance {
            balance.abandoned += balance.in_flight;
            balance.in_flight = 0;
        }
        self.balance
    }

    fn freeze(&mut self, error: LedgerError) -> LedgerError {
        self.broken = Some(error.clone());
        error
    }

    fn advance(&mut self) {
        while self.open.front().is_some_and(Entry::is_settled) {
            if let Some(entry) = self.open.pop_front() {
                self.open_bytes -= entry.bytes;
                self.watermark = Some(entry.position);
                self.base += 1;
                self.unstored_since.get_or_insert_with(Instant::now);
            }
        }
    }
}

#[cfg(test)]
mod tests;
