//! Records as the sink's own limits let them leave: `max_record_bytes` and `max_record_age` mean the
//! same in every destination.

use std::sync::Arc;

use super::members::text_bytes_max;
use crate::clock::SystemClock;
use crate::config::{OnOversize, RecordLimits, SinkConfig};
use crate::event_hub::Timestamp;
use crate::format::{Shaping, Unfit};
use crate::record::{EventTime, Fields, Record};

/// As what the records of one sink leave.
#[derive(Debug)]
pub(super) struct Shaped {
    shaping: Shaping,
    limits: RecordLimits,
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
            limits: sink.record,
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

    /// As what a record leaves.
    pub(super) fn shape(&self, record: &Record<'_>, now: Timestamp) -> Shape {
        if self.is_as_it_came(record) {
            return Shape(None);
        }
        let mut json = Vec::new();
        self.shaping.write(record, now, &mut json);
        Shape(Some(json))
    }

    /// At most how many bytes a record has as the JSON object that leaves.
    pub(super) fn bytes_max(&self, record: &Record<'_>) -> u64 {
        self.shaping.bytes_max(record)
    }

    /// At most how many bytes that object takes as a JSON string; exact for objects without limits.
    pub(super) fn text_bytes_max(&self, record: &Record<'_>) -> u64 {
        match self.is_as_it_came(record) {
            true => text_bytes_max(record),
            // Of JSON no byte takes more than two.
            false => 2 * self.bytes_max(record) + 2,
        }
    }

    /// Whether no limit can change a record, at any time: then it need not be copied.
    fn is_as_it_came(&self, record: &Record<'_>) -> bool {
        let RecordLimits {
            bytes, age, replay, ..
        } = self.limits;
        let is_whole = self.limits.on_oversize == OnOversize::DeadLetter
            || bytes.is_none_or(|limit| record.json_bytes_max() <= limit);
        age.is_none() && replay.is_none() && is_whole
    }
}

/// As what one record leaves: its stable id, and the names that are made of it, stay its own.
#[derive(Debug)]
pub(super) struct Shape(Option<Vec<u8>>);

impl Shape {
    /// The record as it leaves.
    pub(super) fn of<'a>(&'a self, record: &Record<'a>) -> Record<'a> {
        match &self.0 {
            None => *record,
            Some(json) => record.written_as(json),
        }
    }

    /// The time with which a record leaves; `fields` are its own.
    pub(super) fn time(&self, record: &Record<'_>, fields: &mut Fields<'_>) -> Option<EventTime> {
        let time = match &self.0 {
            None => fields.time(),
            Some(json) => record.written_as(json).time(),
        };
        time.map(|(time, _source)| time)
    }
}
