//! Which events of a partition are meant: times become sequence numbers, once, before anything is
//! read. So it is known how many there are, and a second run means the same ones.

use std::time::{Duration, SystemTime};

use futures::{FutureExt, StreamExt, TryStreamExt};

use super::{ToolsError, ToolsHub, patiently};
use crate::config::Start;
use crate::event_hub::{PartitionId, PartitionProperties, SequenceNumber, SourceError, Timestamp};
use crate::partition::start::first_position;

/// Partitions that are looked at at the same time.
const LOOKUPS_MAX: usize = 8;
/// What the hub says of a partition lags behind by seconds: an end nearer to the present is waited
/// for.
const SETTLES_AFTER: Duration = Duration::from_secs(10);

/// Where reading ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Nowhere.
    Never,
    /// Behind the last event that was there when it began.
    End,
    /// Before the first event enqueued at this moment or later.
    Time(Timestamp),
    /// Behind the event with this number.
    Sequence(SequenceNumber),
}

/// What of a window the hub does not hold any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Nothing.
    Nothing,
    /// So many events at its beginning.
    Events(u64),
    /// Maybe some: the window begins at a time, and the first event that is retained, of this
    /// number, was enqueued after that.
    Perhaps(SequenceNumber),
}

/// The events of one partition that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The partition.
    pub partition: PartitionId,
    /// Number of the first one that can be read.
    pub first: SequenceNumber,
    /// Number of the last one; `None` when there is no end.
    pub last: Option<SequenceNumber>,
    /// What is missing of it.
    pub gone: Gone,
    /// How many numbers at its end the hub has not reached yet.
    pub not_yet: u64,
}

impl Window {
    /// How many events it has; `None` when it has no end.
    pub fn events(&self) -> Option<u64> {
        let count = self.last?.0 - self.first.0 + 1;
        Some(u64::try_from(count).unwrap_or(0))
    }
}

/// Finds the windows of some partitions. A time takes a receiver for a moment; times are those at
/// which Event Hubs took the events in.
///
/// # Errors
/// When the hub does not answer or refuses, or the end lies in the future.
pub async fn windows(
    hub: &ToolsHub,
    partitions: &[PartitionId],
    from: Start,
    until: Until,
    patience: Duration,
) -> Result<Vec<Window>, ToolsError> {
    if let Until::Time(moment) = until {
        let settled = moment.0.saturating_add(SETTLES_AFTER.as_millis() as i64);
        let left = Timestamp(settled).since(Timestamp::from(SystemTime::now()));
        if left > 2 * SETTLES_AFTER {
            let sentence = format!("--to: {moment} is in the future: its events are not there yet");
            return Err(ToolsError::Window(sentence));
        }
        tokio::time::sleep(left).await;
    }
    let find = |partition: PartitionId| {
        async move {
            patiently(patience, || find(hub, &partition, from, until).boxed())
                .await
                .map_err(|error| ToolsError::hub(&hub.name, error))
        }
        .boxed()
    };
    let mut found =
        futures::stream::iter(partitions.iter().cloned().map(find)).buffered(LOOKUPS_MAX);
    let mut windows = Vec::new();
    while let Some(window) = found.try_next().await? {
        windows.push(window);
    }
    Ok(windows)
}

async fn find(
    hub: &ToolsHub,
    partition: &PartitionId,
    from: Start,
    until: Until,
) -> Result<Window, SourceError> {
    let source = hub.source.as_ref();
    let properties = hub.inquiry.look(partition).await?;
    let last = match until {
        Until::Never => None,
        Until::End => Some(properties.last_sequence),
        Until::Sequence(last) => Some(last.min(properties.last_sequence)),
        Until::Time(moment) => {
            let end = first_position(source, partition, Start::Time(moment), &properties);
            Some(end.await?.sequence)
        }
    };
    let begin = first_position(source, partition, from, &properties).await?;
    let begin = begin.sequence.next();
    let first = begin.max(properties.first_readable());
    Ok(Window {
        partition: partition.clone(),
        first,
        last,
        gone: gone(from, first, last, &properties),
        not_yet: not_yet(begin, until, properties.last_sequence),
    })
}

/// How many numbers from `begin` on are meant that lie behind the end of the partition.
fn not_yet(begin: SequenceNumber, until: Until, end: SequenceNumber) -> u64 {
    match until {
        Until::Sequence(last) => {
            let next = begin.max(end.next());
            u64::try_from(last.0.saturating_sub(next.0).saturating_add(1)).unwrap_or(0)
        }
        Until::Never | Until::End | Until::Time(_) => 0,
    }
}

fn gone(
    from: Start,
    first: SequenceNumber,
    last: Option<SequenceNumber>,
    properties: &PartitionProperties,
) -> Gone {
    let retained = properties.first_readable();
    match from {
        Start::Sequence(wanted) => {
            let end = last.map_or(retained, |last| retained.min(last.next()));
            match u64::try_from(end.0 - wanted.0) {
                Ok(events) if events > 0 => Gone::Events(events),
                _ => Gone::Nothing,
            }
        }
        Start::Time(_) if first == retained && retained > SequenceNumber(0) => {
            Gone::Perhaps(retained)
        }
        Start::Time(_) | Start::Earliest | Start::Latest => Gone::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_hub::Offset;

    #[test]
    fn what_retention_has_taken_is_known() {
        let check = |from, first, last: Option<i64>, begin, expected| {
            let properties = PartitionProperties {
                begin_sequence: SequenceNumber(begin),
                last_sequence: SequenceNumber(99),
                last_offset: Offset::new("1"),
                last_enqueued_at: Some(Timestamp(9)),
                is_empty: false,
            };
            let last = last.map(SequenceNumber);
            let found = gone(from, SequenceNumber(first), last, &properties);
            assert_eq!(found, expected, "{from:?} {first} {last:?} {begin}");
        };
        let number = |number| Start::Sequence(SequenceNumber(number));
        let time = Start::Time(Timestamp(5));
        check(number(10), 10, Some(20), 0, Gone::Nothing);
        check(number(10), 10, Some(20), 10, Gone::Nothing);
        check(number(10), 15, Some(20), 15, Gone::Events(5));
        check(number(10), 15, None, 15, Gone::Events(5));
        check(number(10), 50, Some(20), 50, Gone::Events(11));
        check(number(10), 50, Some(9), 50, Gone::Nothing);
        check(time, 15, Some(20), 0, Gone::Nothing);
        check(time, 0, Some(20), 0, Gone::Nothing);
        check(time, 15, Some(20), 15, Gone::Perhaps(SequenceNumber(15)));
        check(Start::Earliest, 15, None, 15, Gone::Nothing);
    }

    #[test]
    fn what_the_hub_has_not_reached_is_known() {
        let check = |begin, until, end, expected| {
            let found = not_yet(SequenceNumber(begin), until, SequenceNumber(end));
            assert_eq!(found, expected, "{begin} {until:?} {end}");
        };
        let to = |last| Until::Sequence(SequenceNumber(last));
        check(10, to(20), 20, 0);
        check(10, to(20), 99, 0);
        check(10, to(20), 19, 1);
        check(10, to(20), 4, 11);
        check(10, to(20), -1, 11);
        check(10, Until::End, 4, 0);
        check(10, Until::Time(Timestamp(5)), 4, 0);
    }

    #[test]
    fn a_window_counts_its_events() {
        let window = |first, last: Option<i64>| Window {
            partition: PartitionId::new("0"),
            first: SequenceNumber(first),
            last: last.map(SequenceNumber),
            gone: Gone::Nothing,
            not_yet: 0,
        };
        assert_eq!(window(3, Some(5)).events(), Some(3));
        assert_eq!(window(0, Some(-1)).events(), Some(0));
        assert_eq!(window(7, Some(3)).events(), Some(0));
        assert_eq!(window(7, None).events(), None);
    }
}
