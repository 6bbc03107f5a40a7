//! AMQP in the binary messages of a WebSocket
//! (<https://docs.oasis-open.org/amqp-bindmap/amqp-wsb/v1.0/amqp-wsb-v1.0.html>).
//!
//! The boundaries of messages mean nothing: the messages one after the other are
//! the byte stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Transport;

/// Where Event Hubs and Service Bus take WebSockets.
const PATH: &str = "/$servicebus/websocket/";
/// The subprotocol's registered name (the Rust client's), and the one before it
/// (that of the .NET, Java, JavaScript and Python clients).
const PROTOCOLS: [&str; 2] = ["amqp", "AMQPWSB10"];
const PROTOCOL_HEADER: &str = "sec-websocket-protocol";
/// Bytes in one message at most.
const MESSAGE_MAX: usize = 64 * 1024;

/// The byte stream in a WebSocket.
pub(crate) struct WebSocket<S> {
    inner: WebSocketStream<S>,
    /// What is left of the last message.
    rest: Bytes,
}

impl<S: Transport> WebSocket<S> {
    /// Answers the client's request to upgrade.
    ///
    /// # Errors
    /// When it asks for something else than AMQP, or fails.
    pub(super) async fn accept(stream: S) -> io::Result<Self> {
        let inner = tokio_tungstenite::accept_hdr_async(stream, check)
            .await
            .map_err(io_error)?;
        Ok(Self {
            inner,
            rest: Bytes::new(),
        })
    }
}

/// Refuses other paths and protocols, as the service does.
// The callback's type is the library's.
#[allow(clippy::result_large_err)]
fn check(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let refuse = |status: StatusCode| {
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = status;
        Err(refusal)
    };
    let path = request.uri().path();
    if !path.eq_ignore_ascii_case(PATH) && !path.eq_ignore_ascii_case(PATH.trim_end_matches('/')) {
        return refuse(StatusCode::NOT_FOUND);
    }
    let offered = request
        .headers()
        .get_all(PROTOCOL_HEADER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .find_map(|offer| PROTOCOLS.iter().find(|known| **known == offer));
    let Some(chosen) = offered else {
        return refuse(StatusCode::BAD_REQUEST);
    };
    let chosen = HeaderValue::from_static(chosen);
    response.headers_mut().insert(PROTOCOL_HEADER, chosen);
    Ok(response)
}

impl<S: Transport> AsyncRead for WebSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.rest = bytes,
                // The library answers pings and closes by itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => {}
                Some(Ok(_)) => {
                    let text = "a message that is not binary";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
                Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) | None => {
                    return Poll::Ready(Ok(()));
                }
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
            }
        }
        let room = buf.remaining().min(self.rest.len());
        self.rest
            .split_to(room)
            .copy_to_slice(buf.initialize_unfilled_to(room));
        buf.advance(room);
        Poll::Ready(Ok(()))
    }
}

impl<S: Transport> AsyncWrite for WebSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.inner).poll_ready(cx)).map_err(io_error)?;
        let piece = buf.get(..MESSAGE_MAX).unwrap_or(buf);
        let message = Message::Binary(Bytes::copy_from_slice(piece));
        Pin::new(&mut self.inner)
            .start_send(message)
            .map_err(io_error)?;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx).map_err(io_error)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx).map_err(io_error)
    }
}

impl<S: Transport> Transport for WebSocket<S> {
    fn reset_on_drop(&self) {
        self.inner.get_ref().reset_on_drop();
    }

    fn acknowledge(&self) {
        self.inner.get_ref().acknowledge();
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}
