//! What goes to the dead letters before any sink is asked.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use smallvec::SmallVec;

use super::Stages;
use crate::checkpoint::ledger::{Generation, LedgerError};
use crate::checkpoint::ledgers::LedgerId;
use crate::deliver::dead_letter::{DeadLetter, write_until_confirmed};
use crate::envelope::Records;
use crate::event_hub::{PartitionId, Position};
use crate::record::Origin;

impl Stages {
    /// Writes a whole event to the dead letters, for as long as that takes, and enters it as owing
    /// nothing.
    ///
    /// # Errors
    /// As [`Stages::hand_on`].
    pub async fn bury(
        &self,
        partition: &PartitionId,
        ledger: (LedgerId, Generation),
        position: Position,
        reason: &'static str,
        body: Bytes,
    ) -> Result<(), LedgerError> {
        let bytes = body.len() as u64;
        let letter = DeadLetter {
            source: self.source.clone(),
            origin: self.origin(partition, position.clone()),
            index: None,
            sink: None,
            reason,
            answer: None,
            first_seen: self.clock.now(),
            body,
        };
        self.write(&[letter]).await;
        let owed = SmallVec::from_elem(0, self.sinks.len());
        self.ledgers
            .open(ledger.0, ledger.1, position, bytes, 0, owed)
            .map(|_no_receipts| ())
    }

    /// The same for an event whose reading panicked: it would come back, for ever.
    pub(super) async fn bury_for_a_bug(
        &self,
        ledger: (LedgerId, Generation),
        origin: Origin,
        body: Bytes,
    ) -> Result<(), LedgerError> {
        self.oddities.note_panic(self, &origin);
        let reason = "internal";
        self.bury(&origin.partition, ledger, origin.position, reason, body)
            .await
    }

    /// Writes what is no JSON to the dead letters, for as long as that takes; gives what is left.
    pub(super) async fn bury_text(&self, origin: &Origin, records: Records) -> Records {
        let (left, pieces) = records.without_text();
        let first_seen = self.clock.now();
        let letters: Vec<_> = pieces
            .into_iter()
            .map(|(index, unparsable, body)| DeadLetter {
                source: self.source.clone(),
                origin: origin.clone(),
                index: Some(index),
                sink: None,
                reason: unparsable.name(),
                answer: None,
                first_seen,
                body,
            })
            .collect();
        self.write(&letters).await;
        left
    }

    async fn write(&self, letters: &[DeadLetter]) {
        let (store, rng) = (self.dead_letters.as_ref(), self.rng.as_ref());
        write_until_confirmed(store, letters, &self.status, rng).await;
        self.stats
            .dead_lettered
            .fetch_add(letters.len() as u64, Ordering::Relaxed);
    }
}
