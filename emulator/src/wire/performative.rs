//! Frames and performatives as the broker writes them.
//!
//! Every list carries all its fields, null where there is nothing: some clients
//! (Python's) index the lists without looking at their length.
//! Fields: <https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-transport-v1.0-os.html>.

use bytes::{BufMut, Bytes, BytesMut};

use super::{NULL, len32, put_bool, put_descriptor, put_string, put_symbol, put_uint};
use crate::epoch::Condition;

/// Bytes of a frame header without extensions.
pub(crate) const FRAME_HEADER: usize = 8;
/// The most bytes that a frame header and a transfer of ours take.
pub(crate) const TRANSFER_HEAD: usize = 48;
const AMQP: u8 = 0;
const SASL: u8 = 1;

/// Writes one frame with a performative of `count` fields, which `fields` writes.
fn put_frame(
    out: &mut BytesMut,
    kind: u8,
    channel: u16,
    code: u8,
    count: u32,
    fields: impl FnOnce(&mut BytesMut),
) {
    let mut list = BytesMut::with_capacity(256);
    fields(&mut list);
    out.put_u32(len32(FRAME_HEADER + 3 + 9 + list.len()));
    out.put_slice(&[2, kind]);
    out.put_u16(channel);
    put_descriptor(out, code);
    out.put_u8(0xd0);
    out.put_u32(len32(4 + list.len()));
    out.put_u32(count);
    out.put_slice(&list);
}

fn put_nulls(out: &mut BytesMut, count: usize) {
    out.put_bytes(NULL, count);
}

fn put_error(out: &mut BytesMut, error: Option<&Condition>) {
    let Some(error) = error else {
        return put_nulls(out, 1);
    };
    let mut list = BytesMut::new();
    put_symbol(&mut list, &error.name);
    put_string(&mut list, &error.text);
    put_nulls(&mut list, 1);
    put_descriptor(out, 0x1d);
    out.put_u8(0xd0);
    out.put_u32(len32(4 + list.len()));
    out.put_u32(3);
    out.put_slice(&list);
}

/// An empty frame: the sign of life.
pub(crate) fn heartbeat(out: &mut BytesMut) {
    out.put_slice(&[0, 0, 0, 8, 2, AMQP, 0, 0]);
}

/// The mechanisms that the broker takes; what they carry is not looked at,
/// because rights come from the token put later.
pub(crate) fn sasl_mechanisms(out: &mut BytesMut) {
    put_frame(out, SASL, 0, 0x40, 1, |list| {
        let mut items = BytesMut::new();
        for name in ["MSSBCBS", "ANONYMOUS", "PLAIN", "EXTERNAL"] {
            items.put_u8(u8::try_from(name.len()).unwrap_or(0));
            items.put_slice(name.as_bytes());
        }
        list.put_u8(0xe0);
        list.put_u8(u8::try_from(items.len() + 2).unwrap_or(0));
        list.put_slice(&[4, 0xa3]);
        list.put_slice(&items);
    });
}

/// SASL success.
pub(crate) fn sasl_ok(out: &mut BytesMut) {
    put_frame(out, SASL, 0, 0x44, 2, |list| {
        list.put_slice(&[0x50, 0]);
        put_nulls(list, 1);
    });
}

/// Open.
pub(crate) fn open(out: &mut BytesMut, container: &str, max_frame: u32, channel_max: u16) {
    put_frame(out, AMQP, 0, 0x10, 10, |list| {
        put_string(list, container);
        put_nulls(list, 1);
        put_uint(list, max_frame);
        list.put_u8(0x60);
        list.put_u16(channel_max);
        // No idle time-out of our own: links and connections are watched instead.
        put_nulls(list, 6);
    });
}

/// Begin, in answer to one on `remote_channel`.
pub(crate) fn begin(out: &mut BytesMut, channel: u16, remote_channel: u16, window: u32) {
    put_frame(out, AMQP, channel, 0x11, 8, |list| {
        list.put_u8(0x60);
        list.put_u16(remote_channel);
        put_uint(list, 0);
        put_uint(list, window);
        put_uint(list, window);
        put_uint(list, u32::MAX);
        put_nulls(list, 3);
    });
}

/// What the answer to an attach needs besides what it repeats.
pub(crate) struct AttachAnswer<'a> {
    pub(crate) name: &'a str,
    pub(crate) handle: u32,
    /// Whether the broker is the receiver on this link.
    pub(crate) receiver: bool,
    pub(crate) sender_settle: u8,
    pub(crate) receiver_settle: u8,
    /// Encoded source and target as the client sent them; empty is null.
    pub(crate) source: &'a [u8],
    pub(crate) target: &'a [u8],
    pub(crate) max_message: u64,
    /// Encoded properties; empty is null.
    pub(crate) properties: &'a [u8],
}

/// Attach.
pub(crate) fn attach(out: &mut BytesMut, channel: u16, answer: &AttachAnswer<'_>) {
    let raw = |list: &mut BytesMut, bytes: &[u8]| match bytes.is_empty() {
        true => put_nulls(list, 1),
        false => list.put_slice(bytes),
    };
    put_frame(out, AMQP, channel, 0x12, 14, |list| {
        put_string(list, answer.name);
        put_uint(list, answer.handle);
        put_bool(list, answer.receiver);
        list.put_slice(&[0x50, answer.sender_settle, 0x50, answer.receiver_settle]);
        raw(list, answer.source);
        raw(list, answer.target);
        put_nulls(list, 1);
        put_bool(list, false);
        put_uint(list, 0);
        list.put_u8(0x80);
        list.put_u64(answer.max_message);
        put_nulls(list, 2);
        raw(list, answer.properties);
    });
}

/// The session's side of a flow.
#[derive(Clone, Copy)]
pub(crate) struct Windows {
    pub(crate) next_incoming: u32,
    pub(crate) incoming: u32,
    pub(crate) next_outgoing: u32,
    pub(crate) outgoing: u32,
}

/// The link's side of a flow.
#[derive(Clone, Copy)]
pub(crate) struct LinkCredit {
    pub(crate) handle: u32,
    pub(crate) delivery_count: u32,
    pub(crate) credit: u32,
    pub(crate) drain: bool,
}

/// Flow.
pub(crate) fn flow(out: &mut BytesMut, channel: u16, windows: Windows, link: Option<LinkCredit>) {
    put_frame(out, AMQP, channel, 0x13, 11, |list| {
        put_uint(list, windows.next_incoming);
        put_uint(list, windows.incoming);
        put_uint(list, windows.next_outgoing);
        put_uint(list, windows.outgoing);
        match link {
            Some(link) => {
                put_uint(list, link.handle);
                put_uint(list, link.delivery_count);
                put_uint(list, link.credit);
                put_uint(list, 0);
                put_bool(list, link.drain);
            }
            None => {
                put_nulls(list, 4);
                put_bool(list, false);
            }
        }
        put_bool(list, false);
        put_nulls(list, 1);
    });
}

/// What a transfer frame says about its delivery.
#[derive(Clone, Copy)]
pub(crate) struct TransferHead {
    pub(crate) channel: u16,
    pub(crate) handle: u32,
    pub(crate) delivery: u32,
    pub(crate) settled: bool,
    pub(crate) more: bool,
    pub(crate) payload: usize,
}

/// The frame header and the transfer; `payload` bytes are to follow.
pub(crate) fn transfer(out: &mut BytesMut, head: TransferHead) {
    // Written by hand because it is written once per event: 11 fields, list8.
    let list: usize = 1 + 5 + 5 + 6 + 5 + 1 + 1 + 2 + 3;
    out.put_u32(len32(FRAME_HEADER + 5 + list + head.payload));
    out.put_slice(&[2, AMQP]);
    out.put_u16(head.channel);
    put_descriptor(out, 0x14);
    out.put_u8(0xc0);
    out.put_u8(u8::try_from(list).unwrap_or(0));
    out.put_u8(11);
    put_uint(out, head.handle);
    put_uint(out, head.delivery);
    out.put_slice(&[0xa0, 4]);
    out.put_u32(head.delivery);
    put_uint(out, 0);
    put_bool(out, head.settled);
    put_bool(out, head.more);
    put_nulls(out, 2);
    out.put_slice(&[0x42, 0x42, 0x42]);
}

/// A disposition of the broker as receiver: accepted, or rejected with a condition.
pub(crate) fn disposition(
    out: &mut BytesMut,
    channel: u16,
    first: u32,
    last: u32,
    rejected: Option<&Condition>,
) {
    put_frame(out, AMQP, channel, 0x15, 6, |list| {
        put_bool(list, true);
        put_uint(list, first);
        put_uint(list, last);
        put_bool(list, true);
        match rejected {
            None => {
                put_descriptor(list, 0x24);
                list.put_u8(0x45);
            }
            Some(_) => {
                let mut error = BytesMut::new();
                put_error(&mut error, rejected);
                put_descriptor(list, 0x25);
                list.put_u8(0xd0);
                list.put_u32(len32(4 + error.len()));
                list.put_u32(1);
                list.put_slice(&error);
            }
        }
        put_bool(list, false);
    });
}

/// Detach; `closed` ends the link for good.
pub(crate) fn detach(
    out: &mut BytesMut,
    channel: u16,
    handle: u32,
    closed: bool,
    error: Option<&Condition>,
) {
    put_frame(out, AMQP, channel, 0x16, 3, |list| {
        put_uint(list, handle);
        put_bool(list, closed);
        put_error(list, error);
    });
}

/// End.
pub(crate) fn end(out: &mut BytesMut, channel: u16, error: Option<&Condition>) {
    put_frame(out, AMQP, channel, 0x17, 1, |list| put_error(list, error));
}

/// Close.
pub(crate) fn close(out: &mut BytesMut, error: Option<&Condition>) {
    put_frame(out, AMQP, 0, 0x18, 1, |list| put_error(list, error));
}

/// The encoded fields of a performative or of any described list.
pub(crate) fn fields(described: &Bytes) -> Option<Vec<Bytes>> {
    let (_, head) = super::section::descriptor(described)?;
    let mut rest = match described.get(head)? {
        0x45 => Bytes::new(),
        0xc0 => described.slice(head.checked_add(3)?..),
        0xd0 => described.slice(head.checked_add(9)?..),
        _ => return None,
    };
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let len = super::value_len(&rest)?;
        fields.push(rest.split_to(len));
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fe2o3_amqp_types::performatives::Performative;

    fn decoded(frame: BytesMut) -> Performative {
        let size = super::super::read_u32(&frame).unwrap();
        assert_eq!(size, frame.len());
        serde_amqp::from_slice(&frame[8..]).unwrap()
    }

    #[test]
    fn everything_can_be_decoded() {
        let error = Condition::new("amqp:link:stolen", "text");
        let mut out = BytesMut::new();
        open(&mut out, "c", 65536, 9);
        assert!(matches!(decoded(out), Performative::Open(o) if o.max_frame_size.0 == 65536));
        let mut out = BytesMut::new();
        begin(&mut out, 1, 2, 100);
        assert!(matches!(decoded(out), Performative::Begin(b) if b.remote_channel == Some(2)));
        let mut out = BytesMut::new();
        detach(&mut out, 1, 3, true, Some(&error));
        assert!(matches!(decoded(out), Performative::Detach(d) if d.error.is_some()));
        let mut out = BytesMut::new();
        disposition(&mut out, 1, 3, 4, Some(&error));
        assert!(matches!(decoded(out), Performative::Disposition(d) if d.last == Some(4)));
        let mut out = BytesMut::new();
        close(&mut out, None);
        assert!(matches!(decoded(out), Performative::Close(_)));
    }

    #[test]
    fn a_transfer_has_its_size() {
        let mut out = BytesMut::new();
        let head = TransferHead {
            channel: 1,
            handle: 2,
            delivery: 3,
            settled: true,
            more: false,
            payload: 0,
        };
        transfer(&mut out, head);
        assert!(out.len() <= TRANSFER_HEAD);
        match decoded(out) {
            Performative::Transfer(t) => {
                assert_eq!(
                    (t.handle.0, t.delivery_id, t.settled),
                    (2, Some(3), Some(true))
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
