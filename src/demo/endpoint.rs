//! An ingestion endpoint that decompresses, checks and counts.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::task::JoinSet;

use super::generator::number_of;
use super::proof::Proof;

/// Largest request that is taken, before and after decompression.
const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Counts of the endpoint itself.
#[derive(Debug, Default)]
pub struct Received {
    /// Requests that were accepted.
    pub requests: AtomicU64,
    /// Their bytes on the wire, without headers.
    pub bytes_sent: AtomicU64,
    /// Their bytes after decompression.
    pub bytes_plain: AtomicU64,
}

/// The running endpoint; it ends when this is dropped.
#[derive(Debug)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it counted.
    pub received: Arc<Received>,
    _server: JoinSet<()>,
}

struct Shared {
    proof: Arc<Proof>,
    received: Arc<Received>,
}

impl Endpoint {
    /// Starts on a free port of the loopback address and tells `proof` what arrives.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(proof: Arc<Proof>) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let received = Arc::<Received>::default();
        let shared = Arc::new(Shared {
            proof,
            received: Arc::clone(&received),
        });
        let body_max = usize::try_from(BODY_BYTES_MAX).unwrap_or(usize::MAX);
        let app = Router::new()
            .route("/", post(ingest))
            .layer(DefaultBodyLimit::max(body_max))
            .with_state(shared);
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(event = "demo_endpoint_failed", %error, "the endpoint ended");
            }
        });
        Ok(Self {
            address,
            received,
            _server: server,
        })
    }
}

async fn ingest(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    if !is("content-encoding", "gzip") || !is("content-type", "application/x-ndjson") {
        return (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send gzip-compressed NDJSON\n".into(),
        );
    }
    let mut plain = Vec::new();
    let read = flate2::bufread::MultiGzDecoder::new(body.as_ref())
        .take(BODY_BYTES_MAX + 1)
        .read_to_end(&mut plain);
    match read {
        Err(error) => return (StatusCode::BAD_REQUEST, format!("no gzip: {error}\n")),
        Ok(bytes) if bytes as u64 > BODY_BYTES_MAX => {
            return (StatusCode::PAYLOAD_TOO_LARGE, "too large\n".into());
        }
        Ok(_) => {}
    }
    if plain.is_empty() {
        // The forwarder asks whether it would be let in.
        return (StatusCode::OK, "ok\n".into());
    }
    let Some(lines) = plain.strip_suffix(b"\n") else {
        return (StatusCode::BAD_REQUEST, "the last line is cut off\n".into());
    };
    for line in lines.split(|byte| *byte == b'\n') {
        shared.proof.arrived(number_of(line), line);
    }
    shared.received.requests.fetch_add(1, Ordering::Relaxed);
    shared
        .received
        .bytes_sent
        .fetch_add(body.len() as u64, Ordering::Relaxed);
    shared
        .received
        .bytes_plain
        .fetch_add(plain.len() as u64, Ordering::Relaxed);
    (StatusCode::OK, "ok\n".into())
}
