//! The HTTP control port: faults and observation for tests of whole processes.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /faults` | a [`Fault`] | `{"id":1}` |
//! | `GET /faults` | | the armed ones |
//! | `GET /faults/{id}` | | `{"fired":2}` |
//! | `DELETE /faults`, `DELETE /faults/{id}` | | |
//! | `POST /freeze`, `POST /thaw` | | |
//! | `GET /attaches` | | the attach log |
//! | `GET /partitions` | | state, readers and sent count of every partition |
//! | `GET /sent/{hub}/{partition}` | | what was sent to whom |
//! | `GET /connections` | | counters |
//! | `POST /hubs` | `{"name","partitions","groups","first_sequence","recreate"}` | |
//! | `POST /append` | `{"hub","partition","body","count"}` | the last position |

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Emulator, Error, Fault, HubOptions, Result};

/// A bound control port.
pub struct Control {
    listener: TcpListener,
    address: SocketAddr,
}

impl Control {
    /// Binds the port; 0 takes a free one.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub async fn bind(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes and the requests under way are answered.
    ///
    /// # Errors
    /// [`Error::Listen`] when the socket fails.
    pub async fn serve(
        self,
        emulator: Arc<Emulator>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        let router = Router::new()
            .route("/faults", get(faults).post(inject).delete(clear))
            .route("/faults/{id}", get(fired).delete(remove))
            .route("/freeze", post(freeze))
            .route("/thaw", post(thaw))
            .route("/attaches", get(attaches))
            .route("/partitions", get(partitions))
            .route("/sent/{hub}/{partition}", get(sent))
            .route("/connections", get(connections))
            .route("/hubs", post(create))
            .route("/append", post(append))
            .with_state(emulator);
        axum::serve(self.listener, router)
            .with_graceful_shutdown(shutdown)
            .await?;
        Ok(())
    }
}

type Shared = State<Arc<Emulator>>;

/// A refusal with its text.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::UnknownHub(_) | Error::UnknownPartition { .. } => StatusCode::NOT_FOUND,
            Error::HubExists(_) | Error::PartitionInUse => StatusCode::CONFLICT,
            Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Listen(_) | Error::Invalid(_) => StatusCode::BAD_REQUEST,
        };
        Self(status, error.to_string())
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Self(StatusCode::BAD_REQUEST, error.to_string())
    }
}

type Answer = std::result::Result<Response, Refusal>;

fn answer(value: &Value) -> Response {
    let headers = [("content-type", "application/json")];
    (headers, value.to_string()).into_response()
}

async fn inject(State(emulator): Shared, body: Bytes) -> Answer {
    let fault: Fault = serde_json::from_slice(&body)?;
    Ok(answer(&json!({ "id": emulator.faults().inject(fault) })))
}

async fn faults(State(emulator): Shared) -> Response {
    let armed = emulator.faults().armed();
    let list: Vec<Value> = armed
        .iter()
        .map(|(id, fault)| json!({ "id": id, "fault": fault }))
        .collect();
    answer(&json!(list))
}

async fn fired(State(emulator): Shared, Path(id): Path<u64>) -> Response {
    answer(&json!({ "fired": emulator.faults().fired(id) }))
}

async fn remove(State(emulator): Shared, Path(id): Path<u64>) -> Response {
    answer(&json!({ "removed": emulator.faults().remove(id) }))
}

async fn clear(State(emulator): Shared) {
    emulator.faults().clear();
}

async fn freeze(State(emulator): Shared) {
    emulator.faults().freeze_all();
}

async fn thaw(State(emulator): Shared) {
    emulator.faults().thaw();
}

async fn attaches(State(emulator): Shared) -> Response {
    answer(&json!(emulator.attach_log()))
}

async fn partitions(State(emulator): Shared) -> Response {
    answer(&json!(emulator.overview()))
}

async fn sent(State(emulator): Shared, Path((hub, partition)): Path<(String, u32)>) -> Answer {
    Ok(answer(&json!(emulator.sent(&hub, partition)?)))
}

async fn connections(State(emulator): Shared) -> Response {
    answer(&json!({
        "open": emulator.open_connections(),
        "dispositions": emulator.dispositions(),
        "tokens": emulator.tokens(),
        "credit_violations": emulator.credit_violations(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    #[serde(default = "one")]
    partitions: u32,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    first_sequence: i64,
    /// Delete and create again a hub that exists.
    #[serde(default)]
    recreate: bool,
}

fn one() -> u32 {
    1
}

async fn create(State(emulator): Shared, body: Bytes) -> Answer {
    let wanted: Create = serde_json::from_slice(&body)?;
    if wanted.recreate {
        emulator.recreate_hub(&wanted.name)?;
    } else {
        let mut options = HubOptions::new(wanted.partitions).starting_at(wanted.first_sequence);
        options.consumer_groups = wanted.groups;
        emulator.create_hub(&wanted.name, options)?;
    }
    Ok(answer(&json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Append {
    hub: String,
    partition: u32,
    body: String,
    #[serde(default = "one")]
    count: u32,
}

async fn append(State(emulator): Shared, body: Bytes) -> Answer {
    let wanted: Append = serde_json::from_slice(&body)?;
    let body = bytes::Bytes::from(wanted.body);
    let mut last = None;
    for _ in 0..wanted.count {
        last = Some(emulator.append(&wanted.hub, wanted.partition, body.clone())?);
    }
    Ok(answer(&json!(last)))
}
