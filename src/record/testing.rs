//! Records for tests.

use bytes::Bytes;

use super::{Origin, Record};
use crate::envelope;
use crate::event_hub::Timestamp;

/// When the events of these records were enqueued: 2026-11-21T08:15:30.125Z.
pub(crate) const ENQUEUED: Timestamp = Timestamp(1_795_248_930_125);

/// Looks at the only record of a body.
pub(crate) fn with<T>(body: &str, look: impl FnOnce(Record<'_>) -> T) -> T {
    let mut origin = Origin::any();
    origin.position.enqueued_at = Some(ENQUEUED);
    let records = envelope::split(&Bytes::from(body.to_owned()), 0);
    assert_eq!(records.len(), 1, "{body}");
    let piece = records.all().next().unwrap();
    look(Record::new(piece, &origin))
}
