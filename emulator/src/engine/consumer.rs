//! Sending: events to readers, answers to those who asked.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::Instant;

use super::link::{Consumer, Feed, Link, LinkEnd, Outgoing, Partial, Session};
use crate::broker::Broker;
use crate::faults::{Action, Occasion, Scope};
use crate::log::{Body, Content, Event, Read};
use crate::observe::SentRecord;
use crate::outbox::Outbox;
use crate::wire::performative::{self, TRANSFER_HEAD, TransferHead};
use crate::wire::{self, section};

/// Bytes that one link may queue before the next has its turn.
const TURN: usize = 128 * 1024;
/// Sections up to this size are copied behind the annotations.
const SMALL_TAIL: usize = 1024;

/// What sending needs to know of the connection.
pub(super) struct Sending<'a> {
    pub(super) broker: &'a Broker,
    pub(super) outbox: &'a mut Outbox,
    pub(super) connection: u64,
    pub(super) frame: usize,
    pub(super) now: Instant,
    /// Stop when so many bytes wait to be written.
    pub(super) full: usize,
}

/// What came of a link's turn.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) sent: bool,
    /// A fault that fired.
    pub(super) struck: Option<Action>,
    /// A fault holds the next event back until then.
    pub(super) again_at: Option<Instant>,
}

/// Identifies a link among the frames.
struct Wire {
    channel: u16,
    handle: u32,
    settled: bool,
}

impl Sending<'_> {
    /// Sends what the link has, as far as credit, window and queue allow.
    pub(super) fn turn(&mut self, session: &mut Session, handle: u32) -> Turn {
        let mut turn = Turn::default();
        let channel = session.channel;
        let Some(link) = session.links.get_mut(&handle) else {
            return turn;
        };
        let LinkEnd::Sender(out) = &mut link.end else {
            return turn;
        };
        let mut window = Window {
            next_outgoing: session.next_outgoing,
            next_delivery: session.next_delivery,
            remote: session.remote_window,
        };
        let before = self.outbox.len();
        let wire = Wire {
            channel,
            handle,
            settled: out.settled,
        };
        while turn.struck.is_none() && self.outbox.len() < self.full {
            if !self.finish_partial(out, &wire, &mut window) {
                break;
            }
            if out.credit == 0 || window.remote == 0 || self.outbox.len() - before > TURN {
                break;
            }
            if !self.next_delivery(out, &wire, &mut window, &mut turn) {
                break;
            }
        }
        turn.sent = self.outbox.len() > before;
        let drained = out.drain && out.partial.is_none() && turn.again_at.is_none();
        if drained && !matches!(turn.struck, Some(Action::DetachLink { .. })) {
            out.delivery_count = out.delivery_count.wrapping_add(out.credit);
            out.credit = 0;
            let credit = out.credit_of(handle);
            out.drain = false;
            let windows = performative::Windows {
                next_outgoing: window.next_outgoing,
                ..session_windows(session.next_incoming)
            };
            performative::flow(self.outbox.small(), channel, windows, Some(credit));
        }
        if turn.sent {
            touch(link, self.now);
        }
        session.next_outgoing = window.next_outgoing;
        session.next_delivery = window.next_delivery;
        session.remote_window = window.remote;
        turn
    }

    /// Sends the rest of a delivery; says whether nothing is left of it.
    fn finish_partial(&mut self, out: &mut Outgoing, wire: &Wire, window: &mut Window) -> bool {
        while let Some(partial) = &mut out.partial {
            // A delivery once begun is sent whole, however much waits already.
            if window.remote == 0 {
                return false;
            }
            let room = self.frame.saturating_sub(TRANSFER_HEAD).max(1);
            let left: usize = partial.pieces.iter().map(Bytes::len).sum();
            let payload = left.min(room);
            let more = payload < left;
            let head = TransferHead {
                channel: wire.channel,
                handle: wire.handle,
                delivery: partial.delivery,
                settled: wire.settled,
                more,
                payload,
            };
            performative::transfer(self.outbox.small(), head);
            take_pieces(&mut partial.pieces, payload, self.outbox);
            window.next_outgoing = window.next_outgoing.wrapping_add(1);
            window.remote -= 1;
            if !more {
                out.partial = None;
            }
        }
        true
    }

    /// Begins one delivery; says whether there was one.
    fn next_delivery(
        &mut self,
        out: &mut Outgoing,
        wire: &Wire,
        window: &mut Window,
        turn: &mut Turn,
    ) -> bool {
        let mut sent = None;
        let pieces = match &mut out.feed {
            Feed::Replies(replies) => match replies.queue.pop_front() {
                Some(message) => VecDeque::from([message]),
                None => return false,
            },
            Feed::Consumer(consumer) => {
                let Some(event) = self.next_event(consumer, turn) else {
                    return false;
                };
                consumer.next = event.sequence.saturating_add(1);
                sent = Some(event.sequence);
                encode(event)
            }
        };
        // Deliveries are numbered without gaps in a session, whatever number of transfers they take:
        // the JavaScript client refuses anything else.
        out.partial = Some(Partial {
            delivery: window.next_delivery,
            pieces,
        });
        window.next_delivery = window.next_delivery.wrapping_add(1);
        out.credit -= 1;
        out.delivery_count = out.delivery_count.wrapping_add(1);
        self.finish_partial(out, wire, window);
        if let (Some(sequence), Feed::Consumer(consumer)) = (sent, &out.feed) {
            self.note_sent(consumer, sequence);
            let occasion = occasion(consumer, self.connection, Some(sequence));
            turn.struck = self.broker.faults.fire(Scope::Sent, occasion);
        }
        true
    }

    /// The next event, unless a fault holds it back or changes it.
    fn next_event(&mut self, consumer: &mut Consumer, turn: &mut Turn) -> Option<Read> {
        if consumer.dead {
            return None;
        }
        if let Some(until) = consumer.hold_until
            && until > self.now
        {
            turn.again_at = Some(until);
            return None;
        }
        let mut event = consumer.seat.partition.read(consumer.next)?;
        if self.broker.faults.any(Scope::Event) && consumer.hold_until.take().is_none() {
            let occasion = occasion(consumer, self.connection, Some(event.sequence));
            match self.broker.faults.fire(Scope::Event, occasion) {
                Some(Action::DelayEvent { ms }) => {
                    let until = self.now + Duration::from_millis(ms);
                    consumer.hold_until = Some(until);
                    turn.again_at = Some(until);
                    return None;
                }
                Some(Action::Undecodable) => {
                    event.content = Content::from(Event::from(Body::ListProperty(Bytes::new())));
                }
                _ => {}
            }
        }
        consumer.hold_until = None;
        Some(event)
    }

    fn note_sent(&self, consumer: &Consumer, sequence: i64) {
        let record = SentRecord {
            sequence,
            connection: self.connection,
            link: consumer.link.clone(),
            group: consumer.group.clone(),
        };
        let remember = self.broker.options.remember_sent;
        consumer.seat.partition.note_sent(record, remember);
    }
}

/// The session's numbers while one of its links sends.
struct Window {
    next_outgoing: u32,
    next_delivery: u32,
    remote: u32,
}

fn session_windows(next_incoming: u32) -> performative::Windows {
    performative::Windows {
        next_incoming,
        incoming: super::link::WINDOW,
        next_outgoing: 0,
        outgoing: super::link::WINDOW,
    }
}

fn touch(link: &mut Link, now: Instant) {
    link.last_traffic = now;
}

/// For matching faults at a reader.
pub(super) fn occasion(
    consumer: &Consumer,
    connection: u64,
    sequence: Option<i64>,
) -> Occasion<'_> {
    Occasion {
        hub: Some(&consumer.seat.partition.hub),
        group: Some(&consumer.group),
        partition: Some(&consumer.partition_id),
        connection,
        sequence,
    }
}

/// Moves `count` bytes of the pieces to the outbox.
fn take_pieces(pieces: &mut VecDeque<Bytes>, mut count: usize, outbox: &mut Outbox) {
    while count > 0 {
        let Some(front) = pieces.front_mut() else {
            return;
        };
        let part = front.split_to(front.len().min(count));
        count -= part.len();
        outbox.push(part);
        if front.is_empty() {
            pieces.pop_front();
        }
    }
}

/// The message as it goes on the wire: the broker's annotations in front, the
/// rest as it was given, large parts shared.
fn encode(event: Read) -> VecDeque<Bytes> {
    let content = event.content;
    let mut front = BytesMut::with_capacity(256 + content.annotations.len());
    front.put_slice(&content.head);
    wire::put_descriptor(&mut front, section::MESSAGE_ANNOTATIONS);
    front.put_u8(0xd1);
    let size_at = front.len();
    front.put_u64(0);
    wire::put_symbol(&mut front, "x-opt-sequence-number");
    wire::put_long(&mut front, event.sequence);
    wire::put_symbol(&mut front, "x-opt-offset");
    wire::put_string(&mut front, &event.offset.to_string());
    wire::put_symbol(&mut front, "x-opt-enqueued-time");
    wire::put_timestamp(&mut front, event.enqueued_ms);
    let mut count = 6 + content.annotation_values;
    if let Some(key) = &content.key {
        wire::put_symbol(&mut front, "x-opt-partition-key");
        wire::put_string(&mut front, key);
        count += 2;
    }
    front.put_slice(&content.annotations);
    let size = wire::len32(front.len() - size_at - 4);
    if let Some(mut sizes) = front.get_mut(size_at..size_at + 8) {
        sizes.put_u32(size);
        sizes.put_u32(count);
    }
    let mut pieces = VecDeque::with_capacity(3);
    if content.tail.len() <= SMALL_TAIL {
        front.put_slice(&content.tail);
        if let Some(data) = content.data {
            wire::put_descriptor(&mut front, section::DATA);
            wire::put_binary_head(&mut front, data.len());
            pieces.push_back(data);
        }
        pieces.push_front(front.freeze());
    } else {
        pieces.push_back(front.freeze());
        pieces.push_back(content.tail);
        if let Some(data) = content.data {
            let mut head = BytesMut::with_capacity(8);
            wire::put_descriptor(&mut head, section::DATA);
            wire::put_binary_head(&mut head, data.len());
            pieces.push_back(head.freeze());
            pieces.push_back(data);
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
