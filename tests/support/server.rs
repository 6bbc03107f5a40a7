//! What the stand-ins of services have in common: a port of this machine and its connections.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Leaves it to the operating system to choose a port.
pub(crate) const FREE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// What a server shows of itself in TLS, and whom it lets in; may be replaced while it runs.
pub(crate) type Acceptor = Arc<Mutex<TlsAcceptor>>;

/// The running server; it ends, with all its connections, when this is dropped.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Takes connections at this address; each becomes a task of what `converse` makes of it.
    pub(crate) async fn start<F>(
        address: SocketAddr,
        mut converse: impl FnMut(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(converse(stream));
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }

    /// Answers requests over HTTP/1.1 at this address, in TLS if there is an acceptor, and over
    /// HTTP/2 if that offers it. Where `answer` gives an error, the connection is closed instead.
    pub(crate) async fn http<F, E>(
        address: SocketAddr,
        acceptor: Option<Acceptor>,
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Response<Full<Bytes>>, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let converse = move |stream| {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            async move {
                match acceptor {
                    None => exchange(stream, answer).await,
                    // A client that does not trust the certificate goes away.
                    Some(acceptor) => {
                        let acceptor = acceptor.lock().unwrap().clone();
                        let Ok(stream) = acceptor.accept(stream).await else {
                            return;
                        };
                        match stream.get_ref().1.alpn_protocol() {
                            Some(b"h2") => exchange_h2(stream, answer).await,
                            _ => exchange(stream, answer).await,
                        }
                    }
                }
            }
        };
        Self::start(address, converse).await
    }
}

async fn exchange<F, E>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    answer: impl Fn(Request<Incoming>) -> F + Send,
) where
    F: Future<Output = Result<Response<Full<Bytes>>, E>> + Send,
    E: std::error::Error + Send + Sync + 'static,
{
    // It ends with an error whenever the client is killed, or there was no answer.
    let _ended = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

async fn exchange_h2<F, E>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    answer: impl Fn(Request<Incoming>) -> F + Send,
) where
    F: Future<Output = Result<Response<Full<Bytes>>, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let _ended = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}
