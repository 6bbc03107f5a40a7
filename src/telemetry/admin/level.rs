//! `PUT /log-level`: another log filter, for some time.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::telemetry::logs;

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// A level, or pairs of target and level.
    filter: String,
    /// How long it lasts, in seconds.
    #[serde(default = "lasts")]
    seconds: u64,
}

fn lasts() -> u64 {
    logs::LASTS.as_secs()
}

pub(super) async fn change(Json(wanted): Json<Wanted>) -> Response {
    match logs::set(&wanted.filter, Some(Duration::from_secs(wanted.seconds))) {
        Ok(now) => Json(json!({
            "filter": now.filter,
            "remaining_seconds": now.remaining.map(|it| it.as_secs()),
            "started_with": now.started_with,
        }))
        .into_response(),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, format!("{error}\n")).into_response(),
    }
}
