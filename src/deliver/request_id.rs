//! What an endpoint can recognise a repeated request by.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

use crate::batch::Batch;
use crate::record::{Origin, Record};

/// 128 bits of a SHA-256 over where the records of a batch came from and the body that they became.
///
/// The same at every repetition of the same bytes, also after a restart that builds the same batch
/// again. Two requests of one id carry the same records: an endpoint that drops the second loses
/// nothing. Written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// For a batch and its body as it travels.
    pub fn of(batch: &Batch, body: &[u8]) -> Self {
        Self::of_records(batch.records(), body)
    }

    /// For a body without records.
    pub fn of_probe(body: &[u8]) -> Self {
        Self::of_records(std::iter::empty(), body)
    }

    /// For records and the body that they became, as it travels.
    pub fn of_records<'a>(records: impl Iterator<Item = Record<'a>>, body: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        let mut known: Option<&Origin> = None;
        for record in records {
            let origin = record.origin();
            // Records of one event stand together and share its origin.
            if !known.is_some_and(|known| std::ptr::eq(known, origin)) {
                let hub = &origin.hub;
                for name in [&hub.namespace, &hub.event_hub, origin.partition.as_str()] {
                    // The length first, so that no two rows of names are one.
                    context.update(&(name.len() as u64).to_be_bytes());
                    context.update(name.as_bytes());
                }
                context.update(&origin.position.sequence.0.to_be_bytes());
                known = Some(origin);
            }
            context.update(&record.index().to_be_bytes());
        }
        context.update(body);
        let digest = context.finish();
        let mut half = [0; 16];
        for (to, from) in half.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(half)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Piece, RecordKind};
    use crate::event_hub::{PartitionId, SequenceNumber};

    #[test]
    fn position_index_and_body_count() {
        let id = |partition: &str, sequence: i64, index: u32, body: &[u8]| {
            let mut origin = Origin::any();
            origin.partition = PartitionId::new(partition);
            origin.position.sequence = SequenceNumber(sequence);
            let piece = Piece {
                index,
                kind: RecordKind::Object,
                original: b"{}",
                repaired: None,
            };
            RequestId::of_records(std::iter::once(Record::new(piece, &origin)), body).to_string()
        };
        let all = [
            id("0", 1, 0, b"body"),
            id("1", 1, 0, b"body"),
            id("0", 2, 0, b"body"),
            id("0", 1, 1, b"body"),
            id("0", 1, 0, b"bodies"),
            RequestId::of_probe(b"body").to_string(),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(all[0], id("0", 1, 0, b"body"));
        assert!(all.iter().all(|id| id.len() == 32));
    }
}
