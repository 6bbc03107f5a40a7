//! Accepting connections, and the handshakes below AMQP.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use super::websocket::WebSocket;
use super::{Layers, Transport};
use crate::broker::Broker;
use crate::connection;

/// How long the handshakes of TLS and WebSocket may take together.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a frozen broker looks whether it is thawed, before a handshake.
const FROZEN: Duration = Duration::from_millis(10);

/// Accepts until the emulator stops.
pub(crate) async fn accept(
    listener: TcpListener,
    layers: Layers,
    broker: Arc<Broker>,
    tasks: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = broker.stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "no TCP_NODELAY");
                }
                tasks.spawn(serve(stream, layers.clone(), broker.clone()));
            }
            Err(error) => {
                // Out of file descriptors, mostly: do not spin.
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, layers: Layers, broker: Arc<Broker>) {
    let served = match layers.tls {
        None => upgrade(stream, layers.websocket, broker).await,
        Some(tls) => match agreed(&broker, tls.accept(stream)).await {
            Ok(stream) => upgrade(stream, layers.websocket, broker).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = served {
        tracing::debug!(%error, "the handshake failed");
    }
}

async fn upgrade(stream: impl Transport, websocket: bool, broker: Arc<Broker>) -> io::Result<()> {
    match websocket {
        false => connection::serve(stream, broker).await,
        true => {
            let stream = agreed(&broker, WebSocket::accept(stream)).await?;
            connection::serve(stream, broker).await;
        }
    }
    Ok(())
}

/// Awaits one handshake, unless the broker stops or is frozen.
async fn agreed<T>(
    broker: &Broker,
    handshake: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let shake = async {
        while broker.faults.all_frozen() {
            tokio::time::sleep(FROZEN).await;
        }
        tokio::time::timeout(PATIENCE, handshake)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    };
    tokio::select! {
        () = broker.stopping.cancelled() => Err(io::ErrorKind::ConnectionAborted.into()),
        agreed = shake => agreed,
    }
}
