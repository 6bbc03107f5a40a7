//! What happens as time goes by: sending, expiry, idleness, being thrown off.

use tokio::time::Instant;

use super::consumer::{Sending, occasion};
use super::link::{Feed, Inlet, Link, LinkEnd};
use super::{Engine, LOOK_AT_CLOCK, Stage};
use crate::cbs;
use crate::epoch::Condition;
use crate::faults::{Occasion, Scope};
use crate::wire::performative;

/// Bytes that may wait to be written before sending pauses.
const FULL: usize = 512 * 1024;

impl Engine {
    /// Does all that can be done now. Call it after every event.
    pub(crate) fn advance(&mut self) {
        let now = Instant::now();
        self.due = now + LOOK_AT_CLOCK;
        if let Some(ending) = self.ending {
            return self.wake_by(ending.by);
        }
        if self.is_frozen(now) || self.broker.faults.all_frozen() {
            return;
        }
        self.beat(now);
        if self.stage != Stage::Running {
            return self.look_for_unused(now);
        }
        self.throw_off();
        self.expire();
        self.detach_idle(now);
        if !self.strike_now() {
            return;
        }
        self.release(false);
        self.send(now);
        self.look_for_unused(now);
    }

    fn is_frozen(&mut self, now: Instant) -> bool {
        let Some(frozen) = self.frozen else {
            return false;
        };
        let over = frozen.until.is_some_and(|until| until <= now)
            || frozen.thaws != self.broker.faults.thaws();
        if over {
            self.frozen = None;
        } else if let Some(until) = frozen.until {
            self.wake_by(until);
        }
        !over
    }

    /// Sends an empty frame when the client wants to hear something.
    fn beat(&mut self, now: Instant) {
        let Some(every) = self.heartbeat else { return };
        if now >= self.last_wrote + every && self.outbox.is_empty() {
            performative::heartbeat(self.outbox.small());
            self.last_wrote = now;
        }
        self.wake_by(self.last_wrote + every);
    }

    /// Detaches the links that somebody else has asked to go.
    fn throw_off(&mut self) {
        let kicked = self.collect(|link| match &link.end {
            LinkEnd::Sender(out) => match &out.feed {
                Feed::Consumer(consumer) => consumer.seat.kick.reason(),
                Feed::Replies(_) => None,
            },
            LinkEnd::Receiver(_) => None,
        });
        for ((channel, handle), reason) in kicked {
            self.detach(channel, handle, Some(&reason));
        }
    }

    /// Detaches the links for which no token holds any more.
    fn expire(&mut self) {
        let now_ms = self.broker.now_ms();
        if let Some(expires_ms) = self.grants.next_expiry(now_ms) {
            let left = u64::try_from(expires_ms.saturating_sub(now_ms)).unwrap_or(0);
            self.wake_by(Instant::now() + std::time::Duration::from_millis(left));
        }
        let expired = self.collect(|link| {
            let (listen, holds) = match &link.end {
                LinkEnd::Sender(out) => match &out.feed {
                    Feed::Consumer(_) => (true, self.grants.allow(&link.path, true, now_ms)),
                    Feed::Replies(replies) => (true, replies.cbs || self.grants.any(now_ms)),
                },
                LinkEnd::Receiver(incoming) => match &incoming.inlet {
                    Inlet::Cbs => (false, true),
                    Inlet::Management => (true, self.grants.any(now_ms)),
                    Inlet::Producer { .. } => (false, self.grants.allow(&link.path, false, now_ms)),
                },
            };
            (!holds).then(|| {
                // Not the condition of a refused attach: as it was seen in
                // https://github.com/Azure/azure-sdk-for-python/issues/5314.
                let text = cbs::unauthorized(listen, &link.path);
                Condition::new("amqp:link:detach-forced", text)
            })
        });
        for ((channel, handle), reason) in expired {
            self.detach(channel, handle, Some(&reason));
        }
    }

    fn detach_idle(&mut self, now: Instant) {
        let Some(limit) = self.broker.options.link_idle else {
            return;
        };
        let idle = self.collect(|link| {
            (now >= link.last_traffic + limit).then(|| Condition::new("amqp:link:detach-forced", format!(
                "The link '{}' is force detached. Details: IdleTimerExpired: Idle timeout: {limit:?}.",
                link.name
            )))
        });
        for ((channel, handle), reason) in idle {
            self.detach(channel, handle, Some(&reason));
        }
        let links = self
            .sessions
            .values()
            .flat_map(|session| session.links.values());
        if let Some(next) = links.map(|link| link.last_traffic + limit).min() {
            self.wake_by(next);
        }
    }

    /// Closes a connection that serves nothing.
    fn look_for_unused(&mut self, now: Instant) {
        if self.links() > 0 {
            return;
        }
        let options = &self.broker.options;
        let limit = match self.had_link {
            true => options.abandoned_connection,
            false => options.unused_connection,
        };
        if now < self.linkless + limit {
            return self.wake_by(self.linkless + limit);
        }
        let error = Condition::new(
            "amqp:connection:forced",
            format!(
                "The connection was inactive for more than the allowed {} milliseconds and is closed by container 'entra-forwarder-emulator'.",
                limit.as_millis()
            ),
        );
        match self.stage {
            // The client gets as long again for its own Close.
            Stage::Closing => self.end(false),
            Stage::Running => {
                self.close(Some(&error));
                self.linkless = now;
            }
            _ => self.end(false),
        }
    }

    /// Carries out the faults that need no event. Says whether to go on.
    fn strike_now(&mut self) -> bool {
        if !self.broker.faults.any(Scope::Sent) {
            return true;
        }
        let faults = self.broker.faults.clone();
        let whole = Occasion {
            connection: self.id,
            ..Occasion::default()
        };
        // A fault on a link must find the link; one on the connection must not
        // be spent on a connection that is still being opened.
        let struck = self.collect(|link| match &link.end {
            LinkEnd::Sender(out) => match &out.feed {
                Feed::Consumer(consumer) => faults.fire_now(occasion(consumer, self.id, None)),
                Feed::Replies(_) => None,
            },
            LinkEnd::Receiver(incoming) => match &incoming.inlet {
                Inlet::Producer { hub, partition } => {
                    let id = partition.as_ref().map(|partition| partition.id.to_string());
                    faults.fire_now(Occasion {
                        hub: Some(&hub.name),
                        partition: id.as_deref(),
                        ..whole
                    })
                }
                Inlet::Cbs | Inlet::Management => None,
            },
        });
        for (link, action) in struck {
            if !self.strike(action, Some(link)) {
                return false;
            }
        }
        true
    }

    /// Gives each link its turn until nothing more can be sent.
    fn send(&mut self, now: Instant) {
        let mut order: Vec<(u16, u32)> = self
            .collect(|link| match &link.end {
                LinkEnd::Sender(_) => Some(()),
                LinkEnd::Receiver(_) => None,
            })
            .into_iter()
            .map(|(at, ())| at)
            .collect();
        if order.is_empty() {
            return;
        }
        self.turn = self.turn.wrapping_add(1);
        let first = self.turn % order.len();
        order.rotate_left(first);
        loop {
            let mut sent = false;
            for (channel, handle) in &order {
                let Some(session) = self.sessions.get_mut(channel) else {
                    continue;
                };
                let own = usize::try_from(self.broker.options.max_frame_size);
                let mut sending = Sending {
                    broker: &self.broker,
                    outbox: &mut self.outbox,
                    connection: self.id,
                    frame: self.peer_max_frame.min(own.unwrap_or(usize::MAX)),
                    now,
                    full: FULL,
                };
                let turn = sending.turn(session, *handle);
                sent |= turn.sent;
                if let Some(at) = turn.again_at {
                    self.wake_by(at);
                }
                if let Some(action) = turn.struck
                    && !self.strike(action, Some((*channel, *handle)))
                {
                    return;
                }
            }
            if !sent || self.outbox.len() >= FULL {
                return;
            }
        }
    }

    /// The links for which `pick` has something, with where they are.
    fn collect<T>(&self, pick: impl Fn(&Link) -> Option<T>) -> Vec<((u16, u32), T)> {
        self.sessions
            .iter()
            .flat_map(|(channel, session)| {
                session
                    .links
                    .iter()
                    .map(move |(handle, link)| ((*channel, *handle), link))
            })
            .filter_map(|(at, link)| pick(link).map(|found| (at, found)))
            .collect()
    }
}
