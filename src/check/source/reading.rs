//! Whether events may be received, found out without disturbing whoever receives them now.

use std::time::Duration;

use super::{Claims, HubProperties, Log, Point, Subject};
use crate::check::finding::Cause;
use crate::event_hub::{EventStream, OpenAt, PartitionId, Source, SourceErrorKind, Timestamp};
use crate::tools::{ToolsError, ToolsHub};

/// How long what passes by itself is tried again.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for an event that is there.
const EVENT_MAX: Duration = Duration::from_secs(5);

/// Looks whether the source's own consumer group is there. A receiver without epoch throws nobody
/// off; where somebody reads exclusively it is refused, which proves group and right as well.
pub(super) async fn consumer_group(
    log: &Log,
    subject: &Subject<'_>,
    hub: &HubProperties,
    claims: Option<&Claims>,
) {
    let (Some(onlooker), Some(partition)) = (
        subject.parts.onlookers.get(subject.name),
        hub.partitions.first(),
    ) else {
        return;
    };
    let group = &subject.source.consumer_group;
    let error = match onlooker.open(partition, OpenAt::Earliest, 1).await {
        Ok(stream) => {
            stream.close().await;
            let seen = format!("{group} is there; nobody reads partition {partition} exclusively");
            return log.ok(Point::ConsumerGroup, seen);
        }
        Err(error) => error,
    };
    match error.kind {
        SourceErrorKind::Stolen => {
            let seen = format!("{group} is there; a forwarder reads partition {partition} now");
            log.ok(Point::ConsumerGroup, seen);
        }
        SourceErrorKind::NotFound => {
            let seen = format!("{} has no consumer group {group}", subject.source.event_hub);
            let remedy = format!("create it: {}", create(subject, group));
            log.failed(Point::ConsumerGroup, Cause::Unavailable, seen, remedy);
        }
        _ => subject.report(log, Point::ConsumerGroup, &error, claims),
    }
}

/// The command that makes a group.
fn create(subject: &Subject<'_>, group: &str) -> String {
    let namespace = subject.source.namespace.split('.').next();
    format!(
        "az eventhubs eventhub consumer-group create --resource-group <RESOURCE-GROUP> \
         --namespace-name {} --eventhub-name {} --name {group}",
        namespace.unwrap_or_default(),
        subject.source.event_hub
    )
}

/// Attaches with the consumer group of the tools; gives the hub as it is read with it.
pub(super) async fn beside(
    log: &Log,
    subject: &Subject<'_>,
    claims: Option<&Claims>,
) -> Option<ToolsHub> {
    let (config, source) = (subject.config, (subject.name, subject.source));
    let (client_id, amqp) = (subject.default_client_id, subject.parts.amqp());
    match ToolsHub::reach(config, source, client_id, amqp, PATIENCE).await {
        Ok(tools) => {
            let seen = format!("a receiver attaches in the group {}", tools.group);
            log.ok(Point::Receive, seen);
            return Some(tools);
        }
        Err(ToolsError::Hub { error, .. }) => {
            subject.report(log, Point::Receive, &error, claims);
        }
        Err(ToolsError::NoGroup(text)) => {
            let (seen, remedy) = text.split_once("; ").unwrap_or((&text, "create one"));
            let own = format!("sources.{}: ", subject.name);
            let seen = seen.strip_prefix(&own).unwrap_or(seen);
            let seen = format!("{seen}; `run` does without");
            log.warning(Point::Receive, seen, remedy);
        }
        Err(error) => {
            let remedy = "see the other points";
            log.failed(Point::Receive, Cause::Other, error.to_string(), remedy);
        }
    }
    None
}

/// When the first retained event was taken in.
pub(super) async fn first_event(tools: &ToolsHub, partition: &PartitionId) -> Option<Timestamp> {
    let opened = tools.source.open(partition, OpenAt::Earliest, 1).await;
    let mut stream: Box<dyn EventStream> = opened.ok()?;
    let first = tokio::time::timeout(EVENT_MAX, stream.next()).await;
    stream.close().await;
    first.ok()?.ok()?.position.enqueued_at
}
