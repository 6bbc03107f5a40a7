//! What became of everything that was read.

use super::super::ledger::SinkBalance;

/// The records of one event, as they are entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// All of them.
    pub records: u32,
    /// Those that no sink wants, and that are dropped as configured.
    pub unrouted: u32,
}

/// Every record is wanted.
impl From<u32> for Received {
    fn from(records: u32) -> Self {
        Self {
            records,
            unrouted: 0,
        }
    }
}

/// Totals of everything that was read since the start.
///
/// `records = wanted + unrouted` holds at every moment, and for each sink what [`SinkBalance`]
/// says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Events that were opened.
    pub events: u64,
    /// Records in these events.
    pub records: u64,
    /// Records that no sink wants.
    pub unrouted: u64,
    /// Per sink, in the order of the configuration.
    pub sinks: Vec<SinkBalance>,
}

impl Balance {
    /// Records that at least one sink wants.
    pub fn wanted(&self) -> u64 {
        self.records - self.unrouted
    }

    /// The largest difference between what is wanted and what is accounted for; zero, or a bug.
    pub fn error(&self) -> i64 {
        let sinks = self.sinks.iter().map(SinkBalance::error);
        sinks
            .chain([self.routing_error()])
            .max_by_key(|error| error.abs())
            .unwrap_or(0)
    }

    /// What the sinks want together is at least what is not unrouted, and each wants no more.
    fn routing_error(&self) -> i64 {
        if self.sinks.is_empty() {
            return 0;
        }
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let sum: u64 = self.sinks.iter().map(|sink| sink.wanted).sum();
        let most = self.sinks.iter().map(|sink| sink.wanted).max();
        let wanted = signed(self.records) - signed(self.unrouted);
        let lacking = (wanted - signed(sum)).max(0);
        let too_many = (signed(most.unwrap_or_default()) - wanted).max(0);
        lacking.max(too_many)
    }
}
