//! Sessions and links as the broker keeps them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use crate::hub::{Hub, Partition, Seat};
use crate::wire::performative::{LinkCredit, Windows};

/// Transfers that a client may send before it hears of the window again.
pub(crate) const WINDOW: u32 = 65_535;
/// Messages that a client may send on a link before it is given credit again.
pub(crate) const CREDIT: u32 = 1000;

/// One session. Its number is the client's channel, in both directions.
pub(crate) struct Session {
    pub(crate) channel: u16,
    pub(crate) next_outgoing: u32,
    /// Id of the next delivery that is sent.
    pub(crate) next_delivery: u32,
    /// Transfers that the client still takes.
    pub(crate) remote_window: u32,
    pub(crate) next_incoming: u32,
    pub(crate) unreported: u32,
    /// Deliveries to be accepted, first and last.
    pub(crate) accepted: Option<(u32, u32)>,
    /// By the client's handle, which is also the broker's.
    pub(crate) links: BTreeMap<u32, Link>,
}

impl Session {
    pub(crate) fn windows(&self) -> Windows {
        Windows {
            next_incoming: self.next_incoming,
            incoming: WINDOW,
            next_outgoing: self.next_outgoing,
            outgoing: WINDOW,
        }
    }
}

/// One link.
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) handle: u32,
    /// Path of the node in lower case, for the check of rights.
    pub(crate) path: String,
    pub(crate) last_traffic: Instant,
    pub(crate) end: LinkEnd,
}

/// Which end of the link the broker is.
pub(crate) enum LinkEnd {
    Sender(Outgoing),
    Receiver(Incoming),
}

/// The broker sends.
pub(crate) struct Outgoing {
    pub(crate) delivery_count: u32,
    pub(crate) credit: u32,
    pub(crate) drain: bool,
    /// Deliveries are sent settled.
    pub(crate) settled: bool,
    pub(crate) partial: Option<Partial>,
    pub(crate) feed: Feed,
}

impl Outgoing {
    pub(crate) fn credit_of(&self, handle: u32) -> LinkCredit {
        LinkCredit {
            handle,
            delivery_count: self.delivery_count,
            credit: self.credit,
            drain: self.drain,
        }
    }
}

/// A delivery of which some frames are still to be sent.
pub(crate) struct Partial {
    pub(crate) delivery: u32,
    pub(crate) pieces: VecDeque<Bytes>,
}

/// Where a sending link's messages come from.
pub(crate) enum Feed {
    Consumer(Box<Consumer>),
    Replies(Replies),
}

/// Answers of a node to requests.
pub(crate) struct Replies {
    pub(crate) cbs: bool,
    pub(crate) target: Option<String>,
    pub(crate) queue: VecDeque<Bytes>,
}

/// A reader of a partition.
pub(crate) struct Consumer {
    pub(crate) seat: Seat,
    pub(crate) next: i64,
    /// Never delivers anything (the quirk of `> '-1'`).
    pub(crate) dead: bool,
    pub(crate) group: Arc<str>,
    pub(crate) partition_id: String,
    pub(crate) link: Arc<str>,
    pub(crate) attach_number: u64,
    pub(crate) credit_noted: bool,
    /// A fault delays the next event until then; it is not asked again for it.
    pub(crate) hold_until: Option<Instant>,
}

/// The broker receives.
pub(crate) struct Incoming {
    pub(crate) inlet: Inlet,
    pub(crate) credit: u32,
    pub(crate) delivery_count: u32,
    pub(crate) assembly: Option<Assembly>,
}

/// Where received messages go.
#[derive(Clone)]
pub(crate) enum Inlet {
    Cbs,
    Management,
    Producer {
        hub: Arc<Hub>,
        partition: Option<Arc<Partition>>,
    },
}

/// A message of which frames are still to come.
pub(crate) struct Assembly {
    pub(crate) delivery: u32,
    pub(crate) settled: bool,
    pub(crate) format: u32,
    pub(crate) bytes: BytesMut,
}
