//! One connection: a single task that reads, decides and writes.
//!
//! The deciding is [`Engine`], which knows nothing of sockets. Reading and
//! writing go on side by side, so that a client that does not read cannot keep
//! the broker from hearing it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;
use tokio_util::io::{poll_read_buf, poll_write_buf};

use crate::broker::Broker;
use crate::engine::{Engine, Fate};
use crate::transport::Transport;

/// Room that is made for each read.
const READ_ROOM: usize = 64 * 1024;
/// How long the orderly end of TLS or a WebSocket may take.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(1);

/// Takes the connection off the list of open ones, whatever ends it.
struct Registered {
    broker: Arc<Broker>,
    id: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.broker.wakers.remove(self.id);
    }
}

/// What the stream did.
enum Moved {
    Read(usize),
    Wrote,
}

/// Serves one connection until it ends.
pub(crate) async fn serve(mut stream: impl Transport, broker: Arc<Broker>) {
    let id = broker.observed.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let waker = broker.wakers.add(id);
    let _registered = Registered {
        broker: broker.clone(),
        id,
    };
    let mut engine = Engine::new(broker.clone(), id, waker.clone());
    let mut inbox = BytesMut::with_capacity(READ_ROOM);
    let mut bucket = Bucket::new();
    let mut unflushed = false;
    let mut asked_to_stop = false;
    loop {
        engine.advance();
        match engine.fate() {
            Fate::Run | Fate::Flush => {}
            Fate::Reset => {
                stream.reset_on_drop();
                return;
            }
            Fate::Gone => {
                let farewell = tokio::time::timeout(FAREWELL, stream.shutdown()).await;
                tracing::trace!(connection = id, ?farewell, "ended");
                return;
            }
        }
        engine.outbox.seal();
        let quota = bucket.quota(engine.rate());
        let wake_at = bucket.wake_at(engine.due(), quota, engine.outbox.is_empty());
        let reading = engine.reading();
        let quota = if engine.writing() { quota } else { 0 };
        let moved = tokio::select! {
            moved = transfer(&mut stream, &mut inbox, reading, &mut engine.outbox, quota, &mut unflushed) => moved,
            () = waker.notified() => continue,
            () = tokio::time::sleep_until(wake_at) => continue,
            () = broker.stopping.cancelled(), if !asked_to_stop => {
                asked_to_stop = true;
                engine.stop();
                continue;
            }
            () = broker.cutting.cancelled() => return,
        };
        match moved {
            Ok((Moved::Read(0), _)) | Err(_) => return,
            Ok((Moved::Read(_), wrote)) => {
                bucket.spend(wrote);
                stream.acknowledge();
                engine.take(&mut inbox);
            }
            Ok((Moved::Wrote, wrote)) => {
                bucket.spend(wrote);
                engine.wrote();
            }
        }
    }
}

/// Waits until the stream has read or written something. Safe to cancel: it
/// keeps nothing of its own.
///
/// Streams that buffer (TLS, WebSocket) hold bytes that the outbox counts as
/// written: `unflushed` says so until they are passed on.
async fn transfer(
    stream: &mut impl Transport,
    inbox: &mut BytesMut,
    reading: bool,
    outbox: &mut impl Buf,
    quota: usize,
    unflushed: &mut bool,
) -> io::Result<(Moved, usize)> {
    poll_fn(|cx| {
        let wrote = match quota {
            0 => 0,
            _ => write(stream, cx, outbox, quota, unflushed)?,
        };
        if reading {
            inbox.reserve(READ_ROOM);
            if let Poll::Ready(read) = poll_read_buf(Pin::new(&mut *stream), cx, inbox) {
                return Poll::Ready(Ok((Moved::Read(read?), wrote)));
            }
        }
        match wrote {
            0 => Poll::Pending,
            _ => Poll::Ready(Ok((Moved::Wrote, wrote))),
        }
    })
    .await
}

/// Writes what can be written now, and passes on what is buffered.
fn write(
    stream: &mut impl Transport,
    cx: &mut Context<'_>,
    outbox: &mut impl Buf,
    quota: usize,
    unflushed: &mut bool,
) -> io::Result<usize> {
    let pending = outbox.remaining();
    let mut wrote = 0;
    if pending > 0 {
        let written = match quota < pending {
            true => poll_write_buf(Pin::new(&mut *stream), cx, &mut outbox.take(quota)),
            false => poll_write_buf(Pin::new(&mut *stream), cx, outbox),
        };
        match written {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(written) => wrote = written?,
            Poll::Pending => {}
        }
        *unflushed |= wrote > 0;
    }
    if *unflushed && let Poll::Ready(flushed) = Pin::new(stream).poll_flush(cx) {
        flushed?;
        *unflushed = false;
    }
    Ok(wrote)
}

/// Limits the bytes per second when a fault says so.
struct Bucket {
    filled_at: Instant,
    rate: Option<u64>,
    tokens: u64,
}

impl Bucket {
    const TICK_MS: u64 = 10;

    fn new() -> Self {
        Self {
            filled_at: Instant::now(),
            rate: None,
            tokens: 0,
        }
    }

    /// How many bytes may be written now.
    fn quota(&mut self, rate: Option<u64>) -> usize {
        let now = Instant::now();
        if self.rate != rate {
            *self = Self {
                filled_at: now,
                rate,
                tokens: 0,
            };
        }
        let Some(rate) = rate else {
            return usize::MAX;
        };
        let since = u64::try_from((now - self.filled_at).as_micros()).unwrap_or(u64::MAX);
        let gained = rate.saturating_mul(since) / 1_000_000;
        if gained > 0 {
            self.filled_at = now;
            // No more than a tenth of a second is saved up.
            self.tokens = self.tokens.saturating_add(gained).min((rate / 10).max(1));
        }
        usize::try_from(self.tokens).unwrap_or(usize::MAX)
    }

    fn spend(&mut self, bytes: usize) {
        if self.rate.is_some() {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.tokens = self.tokens.saturating_sub(bytes);
        }
    }

    fn wake_at(&self, due: Instant, quota: usize, nothing_to_write: bool) -> Instant {
        match self.rate.is_some() && quota == 0 && !nothing_to_write {
            true => due.min(Instant::now() + std::time::Duration::from_millis(Self::TICK_MS)),
            false => due,
        }
    }
}
