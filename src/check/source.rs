//! A source: the way to the hub, by whose right, what it holds, and what of it is left to do.

use std::sync::Arc;
use std::time::SystemTime;

use super::address::{Address, Protocol};
use super::finding::{Cause, Log, Point};
use super::network::{self, Way};
use super::role::Role;
use super::token::{self, Claims};
use super::{clock, expiry};
use crate::app::outside::parts::Parts;
use crate::checkpoint::{CheckpointStore, GroupKey};
use crate::config::connection_string::{ConnectionString, SharedAccess};
use crate::config::{Config, SourceAccess, SourceConfig};
use crate::event_hub::{HubProperties, Source, SourceError, SourceErrorKind, Timestamp};

mod categories;
mod owners;
mod partitions;
mod reading;

/// The points behind the way there.
const ASKED: [Point; 6] = [
    Point::Hub,
    Point::ConsumerGroup,
    Point::Receive,
    Point::Owners,
    Point::Backlog,
    Point::Categories,
];

/// One source, and what it is looked at with.
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a String,
    pub(crate) config: &'a Config,
    pub(crate) source: &'a SourceConfig,
    pub(crate) hub: Arc<dyn Source>,
    pub(crate) store: Arc<dyn CheckpointStore>,
    pub(crate) parts: &'a Parts,
    pub(crate) default_client_id: Option<&'a str>,
}

impl Subject<'_> {
    fn key(&self) -> GroupKey {
        let SourceConfig {
            namespace,
            event_hub,
            consumer_group,
            ..
        } = self.source;
        GroupKey::new(namespace, event_hub, consumer_group)
    }

    /// Reports what the hub answered.
    fn report(&self, log: &Log, point: Point, error: &SourceError, claims: Option<&Claims>) {
        let cause = match error.kind {
            SourceErrorKind::Unauthorized => Cause::NotPermitted,
            SourceErrorKind::PositionRefused
            | SourceErrorKind::Undecodable
            | SourceErrorKind::Protocol => Cause::Other,
            _ => Cause::Unavailable,
        };
        let is_by_role = !matches!(self.source.access, SourceAccess::ConnectionString(_));
        let remedy = match (error.kind, error.advice()) {
            (SourceErrorKind::Unauthorized, _) if is_by_role => {
                let role = Role::Receiver {
                    namespace: &self.source.namespace,
                    event_hub: &self.source.event_hub,
                };
                format!(
                    "{} (a new role takes up to 5 minutes)",
                    role.command(claims)
                )
            }
            (_, Some(advice)) => advice.to_owned(),
            (_, None) => "look at the namespace's state and its networking (firewall, private \
                          endpoints), and try again"
                .to_owned(),
        };
        log.failed(
            point,
            cause,
            format!("{}: {}", error.kind, error.words()),
            remedy,
        );
    }
}

/// Looks at one source.
pub(crate) async fn look(log: &Log, subject: &Subject<'_>) {
    let way = Way::to(Address::of_source(subject.source));
    if let Err(failed) = network::walk(log, &way).await {
        let before = [Point::Tcp, Point::Tls, Point::Credential];
        let reached = before.iter().position(|it| *it == failed);
        log.skipped(
            before
                .get(reached.map_or(0, |it| it + 1)..)
                .unwrap_or_default(),
            failed,
        );
        return log.skipped(&ASKED, failed);
    }
    let Ok(claims) = credential(log, subject).await else {
        return log.skipped(&ASKED, Point::Credential);
    };
    let claims = claims.as_ref();
    let hub = match subject.hub.hub_properties().await {
        Ok(hub) => hub,
        Err(error) => {
            subject.report(log, Point::Hub, &error, claims);
            return log.skipped(ASKED.get(1..).unwrap_or_default(), Point::Hub);
        }
    };
    let HubProperties {
        created_at,
        partitions,
    } = &hub;
    let seen = format!(
        "{} has {} partitions and was made at {created_at}",
        subject.source.event_hub,
        partitions.len()
    );
    log.ok(Point::Hub, seen);
    reading::consumer_group(log, subject, &hub, claims).await;
    let tools = reading::beside(log, subject, claims).await;
    owners::look(log, subject, &hub).await;
    partitions::look(log, subject, &hub, tools.as_ref()).await;
    match tools {
        Some(tools) => {
            categories::look(log, subject, &tools).await;
            tools.close().await;
        }
        None => log.skipped(&[Point::Categories], Point::Receive),
    }
}

/// By whose right; gives what is known of the owner of the token, if there is one.
async fn credential(log: &Log, subject: &Subject<'_>) -> Result<Option<Claims>, ()> {
    let SourceAccess::ConnectionString(text) = &subject.source.access else {
        return match subject.parts.sources.get(subject.name) {
            Some(credential) => token::ask(log, credential, token::HUBS).await,
            None => Ok(None),
        };
    };
    let place = format!("sources.{}.connection_string", subject.name);
    let parsed = ConnectionString::parse(text.expose());
    let Ok(parsed) = parsed else {
        return Ok(None);
    };
    match (&parsed.access, parsed.signature_ends()) {
        (SharedAccess::Key { name, .. }, _) => {
            log.ok(
                Point::Credential,
                format!("the key of the policy {name}, without end"),
            );
        }
        (SharedAccess::Signature(_), Some(ends)) => {
            let what = format!("the signature in {place}");
            if !expiry::report(log, &what, &place, ends) {
                return Err(());
            }
        }
        (SharedAccess::Signature(_), None) => {
            let seen = format!("the signature in {place} does not say when it ends");
            log.note(Point::Credential, seen, "ask whoever made it");
        }
    }
    Ok(None)
}

/// Over AMQP there is no `Date`; but an event from the future shows a clock that is late.
fn clock_of_events(log: &Log, subject: &Subject<'_>, newest: Option<Timestamp>) {
    let protocol = Address::of_source(subject.source).protocol;
    let now = SystemTime::now();
    let Some(newest) = newest.filter(|newest| *newest > Timestamp::from(now)) else {
        return;
    };
    if matches!(protocol, Protocol::Amqp | Protocol::Amqps) {
        let ahead = newest.since(Timestamp::from(now));
        clock::compare(log, now + ahead, now);
    }
}
