//! What is known of a dead letter beside its bytes: metadata of a blob, keys of a JSON object.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::DeadLetter;
use crate::event_hub::{Offset, PartitionId, Position, SequenceNumber, Timestamp};
use crate::record::{HubName, Origin, StableId};

/// Bytes of an answer that are kept: metadata of a blob holds 8 KiB in all, in which a byte may
/// take three (<https://learn.microsoft.com/rest/api/storageservices/setting-and-retrieving-properties-and-metadata-for-blob-resources>).
const ANSWER_BYTES_MAX: usize = 1_000;

/// What is known of the fate of a record.
///
/// As names and values: `reason`, `answer`, `source`, `sink`, `namespace`, `hub`, `partition`,
/// `sequence`, `offset`, `index`, `enqueuedtime`, `firstseen`, `id`, `size`. What is not known is
/// left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Name of the source.
    pub source: String,
    /// Name of the sink that refused it; `None` when no sink was asked.
    pub sink: Option<String>,
    /// Why it is here, as a stable word.
    pub reason: String,
    /// What the sink answered.
    pub answer: Option<String>,
    /// The hub; `None` when an earlier version wrote it.
    pub hub: Option<HubName>,
    /// The partition.
    pub partition: PartitionId,
    /// Number of the event in it.
    pub sequence: SequenceNumber,
    /// Offset of the event.
    pub offset: Option<Offset>,
    /// Index of the record in its event; `None` when the whole event is meant.
    pub index: Option<u32>,
    /// When the service took the event in.
    pub enqueued_at: Option<Timestamp>,
    /// When it was first found to be a dead letter.
    pub first_seen: Timestamp,
    /// The stable id; of what an earlier version wrote, a hash of its bytes.
    pub id: String,
    /// Bytes of its body.
    pub size: u64,
}

impl Facts {
    pub(super) fn of(letter: &DeadLetter) -> Self {
        let position = &letter.origin.position;
        Self {
            source: letter.source.clone(),
            sink: letter.sink.clone(),
            reason: letter.reason.to_owned(),
            answer: letter.answer.as_deref().map(clipped),
            hub: Some(HubName::clone(&letter.origin.hub)),
            partition: letter.origin.partition.clone(),
            sequence: position.sequence,
            offset: Some(position.offset.clone()),
            index: letter.index,
            enqueued_at: position.enqueued_at,
            first_seen: letter.first_seen,
            id: letter.id().to_string(),
            size: letter.body.len() as u64,
        }
    }

    /// Names and values; what is not known is left out.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("reason", self.reason.clone()),
            ("source", self.source.clone()),
            ("partition", self.partition.as_str().to_owned()),
            ("sequence", self.sequence.to_string()),
            ("firstseen", self.first_seen.to_rfc3339()),
            ("id", self.id.clone()),
            ("size", self.size.to_string()),
        ];
        let hub = self.hub.as_ref();
        let moment = self.enqueued_at.map(Timestamp::to_rfc3339);
        let optional = [
            ("sink", self.sink.clone()),
            ("answer", self.answer.clone()),
            ("namespace", hub.map(|hub| hub.namespace.clone())),
            ("hub", hub.map(|hub| hub.event_hub.clone())),
            ("offset", self.offset.as_ref().map(|it| it.as_str().into())),
            ("index", self.index.map(|index| index.to_string())),
            ("enqueuedtime", moment),
        ];
        let known = optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        pairs.extend(known);
        pairs
    }

    /// Reads names and values; `modified_at` and `size` are those of the object, for what an
    /// earlier version left out.
    ///
    /// # Errors
    /// What is wrong, as a sentence's end.
    pub(super) fn read(
        fields: &BTreeMap<String, String>,
        modified_at: Timestamp,
        size: Option<u64>,
    ) -> Result<Self, String> {
        let value = |name: &str| fields.get(name).filter(|text| !text.is_empty());
        let text = |name: &str| value(name).cloned();
        let needed = |name: &str| text(name).ok_or_else(|| format!("it has no `{name}`"));
        let moment = |name| value(name).and_then(|text| Timestamp::parse_rfc3339(text));
        let sequence = needed("sequence")?;
        let index = text("index").map(|index| index.parse::<u32>());
        let hub = text("namespace").zip(text("hub"));
        let size = match text("size") {
            Some(size) => size.parse().ok(),
            None => size,
        };
        Ok(Self {
            source: needed("source")?,
            sink: text("sink"),
            reason: needed("reason")?,
            answer: text("answer"),
            hub: hub.map(|(namespace, hub)| HubName::new(&namespace, &hub)),
            partition: PartitionId::new(needed("partition")?),
            sequence: sequence
                .parse()
                .map(SequenceNumber)
                .map_err(|_| "its `sequence` is no number".to_owned())?,
            offset: text("offset").map(Offset::new),
            index: index
                .transpose()
                .map_err(|_| "its `index` is no number".to_owned())?,
            enqueued_at: moment("enqueuedtime"),
            first_seen: moment("firstseen").unwrap_or(modified_at),
            id: text("id")
                .or_else(|| text("digest"))
                .ok_or("it has no `id`")?,
            size: size.ok_or("its `size` is no number")?,
        })
    }

    /// The event, as far as it is known.
    pub fn origin(&self) -> Origin {
        let hub = self.hub.clone().unwrap_or_else(|| HubName::new("", ""));
        Origin {
            hub: Arc::new(hub),
            partition: self.partition.clone(),
            position: Position {
                sequence: self.sequence,
                offset: self.offset.clone().unwrap_or_else(Offset::beginning),
                enqueued_at: self.enqueued_at,
            },
        }
    }

    /// Whether the bytes are those that were written.
    ///
    /// # Errors
    /// What is wrong, as a sentence's end.
    pub(super) fn check(&self, body: &[u8]) -> Result<(), String> {
        if self.size != body.len() as u64 {
            let (expected, found) = (self.size, body.len());
            return Err(format!("it has {found} bytes instead of {expected}"));
        }
        let id = self
            .hub
            .is_some()
            .then(|| StableId::new(&self.origin(), self.index, body).to_string());
        match id {
            Some(id) if id != self.id => Err("its bytes are not those of its id".to_owned()),
            _ => Ok(()),
        }
    }
}

fn clipped(answer: &str) -> String {
    let mut end = answer.len().min(ANSWER_BYTES_MAX);
    while !answer.is_char_boundary(end) {
        end -= 1;
    }
    answer.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn letter() -> DeadLetter {
        DeadLetter {
            source: "entra".to_owned(),
            origin: Origin::any(),
            index: Some(3),
            sink: Some("siem".to_owned()),
            reason: "refused",
            answer: Some("é".repeat(4_000)),
            first_seen: Timestamp(7),
            body: Bytes::from_static(b"{}"),
        }
    }

    fn fields(facts: &Facts) -> BTreeMap<String, String> {
        let pairs = facts.pairs().into_iter();
        pairs
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for letter in [
            letter(),
            DeadLetter {
                index: None,
                sink: None,
                answer: None,
                ..letter()
            },
        ] {
            let facts = Facts::of(&letter);
            let read = Facts::read(&fields(&facts), Timestamp(0), None).unwrap();
            assert_eq!(read, facts);
            assert_eq!(read.check(b"{}"), Ok(()));
            assert!(read.check(b"[]").is_err() && read.check(b"").is_err());
        }
        let answer = Facts::of(&letter()).answer.unwrap();
        assert_eq!(answer, "é".repeat(500));
    }

    #[test]
    fn what_is_missing_is_named() {
        let whole = fields(&Facts::of(&letter()));
        for (name, value) in [
            ("source", None),
            ("reason", Some("")),
            ("partition", None),
            ("sequence", Some("one")),
            ("index", Some("-1")),
            ("id", None),
            ("size", Some("large")),
        ] {
            let mut fields = whole.clone();
            fields.remove(name);
            fields.extend(value.map(|value| (name.to_owned(), value.to_owned())));
            let problem = Facts::read(&fields, Timestamp(0), Some(2)).unwrap_err();
            assert!(problem.contains(name), "{problem}");
        }
    }
}
