//! One open receiver.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use azure_messaging_eventhubs::models::ReceivedEventData;
use azure_messaging_eventhubs::{
    ConsumerClient, EventHubsError, OpenReceiverOptions, StartLocation, StartPosition,
};
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use super::connection::Connection;
use super::error::{self, Target};
use super::hold::{Events, own};
use super::{
    EventStream, OpenAt, PartitionId, ReceivedEvent, SourceError, SourceErrorKind, message,
};

type Received = Result<ReceivedEventData, SourceError>;

/// What a receiver is attached with.
pub(super) fn options(at: &OpenAt, prefetch: u32, epoch: Option<i64>) -> OpenReceiverOptions {
    OpenReceiverOptions {
        owner_level: epoch,
        prefetch: Some(prefetch.max(1)),
        start_position: Some(start(at)),
        receive_timeout: None,
    }
}

/// Attaches a receiver and waits until the service has accepted the link.
pub(super) async fn open(
    mut connection: Connection,
    partition: &PartitionId,
    options: OpenReceiverOptions,
    target: &Target,
) -> Result<PartitionStream, SourceError> {
    let client = connection
        .client()
        .map_err(|error| error::classify(&error, target))?;
    let (events, first) = attach(client, partition, options, target).await?;
    connection.has_link();
    Ok(PartitionStream {
        events: Some(events),
        first,
        connection,
        target: target.clone(),
    })
}

/// The SDK attaches within the first poll for an event, which ends with an event, and says nothing
/// when the link stands. So a second receiver looks on: the SDK keeps one link per partition and
/// client, the second one finds it once it stands, and waits for its turn to receive, which does
/// not come while the first one receives. The end of its (short) receive time-out is the news.
///
/// It never holds the link: it is polled after the first one only, the link is handed out in the
/// order of asking, and it is dropped as soon as the first one returns.
async fn attach(
    client: &ConsumerClient,
    partition: &PartitionId,
    options: OpenReceiverOptions,
    target: &Target,
) -> Result<(Events, Option<Received>), SourceError> {
    let mut onlooker = options.clone();
    onlooker.receive_timeout = Some(azure_core::time::Duration::milliseconds(1));
    let partition = partition.as_str();
    let receiver = client
        .open_receiver_on_partition(partition.to_owned(), Some(options))
        .await
        .map_err(|error| error::classify(&error, target))?;
    let mut events = own(receiver);
    let attached = async {
        let receiver = client
            .open_receiver_on_partition(partition.to_owned(), Some(onlooker))
            .await?;
        receiver.stream_events().next().await.transpose()
    };
    // Its time-out is no news to anyone else.
    let attached = attached.with_subscriber(Dispatch::none());
    tokio::select! {
        biased;
        first = receive(&mut events, |error| error::classify(error, target)) => match first {
            // The link stands: only what came over it can be undecodable.
            Err(error) if error.kind != SourceErrorKind::Undecodable => Err(error),
            first => Ok((events, Some(first))),
        },
        _ = attached => Ok((events, None)),
    }
}

/// The next message, or why there is none. What the SDK has begun stays in `events` when this
/// future is dropped.
async fn receive(
    events: &mut Events,
    classify: impl Fn(&EventHubsError) -> SourceError,
) -> Received {
    // A message that makes the SDK panic must not take the reader along.
    match AssertUnwindSafe(events.next()).catch_unwind().await {
        Ok(Some(Ok(message))) => Ok(message),
        Ok(Some(Err(error))) => Err(classify(&error)),
        Ok(None) => Err(ended()),
        Err(_panic) => Err(SourceError::new(
            SourceErrorKind::Undecodable,
            "the client failed on what it received (a panic, see the log)",
        )),
    }
}

fn ended() -> SourceError {
    SourceError::new(SourceErrorKind::Unavailable, "the receiver has ended")
}

fn start(at: &OpenAt) -> StartPosition {
    let (location, inclusive) = match at {
        OpenAt::FromSequence(number) if number.0 >= 0 => {
            (StartLocation::SequenceNumber(number.0), true)
        }
        // `>= '-1'` is not known to deliver anything, as `> '-1'` does not.
        OpenAt::Earliest | OpenAt::FromSequence(_) => (StartLocation::Earliest, false),
        OpenAt::FromOffset(offset) => (StartLocation::Offset(offset.as_str().to_owned()), true),
        OpenAt::FromTime(moment) => {
            let since = Duration::from_millis(u64::try_from(moment.0).unwrap_or(0));
            (StartLocation::EnqueuedTime(UNIX_EPOCH + since), true)
        }
    };
    StartPosition {
        location,
        inclusive,
    }
}

/// The events of one partition from one link. It is never attached a second time.
pub(super) struct PartitionStream {
    /// `None` once the link has ended.
    events: Option<Events>,
    /// What arrived before the attach was known.
    first: Option<Received>,
    connection: Connection,
    target: Target,
}

#[async_trait]
impl EventStream for PartitionStream {
    async fn next(&mut self) -> Result<ReceivedEvent, SourceError> {
        let received = match (self.first.take(), &mut self.events) {
            (_, None) => Err(ended()),
            (Some(first), Some(_)) => first,
            (None, Some(events)) => {
                receive(events, |error| error::classify_end(error, &self.target)).await
            }
        };
        let event = received.and_then(|message| message::received(&message));
        event.inspect_err(|_| self.events = None)
    }

    fn leave_at(&self) -> Option<Instant> {
        self.connection.credential()?.leave_at()
    }

    async fn close(self: Box<Self>) {
        let Self {
            events, connection, ..
        } = *self;
        // First the receiver: the end of the link is the connection's affair.
        drop(events);
        connection.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_hub::{Offset, SequenceNumber, Timestamp};

    #[test]
    fn filters_are_those_of_open_at() {
        for (at, location, inclusive) in [
            (OpenAt::Earliest, StartLocation::Earliest, false),
            (
                OpenAt::FromSequence(SequenceNumber(-1)),
                StartLocation::Earliest,
                false,
            ),
            (
                OpenAt::FromSequence(SequenceNumber(0)),
                StartLocation::SequenceNumber(0),
                true,
            ),
            (
                OpenAt::FromOffset(Offset::new("17")),
                StartLocation::Offset("17".to_owned()),
                true,
            ),
            (
                OpenAt::FromTime(Timestamp(1_500)),
                StartLocation::EnqueuedTime(UNIX_EPOCH + Duration::from_millis(1_500)),
                true,
            ),
        ] {
            assert_eq!(
                start(&at),
                StartPosition {
                    location,
                    inclusive
                },
                "{at:?}"
            );
        }
    }
}
