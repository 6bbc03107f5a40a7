//! A message that the decoder refuses again and again.

use super::receive::Link;
use super::{End, Reader};
use crate::config::OnUndecodable;
use crate::event_hub::{Position, SequenceNumber, SourceErrorKind};

/// Ends in a row at the same place from which a message counts as undecodable.
const ENDS: u32 = 3;

/// What is known of a message that cannot be decoded.
#[derive(Debug, Default)]
pub(super) struct Undecodable {
    /// Ends in a row behind this number.
    ends: (Option<SequenceNumber>, u32),
    /// Whether the last position is such a message: the next receiver begins behind it.
    pub(super) is_passed: bool,
    /// Where it stalls; said once, until it goes on.
    pub(super) stalled_at: Option<SequenceNumber>,
}

impl Reader {
    /// Counts an end, and passes over the message when it is certain that it cannot be decoded.
    /// Gives an end when the hub turns out to be another one.
    pub(super) async fn met_undecodable(&mut self, kind: SourceErrorKind) -> Option<End> {
        let here = Some(self.last.sequence);
        let ends = &mut self.undecodable.ends;
        *ends = match (kind, *ends) {
            (SourceErrorKind::Undecodable, (at, ends)) if at == here => (at, ends + 1),
            (SourceErrorKind::Undecodable, _) => (here, 1),
            _ => (here, 0),
        };
        if ends.1 < ENDS {
            return None;
        }
        // The number of the message follows from the last event, if that is of the same hub.
        let end = self.make_sure(&mut Link::new()).await;
        if end.is_some() {
            return end;
        }
        // A checkpoint may stand at a message that was passed over, and then that one is met again:
        // only behind it can the next one be told to be undecodable too.
        let is_next = self.undecodable.is_passed
            || self.is_last_received
            || self.last.sequence < SequenceNumber(0);
        if !is_next || self.pass_undecodable().await {
            self.undecodable.is_passed = true;
            self.backoff.reset();
        }
        self.undecodable.ends = (Some(self.last.sequence), 0);
        None
    }

    /// The message behind the last event cannot be decoded: says so, and passes over it when the
    /// configuration allows it. Returns whether it was passed over.
    async fn pass_undecodable(&mut self) -> bool {
        let first = match self.look().await {
            Ok(properties) => properties.first_readable(),
            Err(_) => SequenceNumber(0),
        };
        let given = &self.given;
        let (partition, stages) = (&given.partition, &given.stages);
        let sequence = self.last.sequence.next().max(first);
        if given.policy.on_undecodable == OnUndecodable::Stall {
            let reason = format!(
                "the message with sequence number {sequence} cannot be decoded; \
                 to pass over it, set on_undecodable = \"skip\" for source {}",
                stages.source
            );
            stages.status.waits(&self.component, &reason);
            self.undecodable.stalled_at = Some(sequence);
            return false;
        }
        stages
            .oddities
            .note_undecodable(stages, partition, sequence);
        // No offset is known for it; the one before it makes other programs repeat, never skip.
        let position = Position {
            sequence,
            enqueued_at: None,
            ..self.last.clone()
        };
        let buried = stages
            .bury(
                partition,
                given.ledger,
                position.clone(),
                "undecodable",
                bytes::Bytes::new(),
            )
            .await;
        if buried.is_ok() {
            // It is dealt with: it counts neither as unread nor as missing.
            self.stats.begins(&position);
            self.last = position;
            self.is_last_received = false;
        }
        buried.is_ok()
    }
}
