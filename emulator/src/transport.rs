//! What a connection runs over: TCP, with TLS and a WebSocket on top as wanted.

pub(crate) mod handshake;
pub(crate) mod tls;
pub(crate) mod websocket;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

pub use tls::Tls;

/// A byte stream that a connection can run over.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Makes the coming drop of the stream a reset instead of an orderly end,
    /// where there is such a thing.
    fn reset_on_drop(&self) {}

    /// Called after each read: acknowledge without delay, where there is such a
    /// thing. Clients that leave Nagle's algorithm on send their next credit only
    /// when the last small frame is acknowledged, which else takes 40 ms.
    fn acknowledge(&self) {}
}

impl Transport for TcpStream {
    fn reset_on_drop(&self) {
        if let Err(error) = self.set_zero_linger() {
            tracing::debug!(%error, "cannot reset");
        }
    }

    fn acknowledge(&self) {
        // Linux forgets this by itself, so it is said again after each read.
        #[cfg(target_os = "linux")]
        if let Err(error) = self.set_quickack(true) {
            tracing::debug!(%error, "cannot acknowledge at once");
        }
    }
}

impl Transport for tokio::io::DuplexStream {}

/// What a listening port speaks below AMQP.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// TLS right on top of TCP (Event Hubs: ports 5671 and 443).
    pub tls: Option<Tls>,
    /// A WebSocket on top of that (Event Hubs: port 443), at
    /// `/$servicebus/websocket/` with subprotocol `amqp` or `AMQPWSB10`.
    pub websocket: bool,
}

impl Layers {
    /// Plain AMQP, as `UseDevelopmentEmulator=true` has it.
    pub fn plain() -> Self {
        Self::default()
    }

    /// AMQP over TLS.
    pub fn tls(tls: Tls) -> Self {
        Self {
            tls: Some(tls),
            websocket: false,
        }
    }

    /// AMQP over a WebSocket over TLS.
    pub fn websocket(tls: Tls) -> Self {
        Self {
            tls: Some(tls),
            websocket: true,
        }
    }

    /// The scheme by which clients name it: `amqp`, `amqps`, `ws` or `wss`.
    pub fn scheme(&self) -> &'static str {
        match (self.websocket, self.tls.is_some()) {
            (false, false) => "amqp",
            (false, true) => "amqps",
            (true, false) => "ws",
            (true, true) => "wss",
        }
    }
}
