//! The simulated hub as one process reaches it: properties and attaches.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use entra_forwarder::event_hub::{
    EventStream, HubProperties, Offset, OpenAt, PartitionId, PartitionProperties, SequenceNumber,
    Source, SourceError, SourceErrorKind,
};

use super::hub::{Hub, Opening, Partition, index};
use super::journal::Rule;
use super::link::Link;

/// Longest wait for the answer to an attach, as the source promises it.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// The hub as one process reaches it.
pub(crate) struct HubHandle {
    pub(crate) hub: Arc<Hub>,
    pub(crate) process: String,
}

#[async_trait]
impl Source for HubHandle {
    async fn hub_properties(&self) -> Result<HubProperties, SourceError> {
        self.answer().await?;
        let state = self.hub.lock();
        Ok(HubProperties {
            created_at: *state.created.last().unwrap(),
            partitions: (0..state.partitions.len())
                .map(|id| PartitionId::new(id.to_string()))
                .collect(),
        })
    }

    async fn partition_properties(
        &self,
        partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        self.answer().await?;
        let state = self.hub.lock();
        let it = &state.partitions[index(partition)];
        Ok(PartitionProperties {
            begin_sequence: SequenceNumber(it.entries.keys().next().map_or(-1, |first| *first)),
            last_sequence: it
                .last
                .as_ref()
                .map_or(SequenceNumber(-1), |last| last.sequence),
            last_offset: it
                .last
                .as_ref()
                .map_or(Offset::new(""), |last| last.offset.clone()),
            last_enqueued_at: it.last.as_ref().and_then(|last| last.enqueued_at),
            is_empty: it.entries.is_empty(),
        })
    }

    async fn open(
        &self,
        partition: &PartitionId,
        at: OpenAt,
        prefetch: u32,
    ) -> Result<Box<dyn EventStream>, SourceError> {
        assert!(prefetch > 0, "a receiver without credit receives nothing");
        let id = index(partition);
        let hub = &self.hub;
        let opening = hub.lock().partitions[id].opens.pop_front();
        hub.journal.note(
            "open",
            format_args!("{} {id} {at:?} {opening:?}", self.process),
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
        let older = match opening {
            Some(Opening::Hangs) => {
                tokio::time::sleep(OPEN_TIMEOUT).await;
                hub.journal.note("open hung", format_args!("{id}"));
                let message = "no answer to the attach";
                return Err(SourceError::new(SourceErrorKind::Unavailable, message));
            }
            Some(Opening::Refused(kind)) => {
                hub.journal
                    .note("open refused", format_args!("{id} {kind}"));
                return Err(SourceError::new(kind, "as the script says"));
            }
            Some(Opening::Older(events)) if !matches!(at, OpenAt::FromTime(_)) => events,
            Some(Opening::Older(_) | Opening::Wedged) | None => 0,
        };
        let mut state = hub.lock();
        state.links += 1;
        let link = state.links;
        state.has_wedged |= opening == Some(Opening::Wedged);
        let it = &mut state.partitions[id];
        let end = it.last.as_ref().map_or(-1, |last| last.sequence.0);
        if let OpenAt::FromSequence(sequence) = at
            && sequence.0 > end
        {
            drop(state);
            hub.journal
                .note("position refused", format_args!("{id} {sequence}"));
            let message = format!("the last sequence number is {end}");
            return Err(SourceError::new(SourceErrorKind::PositionRefused, message));
        }
        if opening == Some(Opening::Wedged) {
            it.wedged.insert(link);
        }
        it.link = link;
        it.ends = None;
        let asked = asked(it, &at);
        let is_search = matches!(at, OpenAt::FromTime(_));
        let checked = if self.process.starts_with("process") && !is_search {
            it.check_resume(&self.process, asked)
        } else {
            Ok(())
        };
        let cursor = cursor(it, asked, older);
        let timeline = it.timeline;
        drop(state);
        if let Err(problem) = checked {
            hub.journal.violate(Rule::Resume, problem);
        }
        hub.changed.notify_waiters();
        Ok(Box::new(Link::new(
            Arc::clone(hub),
            self.process.clone(),
            id,
            link,
            timeline,
            cursor,
            is_search,
        )))
    }
}

/// The number from which a receiver asks for events.
fn asked(it: &Partition, at: &OpenAt) -> i64 {
    match at {
        OpenAt::Earliest => -1,
        OpenAt::FromSequence(sequence) => sequence.0,
        OpenAt::FromTime(moment) => it
            .entries
            .iter()
            .find(|(_, entry)| entry.position.enqueued_at >= Some(*moment))
            .map_or(it.next, |(sequence, _)| *sequence),
        OpenAt::FromOffset(_) => unreachable!("no case asks for it"),
    }
}

/// The number with which it begins, `older` events before the one asked for.
fn cursor(it: &Partition, asked: i64, older: u8) -> i64 {
    let first = it.entries.keys().next().copied().unwrap_or(it.next);
    let cursor = asked.max(first);
    let older = it
        .entries
        .range(..cursor)
        .rev()
        .take_while(|(_, entry)| entry.body.is_some())
        .take(older.into());
    older.map(|(sequence, _)| *sequence).min().unwrap_or(cursor)
}

impl HubHandle {
    async fn answer(&self) -> Result<(), SourceError> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let mut state = self.hub.lock();
        if state.properties_failures > 0 {
            state.properties_failures -= 1;
            drop(state);
            self.hub.journal.note("properties failed", format_args!(""));
            return Err(SourceError::new(
                SourceErrorKind::Unavailable,
                "as the script says",
            ));
        }
        Ok(())
    }
}
