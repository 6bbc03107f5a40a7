//! HTTP servers on a thread and a runtime of their own, so that no load of the pipeline can make
//! them fail, and nothing that they do can hold up the pipeline.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use places::{Activity, Places};

mod places;

/// Connections that a listener has at the same time.
const CONNECTIONS_MAX: usize = 64;
/// How long the body of a request may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// How large it may be, in bytes.
const BODY_MAX: usize = 4 * 1024;
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

/// What a listener expects of its clients.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// How long the head of a request may take, and how long a connection may be idle.
    pub head_timeout: Duration,
    /// Whether a connection may bring more than one request.
    pub keep_alive: bool,
}

/// Answers requests over HTTP/1.1, for ever. Whoever holds connections open without asking keeps
/// nobody out: when there is no place left, the connection goes that is idle for the longest time.
///
/// # Cancel safety
/// Dropping it ends all connections.
pub async fn serve(listener: TcpListener, app: Router, manners: Manners) {
    let mut places = Places::default();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(event = "accept_failed", %error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        places.make_room(CONNECTIONS_MAX).await;
        let app = app.clone();
        places.spawn(|activity| converse(stream, app, manners, activity));
        // What it has sent is read before it can be the one that is idle for the longest time.
        tokio::task::yield_now().await;
    }
}

async fn converse(stream: TcpStream, app: Router, manners: Manners, activity: Activity) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let service = service_fn(move |request| {
        let (app, activity) = (app.clone(), activity.clone());
        async move { Ok::<_, Infallible>(answer(request, app, &activity).await) }
    });
    // It ends with an error whenever the client goes away.
    let _ended = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(manners.head_timeout)
        .keep_alive(manners.keep_alive)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
        .await;
}

/// Answers one request. Until it is there whole, the connection counts as idle.
async fn answer(request: Request<Incoming>, app: Router, activity: &Activity) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_MAX).collect();
    let body = match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return refusal(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n"),
        Err(_) => return refusal(StatusCode::REQUEST_TIMEOUT, "the body takes too long\n"),
    };
    let busy = activity.busy();
    let request = Request::from_parts(head, Body::from(body));
    let Ok(answer) = TowerToHyperService::new(app).call(request).await;
    answer.map(|body| Body::new(busy.until_sent(body)))
}

/// What is still on its way is not read: the connection ends.
fn refusal(status: StatusCode, text: &'static str) -> Response<Body> {
    (status, [(CONNECTION, "close")], text).into_response()
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use std::net::SocketAddr;

    use tokio_util::task::AbortOnDropHandle;

    use super::*;

    const MANNERS: Manners = Manners {
        head_timeout: Duration::from_secs(60),
        keep_alive: true,
    };

    async fn served() -> (SocketAddr, AbortOnDropHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/", get(async || "ok").put(async || "ok"));
        let served = tokio::runtime::Handle::current().spawn(serve(listener, app, MANNERS));
        (address, AbortOnDropHandle::new(served))
    }

    /// Sends this much of a request.
    async fn send(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// The status of the answer, which comes in bounded time.
    async fn status(stream: &mut TcpStream) -> String {
        let mut answer = [0; 12];
        let read = stream.read_exact(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(30), read).await;
        read.unwrap().unwrap();
        String::from_utf8_lossy(&answer[9..]).into_owned()
    }

    #[tokio::test]
    async fn slow_and_large_bodies_keep_nobody_out() {
        let (address, _served) = served().await;
        let put =
            |length| format!("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{{");
        let mut slow = Vec::new();
        for _ in 0..2 * CONNECTIONS_MAX {
            slow.push(send(address, &put(100)).await);
        }
        let mut asking = send(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(status(&mut asking).await, "200");
        assert_eq!(status(&mut slow.pop().unwrap()).await, "408");
        let mut large = send(address, &put(BODY_MAX + 1)).await;
        let rest = "a".repeat(BODY_MAX);
        // Refused before it is read whole.
        let _sent = large.write_all(rest.as_bytes()).await;
        assert_eq!(status(&mut large).await, "413");
        let mut whole = send(address, &put(2)).await;
        whole.write_all(b"}").await.unwrap();
        assert_eq!(status(&mut whole).await, "200");
    }

    #[tokio::test]
    async fn heads_are_bounded() {
        let (address, _served) = served().await;
        for (header, expected) in [("a".repeat(100), "200"), ("a".repeat(HEAD_MAX), "431")] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head =
                format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {header}\r\n\r\n");
            // Refused before it is read whole.
            let _sent = stream.write_all(head.as_bytes()).await;
            assert_eq!(status(&mut stream).await, expected);
        }
    }
}
