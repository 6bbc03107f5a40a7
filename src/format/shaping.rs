//! As what one record leaves: its own JSON object, or what the sink's limits make of it.
//!
//! Every format asks here, so that size and age mean the same in all of them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{OnOld, OnOversize, RecordLimits, SinkConfig};
use crate::envelope::RecordKind;
use crate::event_hub::Timestamp;
use crate::record::{
    EventTime, REPLAYED_BYTES_MAX, RESTAMPED_BYTES_MAX, Record, replayed, restamped,
    write_truncated,
};

/// As what the records of one sink leave.
#[derive(Clone)]
pub struct Shaping {
    limits: RecordLimits,
    unwrap_office365: bool,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Shaping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shaping")
            .field("limits", &self.limits)
            .field("unwrap_office365", &self.unwrap_office365)
            .finish_non_exhaustive()
    }
}

/// Why a record may not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is larger than `max_record_bytes`.
    Oversize {
        /// Its bytes, as it would be written.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// It is older than `max_record_age`.
    TooOld {
        /// Its time.
        time: Timestamp,
    },
}

impl Unfit {
    /// A stable word, for the dead letter.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Oversize { .. } => "oversize",
            Self::TooOld { .. } => "too_old",
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oversize { bytes, limit } => {
                write!(f, "{bytes} bytes, of {limit} allowed by max_record_bytes")
            }
            Self::TooOld { time } => write!(
                f,
                "of {}, which is longer ago than max_record_age allows",
                time.to_rfc3339()
            ),
        }
    }
}

/// What its age makes of a record.
enum Aged<'a> {
    /// Nothing yet; it is too old from a moment on, if it has a time.
    Young(Cow<'a, [u8]>, Option<Timestamp>),
    /// It has the present as its time.
    Restamped(Vec<u8>),
    /// It is too old as it is.
    Old(Cow<'a, [u8]>, Timestamp),
}

impl Shaping {
    /// As a sink is configured. Only restamping looks at the clock.
    pub fn of(sink: &SinkConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            limits: sink.record,
            unwrap_office365: sink.unwrap_office365,
            clock,
        }
    }

    /// The present, for the records of one body.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether a record may leave at this moment. Gives from when on it must be asked again, and
    /// written again, since it has become too old; `None` when never.
    ///
    /// # Errors
    /// What forbids it; then it becomes a dead letter.
    pub fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        let limit = match self.limits.on_oversize {
            OnOversize::DeadLetter => self.limits.bytes,
            OnOversize::Truncate => None,
        };
        // Few records come near to the limit, and only those need be written to be measured.
        let limit = limit.filter(|limit| self.untruncated_bytes_max(record) > *limit);
        if limit.is_none() && self.limits.age.is_none() {
            return Ok(None);
        }
        let (json, until) = match self.aged(record, now) {
            Aged::Young(json, until) => (json, until),
            Aged::Restamped(json) => (Cow::Owned(json), self.ends(now)),
            Aged::Old(_, time) => return Err(Unfit::TooOld { time }),
        };
        let bytes = json.len() as u64;
        match limit {
            Some(limit) if bytes > limit => Err(Unfit::Oversize { bytes, limit }),
            _ => Ok(until),
        }
    }

    /// Writes a record as one JSON object. Of what [`Self::check`] lets pass, the bytes are the
    /// same at any time, but for those that are restamped.
    pub fn write(&self, record: &Record<'_>, now: Timestamp, out: &mut Vec<u8>) {
        if self.limits.is_unlimited() {
            return self.write_plain(record, out);
        }
        let json = match self.aged(record, now) {
            Aged::Young(json, _) | Aged::Old(json, _) => json,
            Aged::Restamped(json) => match (self.limits.bytes, self.limits.on_oversize) {
                // It came of age since it was asked for; next time it is told to be too large.
                (Some(limit), OnOversize::DeadLetter) if json.len() as u64 > limit => {
                    self.plain(record)
                }
                _ => Cow::Owned(json),
            },
        };
        match self.limits.bytes {
            Some(limit)
                if self.limits.on_oversize == OnOversize::Truncate && json.len() as u64 > limit =>
            {
                write_truncated(&json, record.stable_id(), limit, out);
            }
            _ => out.extend_from_slice(&json),
        }
    }

    /// At most how many bytes [`Self::write`] writes.
    pub fn bytes_max(&self, record: &Record<'_>) -> u64 {
        let bytes = self.untruncated_bytes_max(record);
        match (self.limits.bytes, self.limits.on_oversize) {
            (Some(limit), OnOversize::Truncate) => bytes.min(limit),
            _ => bytes,
        }
    }

    fn untruncated_bytes_max(&self, record: &Record<'_>) -> u64 {
        let may_grow = self.limits.age.is_some() && self.limits.on_old == OnOld::Restamp;
        let restamped = if may_grow { RESTAMPED_BYTES_MAX } else { 0 };
        let replayed = self.limits.replay.map_or(0, |_| REPLAYED_BYTES_MAX);
        record.json_bytes_max() + restamped + replayed
    }

    fn aged<'a>(&self, record: &Record<'a>, now: Timestamp) -> Aged<'a> {
        let json = self.plain(record);
        // That of what is written, which may be an inner record.
        let time = match self.limits.age {
            Some(_) => record.written_as(&json).time(),
            None => None,
        };
        let Some((time, source)) = time else {
            return Aged::Young(json, None);
        };
        let moment = milliseconds(time);
        let ends = self.ends(moment);
        if ends.is_none_or(|ends| now < ends) {
            return Aged::Young(json, ends);
        }
        let restamped = match self.limits.on_old {
            OnOld::DeadLetter => None,
            OnOld::Restamp => restamped(&json, (time, source), now, record.stable_id()),
        };
        match restamped {
            Some(restamped) => Aged::Restamped(restamped),
            None => Aged::Old(json, moment),
        }
    }

    /// The first moment at which something of this time is too old.
    fn ends(&self, time: Timestamp) -> Option<Timestamp> {
        let age = i64::try_from(self.limits.age?.as_millis()).ok()?;
        Some(Timestamp(time.0.saturating_add(age).saturating_add(1)))
    }

    fn plain<'a>(&self, record: &Record<'a>) -> Cow<'a, [u8]> {
        let json = if record.kind() == RecordKind::Object && !self.unwrap_office365 {
            Cow::Borrowed(record.original())
        } else {
            let mut json = Vec::new();
            self.write_plain(record, &mut json);
            Cow::Owned(json)
        };
        let marked = self.limits.replay.and_then(|id| replayed(&json, id));
        marked.map_or(json, Cow::Owned)
    }

    fn write_plain(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        if self.unwrap_office365 {
            record.write_office365(out);
        } else {
            record.write_json(out);
        }
    }
}

fn milliseconds(time: EventTime) -> Timestamp {
    Timestamp(time.nanoseconds().div_euclid(1_000_000))
}

#[cfg(test)]
mod tests;
