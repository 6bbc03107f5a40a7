//! 6. Formats: records become the bytes of one sink's wire format.
//!
//! `shaping` says as what a record leaves, in any format. `plain` is that of an `http` sink, `array`
//! what several of them write. A format also knows how the endpoint answers: it alone can tell what a
//! 2xx answer means, and which record an answer with one item per record is about.

use std::fmt;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::SinkConfig;
use crate::deliver::http::Transport;
use crate::deliver::response::{Answer, BODY_BYTES_MAX, Verdict, by_status};
use crate::event_hub::Timestamp;
use crate::record::Record;

mod array;
mod plain;
mod shaping;

pub(crate) use array::array;
pub use plain::{Plain, Success};
pub use shaping::{Shaping, Unfit};

/// One sink's wire format, and what its endpoint's answers mean.
pub trait Format: fmt::Debug + Send + Sync {
    /// The `Content-Type` of the body.
    fn content_type(&self) -> &'static str;

    /// Most bytes that a body has beside its records.
    fn frame_bytes(&self) -> u64;

    /// At most how many bytes a record adds to a body, with what separates it from its neighbours.
    fn record_bytes_max(&self, record: &Record<'_>) -> u64;

    /// Whether a record may leave at this moment by the sink's own limits ([`Shaping::check`]):
    /// asked before every [`Self::write`] that has it. Gives from when on it must be asked again.
    ///
    /// # Errors
    /// What forbids it; then it becomes a dead letter.
    fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        let _ = (record, now);
        Ok(None)
    }

    /// Writes a body. The same records give the same bytes, at any time, unless they are restamped:
    /// a repetition after a restart can then be recognised.
    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>);

    /// What records of one request have in common, where an endpoint wants that: those with another
    /// value travel in other requests.
    fn group(&self, _record: &Record<'_>) -> Option<String> {
        None
    }

    /// Where a request with these records goes, as a URL relative to the endpoint; `None` is the
    /// endpoint itself.
    fn target(&self, _records: &mut dyn Iterator<Item = Record<'_>>) -> Option<String> {
        None
    }

    /// What sends its requests, where one of them takes more than one exchange with the endpoint.
    fn transport(&self, inner: Arc<dyn Transport>) -> Arc<dyn Transport> {
        inner
    }

    /// Bytes of an answer's body that are of use.
    fn answer_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    /// What an answer to a body of so many records means. The status alone decides, unless the
    /// endpoint says more.
    fn judge(&self, answer: &Answer, records: usize) -> Verdict {
        let _ = records;
        by_status(answer)
    }
}

/// Formats that show the same settings are the same.
impl PartialEq for dyn Format {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// The format of a sink as it is configured.
pub fn of(sink: &SinkConfig, clock: Arc<dyn Clock>) -> Arc<dyn Format> {
    match &sink.format {
        Some(format) => Arc::clone(format),
        None => Arc::new(Plain::of(sink, clock)),
    }
}
