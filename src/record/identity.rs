//! The stable id of a record: the same at every repetition, another for everything else.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

use super::{Origin, Record};

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
            // The length first, so that no two rows of names are one.
            context.update(&(name.len() as u64).to_be_bytes());
            context.update(name.as_bytes());
        }
        context.update(&origin.position.sequence.0.to_be_bytes());
        context.update(&index.map_or(-1, i64::from).to_be_bytes());
        context.update(bytes);
        let digest = context.finish();
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(id)
    }
}

impl fmt::Display for StableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Record<'_> {
    /// Its stable id. Costs a hash of its bytes at every call.
    pub fn stable_id(&self) -> StableId {
        StableId::new(self.origin, Some(self.piece.index), self.piece.original)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event_hub::{PartitionId, SequenceNumber};
    use crate::record::HubName;

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
}
