//! The `$cbs` and `$management` nodes: requests, answers, and answers held back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::Engine;
use super::link::{Feed, LinkEnd};
use crate::address::{self, Node};
use crate::faults::{Action, Occasion, Scope};
use crate::request::{self, Request};
use crate::{cbs, management, throttle};

/// Where an answer goes.
#[derive(Clone, Copy)]
pub(super) struct Way {
    channel: u16,
    handle: u32,
}

/// An answer that a fault holds back.
pub(super) struct Held {
    /// Until then; `None` until another answer has been given.
    pub(super) until: Option<Instant>,
    way: Way,
    message: Bytes,
}

impl Engine {
    /// Answers a put-token.
    pub(super) fn on_token(&mut self, channel: u16, message: &Bytes) {
        let Ok(request) = Request::parse(message) else {
            return;
        };
        let audience = request.text("name").unwrap_or_default();
        let node = address::parse(audience);
        let (hub, group, partition) = match &node {
            Some(Node::Hub { hub }) => (Some(hub.as_str()), None, None),
            Some(Node::HubPartition { hub, partition }) => {
                (Some(hub.as_str()), None, Some(partition.as_str()))
            }
            Some(Node::Consumer {
                hub,
                group,
                partition,
            }) => (
                Some(hub.as_str()),
                Some(group.as_str()),
                Some(partition.as_str()),
            ),
            _ => (address::path(audience).split('/').next(), None, None),
        };
        let occasion = Occasion {
            hub,
            group,
            partition,
            connection: self.id,
            sequence: None,
        };
        let (status, text) = match self.broker.faults.fire(Scope::Token, occasion) {
            Some(Action::DropToken) => return,
            Some(Action::RefuseToken {
                status,
                description,
            }) => (status, description),
            _ => self.put_token(&request, audience),
        };
        let answer = request::answer(&request.message_id, status, &text, &[]);
        if let Some(way) = self.way_back(channel, &request, true) {
            self.give(way, answer);
        }
    }

    fn put_token(&mut self, request: &Request, audience: &str) -> (u16, String) {
        let kind = request.text("type").unwrap_or_default();
        let token = request.body.as_deref().unwrap_or_default();
        if request.text("operation") != Some("put-token") {
            return (400, "The operation is not known.".into());
        }
        match cbs::check(&self.broker, kind, audience, token) {
            Ok(grant) => {
                self.grants.put(grant);
                self.broker.observed.audience(audience);
                self.broker.observed.tokens.fetch_add(1, Ordering::Relaxed);
                (202, "Accepted".into())
            }
            Err(text) => (401, text),
        }
    }

    /// Answers a management request, as the faults allow.
    pub(super) fn on_management(&mut self, channel: u16, message: &Bytes) {
        let Ok(request) = Request::parse(message) else {
            return;
        };
        let Some(way) = self.way_back(channel, &request, false) else {
            return;
        };
        let hub = request.text("name").unwrap_or_default();
        let occasion = Occasion {
            hub: Some(hub),
            partition: request.text("partition"),
            connection: self.id,
            ..Occasion::default()
        };
        let fault = self.broker.faults.fire(Scope::Management, occasion);
        let stale_ms = match &fault {
            Some(Action::ManagementStale { ms }) => i64::try_from(*ms).unwrap_or(i64::MAX),
            _ => 0,
        };
        let allowed = self
            .grants
            .manage(&hub.to_ascii_lowercase(), self.broker.now_ms());
        let limit = self.broker.options.quirks.management_calls;
        let (mut status, mut text, mut body) = if !allowed {
            (401, cbs::unauthorized(true, hub), Bytes::new())
        } else if self.broker.throttle.admits(hub, limit) {
            management::read(&self.broker, &request, stale_ms)
        } else {
            (throttle::BUSY_STATUS, throttle::BUSY.into(), Bytes::new())
        };
        if let Some(Action::ManagementStatus {
            status: wrong,
            description,
        }) = &fault
        {
            (status, text, body) = (*wrong, description.clone(), Bytes::new());
        }
        let message = request::answer(&request.message_id, status, &text, &body);
        let until = match fault {
            Some(Action::ManagementDrop) => return,
            Some(Action::ManagementDelay { ms }) => {
                Some(Instant::now() + Duration::from_millis(ms))
            }
            Some(Action::ManagementReorder) => None,
            _ => {
                self.give(way, message);
                return self.release(true);
            }
        };
        self.held.push(Held {
            until,
            way,
            message,
        });
    }

    /// Gives the answers whose time has come; with `others` also those that
    /// waited for another one.
    pub(super) fn release(&mut self, others: bool) {
        if self.held.is_empty() {
            return;
        }
        let now = Instant::now();
        let (ready, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|held| held.until.map_or(others, |until| until <= now));
        self.held = waiting;
        for held in ready {
            self.give(held.way, held.message);
        }
        if let Some(next) = self.held.iter().filter_map(|held| held.until).min() {
            self.wake_by(next);
        }
    }

    fn give(&mut self, way: Way, message: Bytes) {
        let link = self
            .sessions
            .get_mut(&way.channel)
            .and_then(|session| session.links.get_mut(&way.handle));
        if let Some(link) = link
            && let LinkEnd::Sender(out) = &mut link.end
            && let Feed::Replies(replies) = &mut out.feed
        {
            replies.queue.push_back(message);
        }
    }

    /// The link for the answer: the one that the request names, else (Python
    /// names none) the node's first one, on the same session if possible.
    fn way_back(&self, channel: u16, request: &Request, cbs: bool) -> Option<Way> {
        let mut best: Option<(u8, Way)> = None;
        for session in self.sessions.values() {
            for link in session.links.values() {
                let LinkEnd::Sender(out) = &link.end else {
                    continue;
                };
                let Feed::Replies(replies) = &out.feed else {
                    continue;
                };
                if replies.cbs != cbs {
                    continue;
                }
                let named = request.reply_to.as_deref().is_some_and(|reply_to| {
                    replies.target.as_deref() == Some(reply_to) || link.name == reply_to
                });
                let rank = u8::from(named) * 2 + u8::from(session.channel == channel);
                let way = Way {
                    channel: session.channel,
                    handle: link.handle,
                };
                if best.is_none_or(|(other, _)| rank > other) {
                    best = Some((rank, way));
                }
            }
        }
        best.map(|(_, way)| way)
    }
}
