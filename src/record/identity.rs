//! What tells records apart: the stable id by where they came from and what they are, the content
//! key by what they are alone.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

use super::{Field, Origin, Record};

/// 128 bits of a SHA-256 over where a record was and what it is.
///
/// Where: namespace, hub, partition, sequence number and index. What: its bytes as they arrived,
/// since a hub that is made again, or a fail-over, gives the same numbers to other records. A
/// cryptographic hash, since an endpoint that takes two records of one id for the same one keeps
/// only the first, and whoever signs in chooses some of the bytes.
///
/// Written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StableId([u8; 16]);

impl StableId {
    /// `index` is `None` for an event as a whole.
    pub fn new(origin: &Origin, index: Option<u32>, bytes: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        let names = [
            origin.hub.namespace.as_str(),
            origin.hub.event_hub.as_str(),
            origin.partition.as_str(),
        ];
        for name in names {
            add(&mut context, name);
        }
        context.update(&origin.position.sequence.0.to_be_bytes());
        context.update(&index.map_or(-1, i64::from).to_be_bytes());
        context.update(bytes);
        Self(first_half(context))
    }
}

/// 128 bits of a SHA-256 over what a record is: its category, its own id, and its bytes as they
/// arrived.
///
/// The same wherever and however often it came. Two records of one id that differ (a sign-in of
/// which more became known) have two keys.
///
/// Written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentKey([u8; 16]);

impl ContentKey {
    fn new(category: &str, own_id: &str, bytes: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        add(&mut context, category);
        add(&mut context, own_id);
        context.update(bytes);
        Self(first_half(context))
    }
}

/// The length first, so that no two rows of texts are one.
fn add(context: &mut Context, text: &str) {
    context.update(&(text.len() as u64).to_be_bytes());
    context.update(text.as_bytes());
}

fn first_half(context: Context) -> [u8; 16] {
    let digest = context.finish();
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    half
}

fn write_digits(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for StableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_digits(&self.0, f)
    }
}

impl fmt::Debug for StableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_digits(&self.0, f)
    }
}

impl fmt::Display for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_digits(&self.0, f)
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_digits(&self.0, f)
    }
}

impl Record<'_> {
    /// Its stable id. Costs a hash of its bytes at every call.
    pub fn stable_id(&self) -> StableId {
        StableId::new(self.origin, Some(self.piece.index), self.piece.original)
    }

    /// Its content key. Costs a hash of its bytes, and a look at its fields, at every call.
    pub fn content_key(&self) -> ContentKey {
        let mut fields = self.read(&[Field::OwnId]);
        ContentKey::new(
            &fields.category().unwrap_or_default(),
            &fields.own_id().unwrap_or_default(),
            self.piece.original,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event_hub::{PartitionId, SequenceNumber};
    use crate::record::HubName;
    use crate::record::testing::with;

    #[test]
    fn everything_that_tells_records_apart_counts() {
        let origin = Origin::any();
        let id = StableId::new(&origin, Some(0), b"{}");
        assert_eq!(id, StableId::new(&origin.clone(), Some(0), b"{}"));
        let (mut hub, mut partition, mut sequence) =
            (origin.clone(), origin.clone(), origin.clone());
        hub.hub = Arc::new(HubName::new("contoso.servicebus.windows.net", "other"));
        partition.partition = PartitionId::new("1");
        sequence.position.sequence = SequenceNumber(1);
        let others = [
            StableId::new(&hub, Some(0), b"{}"),
            StableId::new(&partition, Some(0), b"{}"),
            StableId::new(&sequence, Some(0), b"{}"),
            StableId::new(&origin, Some(1), b"{}"),
            StableId::new(&origin, None, b"{}"),
            StableId::new(&origin, Some(0), b"{ }"),
        ];
        assert!(others.iter().all(|other| *other != id));
    }

    #[test]
    fn the_case_of_names_and_the_time_do_not_count() {
        let mut origin = Origin::any();
        let id = StableId::new(&origin, Some(0), b"{}");
        origin.hub = Arc::new(HubName::new("Contoso.ServiceBus.windows.net", "LOGS"));
        origin.position.enqueued_at = Some(crate::event_hub::Timestamp(7));
        assert_eq!(StableId::new(&origin, Some(0), b"{}"), id);
    }

    #[test]
    fn an_id_never_changes_between_versions() {
        let id = StableId::new(&Origin::any(), Some(3), b"{\"a\":1}");
        assert_eq!(id.to_string(), "936f60f1122cdd77bf38f5a4a1134e15");
    }

    #[test]
    fn the_content_key_is_of_what_a_record_is() {
        let key = |body: &str| with(body, |record| record.content_key());
        let record = r#"{"category":"SignInLogs","properties":{"id":"a","n":1}}"#;
        let more = r#"{"category":"SignInLogs","properties":{"id":"a","n":2}}"#;
        assert_eq!(key(record), key(record));
        // Where it stood does not count, how it was written does.
        assert_eq!(key(&format!("{{\"records\":[{record}]}}")), key(record));
        assert_ne!(key(&record.replace(':', ": ")), key(record));
        assert_ne!(key(more), key(record));
        let (one, two) = (
            ContentKey::new("ab", "c", b""),
            ContentKey::new("a", "bc", b""),
        );
        assert_ne!(one, two);
        assert_ne!(
            ContentKey::new("", "", b"ab"),
            ContentKey::new("a", "", b"b")
        );
    }

    #[test]
    fn a_content_key_never_changes_between_versions() {
        let key = ContentKey::new("SignInLogs", "a", b"{\"a\":1}");
        assert_eq!(key.to_string(), "359e6b51bdba0529f2e896e815f11eee");
    }
}
