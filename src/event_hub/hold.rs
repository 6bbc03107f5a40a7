//! Keeps the SDK from ending a link in its own way, which can attach the link again.
//!
//! A client that is closed suspends its links: it sends a Detach that is not `closed`. When the
//! broker's closing Detach (such as `amqp:link:stolen`) is unread by then, or crosses it on the
//! wire, AMQP has the link attached once more so that it can be closed ("closing a link" in
//! <https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-transport-v1.0-os.html>), and
//! `fe2o3-amqp` does so. That attach carries the epoch, and throws off whoever has the partition
//! by now. A link that is in use is left alone by the client; the end of its session ends it too.

use std::pin::{Pin, pin};

use azure_messaging_eventhubs::models::ReceivedEventData;
use azure_messaging_eventhubs::{ConsumerClient, EventHubsError, EventReceiver};
use futures::{Stream, StreamExt};
use tokio::task::consume_budget;

use super::PartitionId;

/// What a receiver yields, with the receiver in it.
pub(super) type Events =
    Pin<Box<dyn Stream<Item = Result<ReceivedEventData, EventHubsError>> + Send>>;

/// More than a task may do in one turn (128 steps).
const BUDGET_MAX: usize = 1024;

/// A stream of a receiver's events that owns the receiver.
pub(super) fn own(receiver: EventReceiver) -> Events {
    Box::pin(async_stream::stream! {
        let mut events = pin!(receiver.stream_events());
        while let Some(event) = events.next().await {
            yield event;
        }
    })
}

/// Uses the link of a partition for as long as what is returned lives, without receiving anything
/// over it. To be called in a task, for a link that has been attached.
///
/// A receiver of the same client finds the link that stands, and is stopped where it would receive
/// from it: a task that has used up its budget gets nothing from tokio, neither a lock nor a
/// message. It is not polled again.
pub(super) async fn hold(client: &ConsumerClient, partition: &PartitionId) -> Option<Events> {
    let receiver = client
        .open_receiver_on_partition(partition.as_str().to_owned(), None)
        .await;
    let mut events = own(receiver.ok()?);
    let is_held = std::future::poll_fn(|context| {
        for _ in 0..BUDGET_MAX {
            if pin!(consume_budget()).poll(context).is_pending() {
                break;
            }
        }
        std::task::Poll::Ready(events.as_mut().poll_next(context).is_pending())
    });
    is_held.await.then_some(events)
}
