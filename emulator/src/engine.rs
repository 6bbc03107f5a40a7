//! The broker's side of the AMQP protocol on one connection, without sockets.
//!
//! Bytes come in through [`Engine::take`], time and other parties' doings
//! through [`Engine::advance`]; what is to be sent is in [`Engine::outbox`].
//! Written on frames instead of on a client library's acceptor because the
//! broker must pass messages on untouched (also ones no library decodes), write
//! every field of a performative, stop reading and writing at will, and share
//! bodies instead of copying them.

mod admit;
mod attach;
mod consumer;
mod effect;
mod frames;
mod link;
mod produce;
mod pump;
mod reply;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::broker::Broker;
use crate::cbs::Grants;
use crate::epoch::Condition;
use crate::faults::Occasion;
use crate::outbox::Outbox;
use crate::wire::performative;

use link::Session;
use reply::Held;

/// How far the handshake has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A protocol header is expected.
    Header,
    /// SASL frames are expected.
    Sasl,
    /// The Open is expected.
    Open,
    Running,
    /// A Close has been sent; the client's is awaited.
    Closing,
}

/// What the connection's task has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Run,
    /// Write what is left, then end.
    Flush,
    Reset,
    Gone,
}

/// How the connection ends once everything is written.
#[derive(Debug, Clone, Copy)]
struct Ending {
    reset: bool,
    /// The client may not take what is left.
    by: Instant,
}

/// Nothing is read or decided any more.
#[derive(Debug, Clone, Copy)]
struct Frozen {
    thaws: u64,
    until: Option<Instant>,
}

/// The state of one connection.
pub(crate) struct Engine {
    pub(crate) outbox: Outbox,
    broker: Arc<Broker>,
    id: u64,
    waker: Arc<Notify>,
    stage: Stage,
    ending: Option<Ending>,
    frozen: Option<Frozen>,
    peer_max_frame: usize,
    heartbeat: Option<Duration>,
    last_wrote: Instant,
    sessions: BTreeMap<u16, Session>,
    grants: Grants,
    held: Vec<Held>,
    /// Since when the connection has had no link, and whether it ever had one.
    linkless: Instant,
    had_link: bool,
    due: Instant,
    turn: usize,
}

/// How long what is left may take to be written before the end.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);
/// The broker's clock may be moved by a test, so look at it this often.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(1);

impl Engine {
    pub(crate) fn new(broker: Arc<Broker>, id: u64, waker: Arc<Notify>) -> Self {
        let now = Instant::now();
        Self {
            outbox: Outbox::default(),
            broker,
            id,
            waker,
            stage: Stage::Header,
            ending: None,
            frozen: None,
            peer_max_frame: 512,
            heartbeat: None,
            last_wrote: now,
            sessions: BTreeMap::new(),
            grants: Grants::default(),
            held: Vec::new(),
            linkless: now,
            had_link: false,
            due: now,
            turn: 0,
        }
    }

    pub(crate) fn fate(&self) -> Fate {
        let Some(ending) = self.ending else {
            return Fate::Run;
        };
        if !self.outbox.is_empty() && Instant::now() < ending.by {
            return Fate::Flush;
        }
        match ending.reset {
            true => Fate::Reset,
            false => Fate::Gone,
        }
    }

    /// When [`Engine::advance`] must be called again at the latest.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Whether bytes may be read from the client.
    pub(crate) fn reading(&self) -> bool {
        self.frozen.is_none() && !self.broker.faults.all_frozen() && self.ending.is_none()
    }

    /// Whether bytes may be written. What was decided before a freeze of this
    /// connection is still written; a freeze of all stops at once.
    pub(crate) fn writing(&self) -> bool {
        !self.broker.faults.all_frozen()
    }

    /// The bytes per second that a fault allows.
    pub(crate) fn rate(&self) -> Option<u64> {
        self.broker.faults.rate(Occasion {
            connection: self.id,
            ..Occasion::default()
        })
    }

    pub(crate) fn wrote(&mut self) {
        self.last_wrote = Instant::now();
    }

    /// Closes politely because the emulator stops.
    pub(crate) fn stop(&mut self) {
        match self.stage {
            Stage::Running => self.close(None),
            Stage::Closing => {}
            _ => self.end(false),
        }
    }

    /// Sends a Close and waits for the client's.
    fn close(&mut self, error: Option<&Condition>) {
        if self.stage == Stage::Running {
            performative::close(self.outbox.small(), error);
            self.stage = Stage::Closing;
            self.sessions.clear();
        }
    }

    /// Ends the connection once everything is written.
    fn end(&mut self, reset: bool) {
        if self.ending.is_none() {
            self.ending = Some(Ending {
                reset,
                by: Instant::now() + FLUSH_WITHIN,
            });
        }
    }

    fn wake_by(&mut self, at: Instant) {
        self.due = self.due.min(at);
    }

    fn links(&self) -> usize {
        self.sessions
            .values()
            .map(|session| session.links.len())
            .sum()
    }
}
