//! Taking frames in: handshake, sessions, flow, and the ends of things.

use bytes::{Buf, Bytes, BytesMut};
use fe2o3_amqp_types::performatives::{Begin, Detach, Flow, Open, Performative};
use tokio::time::Instant;

use super::link::{Feed, LinkEnd, Session, WINDOW};
use super::{Engine, Stage};
use crate::epoch::Condition;
use crate::faults::{Action, Occasion, Scope};
use crate::wire::{self, performative};

/// Channels that a client may use.
const CHANNEL_MAX: u16 = 4999;
const FRAMING: &str = "amqp:connection:framing-error";

impl Engine {
    /// Takes whole frames off `inbox` and acts on them.
    pub(crate) fn take(&mut self, inbox: &mut BytesMut) {
        while self.ending.is_none() {
            let went_on = match self.stage {
                Stage::Header => self.take_header(inbox),
                _ => self.take_frame(inbox),
            };
            match went_on {
                Ok(true) => {}
                Ok(false) => break,
                Err(text) => {
                    tracing::debug!(connection = self.id, text, "not AMQP");
                    self.close(Some(&Condition::new(FRAMING, text)));
                    self.end(false);
                }
            }
        }
        self.flush_accepted();
    }

    fn take_header(&mut self, inbox: &mut BytesMut) -> Result<bool, &'static str> {
        let Some(header) = inbox.get(..8) else {
            return Ok(false);
        };
        match header {
            [b'A', b'M', b'Q', b'P', 3, 1, 0, 0] => {
                self.outbox
                    .small()
                    .extend_from_slice(b"AMQP\x03\x01\x00\x00");
                performative::sasl_mechanisms(self.outbox.small());
                self.stage = Stage::Sasl;
            }
            [b'A', b'M', b'Q', b'P', 0, 1, 0, 0] => {
                self.outbox
                    .small()
                    .extend_from_slice(b"AMQP\x00\x01\x00\x00");
                self.stage = Stage::Open;
            }
            _ => {
                // The answer to an unknown protocol is the one that is spoken.
                self.outbox
                    .small()
                    .extend_from_slice(b"AMQP\x03\x01\x00\x00");
                return Err("the protocol header is not AMQP 1.0");
            }
        }
        inbox.advance(8);
        Ok(true)
    }

    fn take_frame(&mut self, inbox: &mut BytesMut) -> Result<bool, &'static str> {
        let Some(size) = wire::read_u32(inbox) else {
            return Ok(false);
        };
        if size < performative::FRAME_HEADER {
            return Err("a frame is smaller than its header");
        }
        let limit = self.broker.options.max_frame_size;
        if size > usize::try_from(limit).unwrap_or(usize::MAX) {
            return Err("a frame is larger than agreed");
        }
        if inbox.len() < size {
            return Ok(false);
        }
        let frame = inbox.split_to(size).freeze();
        let (data_at, channel) = match frame.get(4..8) {
            Some(&[offset, _, high, low]) => {
                (usize::from(offset) * 4, u16::from_be_bytes([high, low]))
            }
            _ => return Err("a frame has no header"),
        };
        if data_at < performative::FRAME_HEADER || data_at > size {
            return Err("a frame's data offset is wrong");
        }
        let body = frame.slice(data_at..);
        if self.stage == Stage::Sasl {
            // What the client presents is not looked at: rights come from tokens.
            performative::sasl_ok(self.outbox.small());
            self.stage = Stage::Header;
        } else if !body.is_empty() {
            self.take_body(channel, &body)?;
        }
        Ok(true)
    }

    fn take_body(&mut self, channel: u16, body: &Bytes) -> Result<(), &'static str> {
        let len = wire::value_len(body).ok_or("a performative is cut off")?;
        let (head, payload) = (body.slice(..len), body.slice(len..));
        let decoded: Performative =
            serde_amqp::from_slice(&head).map_err(|_| "a performative cannot be decoded")?;
        match (self.stage, decoded) {
            (Stage::Closing, Performative::Close(_)) => self.end(false),
            // What was on its way when the broker closed does not matter.
            (Stage::Closing, _) => {}
            (Stage::Open, Performative::Open(open)) => self.on_open(&open),
            (Stage::Open, _) => return Err("an Open is expected"),
            (_, Performative::Open(_)) => return Err("a second Open"),
            (_, Performative::Begin(begin)) => self.on_begin(channel, &begin),
            (_, Performative::Attach(attach)) => self.on_attach(channel, &attach, &head),
            (_, Performative::Flow(flow)) => self.on_flow(channel, &flow),
            (_, Performative::Transfer(transfer)) => self.on_transfer(channel, &transfer, payload),
            (_, Performative::Disposition(disposition)) => {
                let last = disposition.last.unwrap_or(disposition.first);
                let count = u64::from(last.wrapping_sub(disposition.first)) + 1;
                let counter = &self.broker.observed.dispositions;
                counter.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
            }
            (_, Performative::Detach(detach)) => self.on_detach(channel, &detach),
            (_, Performative::End(_)) => {
                if self.sessions.remove(&channel).is_some() {
                    performative::end(self.outbox.small(), channel, None);
                    self.note_links();
                }
            }
            (_, Performative::Close(_)) => {
                self.close(None);
                self.end(false);
            }
        }
        Ok(())
    }

    fn on_open(&mut self, open: &Open) {
        self.stage = Stage::Running;
        self.peer_max_frame = usize::try_from(open.max_frame_size.0)
            .unwrap_or(usize::MAX)
            .max(512);
        self.heartbeat = open
            .idle_time_out
            .filter(|ms| *ms > 0)
            .map(|ms| std::time::Duration::from_millis(u64::from(ms) / 2));
        let occasion = Occasion {
            connection: self.id,
            ..Occasion::default()
        };
        let options = &self.broker.options;
        let refused = self.broker.faults.fire(Scope::Open, occasion);
        performative::open(
            self.outbox.small(),
            "entra-forwarder-emulator",
            options.max_frame_size,
            CHANNEL_MAX,
        );
        if let Some(Action::RefuseOpen {
            condition,
            description,
        }) = refused
        {
            self.close(Some(&Condition::new(&condition, description)));
        }
    }

    fn on_begin(&mut self, channel: u16, begin: &Begin) {
        performative::begin(self.outbox.small(), channel, channel, WINDOW);
        self.sessions.insert(
            channel,
            Session {
                channel,
                next_outgoing: 0,
                next_delivery: 0,
                remote_window: begin.incoming_window,
                next_incoming: begin.next_outgoing_id,
                unreported: 0,
                accepted: None,
                links: Default::default(),
            },
        );
    }

    fn on_flow(&mut self, channel: u16, flow: &Flow) {
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        let sent_beyond = session
            .next_outgoing
            .wrapping_sub(flow.next_incoming_id.unwrap_or(0));
        session.remote_window = flow.incoming_window.saturating_sub(sent_beyond);
        let mut answer = None;
        if let Some(link) = flow
            .handle
            .as_ref()
            .and_then(|handle| session.links.get_mut(&handle.0))
        {
            link.last_traffic = Instant::now();
            if let LinkEnd::Sender(out) = &mut link.end {
                let consumed = out
                    .delivery_count
                    .wrapping_sub(flow.delivery_count.unwrap_or(0));
                out.credit = flow.link_credit.unwrap_or(0).saturating_sub(consumed);
                out.drain = flow.drain;
                if let Feed::Consumer(consumer) = &mut out.feed
                    && !consumer.credit_noted
                    && out.credit > 0
                {
                    consumer.credit_noted = true;
                    self.broker
                        .observed
                        .credit(consumer.attach_number, out.credit);
                }
                answer = Some(out.credit_of(link.handle));
            }
        }
        if flow.echo {
            performative::flow(self.outbox.small(), channel, session.windows(), answer);
        }
    }

    fn on_detach(&mut self, channel: u16, detach: &Detach) {
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        // A link that the broker detached first is gone already.
        if session.links.remove(&detach.handle.0).is_some() {
            let out = self.outbox.small();
            performative::detach(out, channel, detach.handle.0, detach.closed, None);
            self.note_links();
        }
    }

    /// Remembers when the last link went.
    pub(super) fn note_links(&mut self) {
        self.linkless = Instant::now();
    }
}
