//! A stand-in for the services that give out tokens: Microsoft Entra ID, and the identity endpoint
//! of a platform.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How long its tokens live, in seconds.
const LIFE: u64 = 3600;

/// The running service; it ends, with all its connections, when this is dropped.
pub(crate) struct Login {
    /// Where it listens, for HTTP.
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Login {
    /// Starts on a free port. Whoever asks gets a token for Event Hubs.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let shared = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                let service = service_fn(move |request: Request<_>| {
                    let path = request.uri().path().to_owned();
                    shared.lock().unwrap().push(path);
                    async { Ok::<_, std::convert::Infallible>(token()) }
                });
                connections.spawn(async move {
                    // It ends with an error when the client is killed.
                    let _ended = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            asked,
            _tasks: tasks,
        }
    }

    /// The paths that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn token() -> Response<Full<Bytes>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let expires = now.as_secs() + LIFE;
    let part = |claims: serde_json::Value| URL_SAFE_NO_PAD.encode(claims.to_string());
    let claims = json!({"aud": "https://eventhubs.azure.net", "exp": expires});
    let token = format!("{}.{}.", part(json!({"alg": "none"})), part(claims));
    let body = json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": LIFE,
        "expires_on": expires.to_string(),
        "resource": "https://eventhubs.azure.net",
    });
    Response::builder()
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap()
}
