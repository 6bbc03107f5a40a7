//! Receiving: produced events, and requests to the broker's nodes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fe2o3_amqp_types::performatives::Transfer;
use tokio::time::Instant;

use super::Engine;
use super::link::{Assembly, CREDIT, Incoming, Inlet, LinkEnd, Session, WINDOW};
use crate::epoch::Condition;
use crate::faults::{Action, Occasion, Scope};
use crate::log::Content;
use crate::outbox::Outbox;
use crate::wire::performative::{self, LinkCredit};
use crate::wire::section;

/// Message format of a batch: each data section is an encoded message.
const BATCH: u32 = 0x8001_3700;

/// A delivery is accepted this long after it came. The service takes longer; an outcome that is
/// there within microseconds is lost on the Rust client (fe2o3-amqp 0.16 notes a delivery as
/// unsettled only after it was handed to the connection), which then waits for it for ever.
const ACCEPTED_AFTER: Duration = Duration::from_millis(10);

/// A message that has arrived whole.
pub(super) struct Arrived {
    pub(super) delivery: u32,
    pub(super) settled: bool,
    pub(super) format: u32,
    pub(super) message: Bytes,
}

/// What is to be told about a delivery.
enum Outcome {
    Accepted,
    Rejected(Condition),
    /// Nothing, ever.
    Silence,
}

impl Engine {
    pub(super) fn on_transfer(&mut self, channel: u16, transfer: &Transfer, payload: Bytes) {
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        session.next_incoming = session.next_incoming.wrapping_add(1);
        session.unreported += 1;
        if session.unreported > WINDOW / 2 {
            session.unreported = 0;
            let windows = session.windows();
            performative::flow(self.outbox.small(), channel, windows, None);
        }
        let handle = transfer.handle.0;
        let windows = session.windows();
        let Some(link) = session.links.get_mut(&handle) else {
            return;
        };
        link.last_traffic = Instant::now();
        let LinkEnd::Receiver(incoming) = &mut link.end else {
            return;
        };
        let limit = self.broker.options.max_message_size;
        let arrived = match incoming.gather(transfer, payload, limit) {
            Gathered::Part => return,
            Gathered::TooLarge(size) => {
                let error = Condition::new(
                    "amqp:link:message-size-exceeded",
                    format!(
                        "The received message (size:{size} bytes) exceeds the limit ({limit} bytes) currently allowed on the link."
                    ),
                );
                return self.detach(channel, handle, Some(&error));
            }
            Gathered::Whole(arrived) => arrived,
        };
        if incoming.credit == 0 {
            let counter = &self.broker.observed.credit_violations;
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        incoming.credit = incoming.credit.saturating_sub(1);
        incoming.delivery_count = incoming.delivery_count.wrapping_add(1);
        if incoming.credit <= CREDIT / 2 {
            incoming.credit = CREDIT;
            let credit = LinkCredit {
                handle,
                delivery_count: incoming.delivery_count,
                credit: CREDIT,
                drain: false,
            };
            performative::flow(self.outbox.small(), channel, windows, Some(credit));
        }
        let inlet = incoming.inlet.clone();
        let outcome = match inlet {
            Inlet::Cbs => {
                self.on_token(channel, &arrived.message);
                Outcome::Accepted
            }
            Inlet::Management => {
                self.on_management(channel, &arrived.message);
                Outcome::Accepted
            }
            Inlet::Producer { hub, partition } => self.store(&hub, partition, &arrived),
        };
        self.settle(channel, &arrived, outcome);
    }

    fn settle(&mut self, channel: u16, arrived: &Arrived, outcome: Outcome) {
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        let id = arrived.delivery;
        match outcome {
            _ if arrived.settled => {}
            Outcome::Silence => {}
            Outcome::Accepted => match &mut session.accepted {
                Some((_, last)) if last.wrapping_add(1) == id => *last = id,
                _ => {
                    flush(session, &mut self.outbox);
                    session.accepted = Some((id, id));
                    session.accepted_due = Instant::now() + ACCEPTED_AFTER;
                }
            },
            Outcome::Rejected(condition) => {
                flush(session, &mut self.outbox);
                let out = self.outbox.small();
                performative::disposition(out, channel, id, id, Some(&condition));
            }
        }
    }

    /// Tells the clients what has been accepted, when its time has come.
    pub(super) fn flush_accepted(&mut self) {
        let now = Instant::now();
        for session in self.sessions.values_mut() {
            if session.accepted.is_none() {
                continue;
            }
            if session.accepted_due <= now {
                flush(session, &mut self.outbox);
            } else {
                self.due = self.due.min(session.accepted_due);
            }
        }
    }

    /// Stores a produced message, or the messages in a batch, all or none.
    fn store(
        &self,
        hub: &crate::hub::Hub,
        partition: Option<std::sync::Arc<crate::hub::Partition>>,
        arrived: &Arrived,
    ) -> Outcome {
        let id = partition.as_ref().map(|partition| partition.id.to_string());
        let occasion = Occasion {
            hub: Some(&hub.name),
            partition: id.as_deref(),
            connection: self.id,
            ..Occasion::default()
        };
        let fault = self.broker.faults.fire(Scope::Produced, occasion);
        if let Some(Action::RejectSend {
            condition,
            description,
        }) = &fault
        {
            return Outcome::Rejected(Condition::new(condition, description.as_str()));
        }
        let contents = match contents(arrived) {
            Ok(contents) => contents,
            Err(text) => return Outcome::Rejected(Condition::new("amqp:decode-error", text)),
        };
        let key = contents.first().and_then(|content| content.key.clone());
        let Some(partition) = partition.or_else(|| hub.pick(key.as_deref())) else {
            return Outcome::Rejected(Condition::new("amqp:not-found", "The hub is gone."));
        };
        let now_ms = self.broker.now_ms();
        for content in contents {
            partition.append(content, now_ms);
        }
        match fault {
            Some(Action::ForgetOutcome) => Outcome::Silence,
            _ => Outcome::Accepted,
        }
    }
}

fn flush(session: &mut Session, outbox: &mut Outbox) {
    if let Some((first, last)) = session.accepted.take() {
        performative::disposition(outbox.small(), session.channel, first, last, None);
    }
}

/// The events in a message.
fn contents(arrived: &Arrived) -> Result<Vec<Content>, &'static str> {
    if arrived.format != BATCH {
        return Ok(vec![Content::from_message(&arrived.message)?]);
    }
    let envelope = Content::from_message(&arrived.message)?;
    let mut contents = Vec::new();
    for part in section::split(&envelope.tail)? {
        if part.code == section::DATA {
            let message =
                section::binary_content(&part.value).ok_or("a data section is cut off")?;
            let mut content = Content::from_message(&message)?;
            content.key = content.key.or_else(|| envelope.key.clone());
            contents.push(content);
        }
    }
    Ok(contents)
}

/// What became of a transfer.
enum Gathered {
    Part,
    Whole(Arrived),
    TooLarge(usize),
}

impl Incoming {
    fn gather(&mut self, transfer: &Transfer, payload: Bytes, limit: usize) -> Gathered {
        if transfer.aborted {
            self.assembly = None;
            return Gathered::Part;
        }
        let mut assembly = self.assembly.take().unwrap_or_else(|| Assembly {
            delivery: transfer.delivery_id.unwrap_or(0),
            settled: false,
            format: transfer.message_format.unwrap_or(0),
            bytes: BytesMut::new(),
        });
        assembly.settled |= transfer.settled.unwrap_or(false);
        let size = assembly.bytes.len() + payload.len();
        if size > limit {
            return Gathered::TooLarge(size);
        }
        if transfer.more {
            assembly.bytes.extend_from_slice(&payload);
            self.assembly = Some(assembly);
            return Gathered::Part;
        }
        let message = match assembly.bytes.is_empty() {
            true => payload,
            false => {
                assembly.bytes.extend_from_slice(&payload);
                assembly.bytes.freeze()
            }
        };
        Gathered::Whole(Arrived {
            delivery: assembly.delivery,
            settled: assembly.settled,
            format: assembly.format,
            message,
        })
    }
}
