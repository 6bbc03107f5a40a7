//! HTTP servers on a thread and a runtime of their own, so that no load of the pipeline can make
//! them fail, and nothing that they do can hold up the pipeline.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

/// Connections that a listener has at the same time; others wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// How long the head of a request may take, and how long a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what it is sent.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How large the head of a request may be, in bytes.
const HEAD_MAX: usize = 16 * 1024;
/// How many headers it may have.
const HEADERS_MAX: usize = 64;
/// Pause after a connection could not be accepted, for want of open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A thread with a runtime of its own; it ends with [`ServerThread::stop`], or with the process.
#[derive(Debug)]
pub struct ServerThread {
    stop: CancellationToken,
    thread: std::thread::JoinHandle<()>,
}

impl ServerThread {
    /// Runs `work` until it ends or is stopped; then it is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        name: &str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<Self> {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = work => {}
                        () = stopped.cancelled() => {}
                    }
                });
            })?;
        Ok(Self { stop, thread })
    }

    /// Ends it, and all of its connections. Whether it had not panicked.
    pub fn stop(self) -> bool {
        self.stop.cancel();
        self.thread.join().is_ok()
    }
}

/// Answers requests over HTTP/1.1, for ever.
///
/// # Cancel safety
/// Dropping it ends all connections.
pub async fn serve(listener: TcpListener, app: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        // Never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(event = "accept_failed", %error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let app = app.clone();
        connections.spawn(async move {
            converse(stream, app).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, app: Router) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    // It ends with an error whenever the client goes away.
    let _ended = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(app),
        )
        .await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn heads_are_bounded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/", get(async || "ok"));
        let _served = tokio_util::task::AbortOnDropHandle::new(
            tokio::runtime::Handle::current().spawn(serve(listener, app)),
        );
        for (header, expected) in [("a".repeat(100), "200"), ("a".repeat(HEAD_MAX), "431")] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head =
                format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {header}\r\n\r\n");
            // Refused before it is read whole.
            let _sent = stream.write_all(head.as_bytes()).await;
            let mut answer = vec![0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer[9..], expected.as_bytes());
        }
    }
}
