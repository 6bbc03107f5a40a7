//! Records as the sink's own limits let them leave: `max_record_bytes` and `max_record_age` mean the
//! same in every destination.

use std::sync::Arc;

use super::members::text_bytes_max;
use crate::clock::SystemClock;
use crate::config::SinkConfig;
use crate::event_hub::Timestamp;
use crate::format::{Shaping, Unfit};
use crate::record::Record;

/// As what the records of one sink leave.
#[derive(Debug)]
pub(super) struct Shaped {
    shaping: Shaping,
    is_unlimited: bool,
}

impl Shaped {
    /// As a sink is configured.
    pub(super) fn of(sink: &SinkConfig) -> Self {
        // A key of `http` alone, and said to be unused where it is set.
        let sink = SinkConfig {
            unwrap_office365: false,
            ..sink.clone()
        };
        Self {
            shaping: Shaping::of(&sink, Arc::new(SystemClock)),
            is_unlimited: sink.record.is_unlimited(),
        }
    }

    /// [`Shaping::now`].
    pub(super) fn now(&self) -> Timestamp {
        self.shaping.now()
    }

    /// [`Shaping::check`].
    pub(super) fn check(
        &self,
        record: &Record<'_>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Unfit> {
        self.shaping.check(record, now)
    }

    /// The JSON object as which a record leaves; [`Record::written_as`] reads its time. Its stable
    /// id stays that of the record.
    pub(super) fn json(&self, record: &Record<'_>, now: Timestamp) -> Vec<u8> {
        let mut json = Vec::new();
        self.shaping.write(record, now, &mut json);
        json
    }

    /// At most how many bytes [`Self::json`] has.
    pub(super) fn bytes_max(&self, record: &Record<'_>) -> u64 {
        self.shaping.bytes_max(record)
    }

    /// At most how many bytes that object takes as a JSON string; exact for objects without limits.
    pub(super) fn text_bytes_max(&self, record: &Record<'_>) -> u64 {
        match self.is_unlimited {
            true => text_bytes_max(record),
            // Of JSON no byte takes more than two.
            false => 2 * self.bytes_max(record) + 2,
        }
    }
}
