//! OAuth 2.0 client credentials: one request, and its answer (RFC 6749, sections 4.4 and 5).
//!
//! The `oauth2` crate would build this form and read this answer, and leave what is left (times,
//! one question at a time, renewal, refusals told from failures) to its user.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use url::form_urlencoded::{Serializer, byte_serialize};

use super::client::{self, Times};
use super::connection::{Fixed, sensitive};
use super::tokens::{Token, TokenSource};
use super::{BuildError, TransportError, read_body, text_of, transport_error};
use crate::config::{ClientAuthentication, HttpVersion, OAuth2Config, SinkConnection};
use crate::deliver::response::BODY_BYTES_MAX;

/// Longest wait for one answer; whoever needs a token waits a little longer.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// The refusals that RFC 6749 (section 5.2) names. Others are not shown: they could be anything.
const ERRORS: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
];

/// Asks one server for tokens.
pub(super) struct Client {
    client: reqwest::Client,
    url: Url,
    headers: HeaderMap,
    form: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("oauth2::Client")
    }
}

impl Client {
    /// # Errors
    /// When the URL is none or the client cannot be built.
    pub(super) fn build(
        config: &OAuth2Config,
        connection: &SinkConnection,
        fixed: &Fixed,
    ) -> Result<Self, BuildError> {
        let url: Url = config
            .token_url
            .expose()
            .parse()
            .map_err(|error| BuildError(format!("`auth.token_url` is no URL: {error}")))?;
        let times = Times {
            connect: fixed.times.connect.min(ANSWER_MAX),
            answer: ANSWER_MAX,
        };
        let mut headers = HeaderMap::new();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        let (id, secret) = (config.client_id.as_str(), config.client_secret.expose());
        match config.client_authentication {
            ClientAuthentication::Basic => {
                // Section 2.3.1: both are encoded as in a form before they are joined.
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let value = sensitive(&basic(&encoded(id), &encoded(secret)));
                headers.extend(value.map(|value| (AUTHORIZATION, value)));
            }
            ClientAuthentication::Body => {
                form.append_pair("client_id", id);
                form.append_pair("client_secret", secret);
            }
        }
        for (name, value) in [("scope", &config.scope), ("audience", &config.audience)] {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }
        for (name, value) in &config.parameters {
            form.append_pair(name, value.expose());
        }
        // That the endpoint speaks nothing but HTTP/2 says nothing of this server.
        let mut connection = connection.clone();
        if connection.http_version == HttpVersion::Http2 {
            connection.http_version = HttpVersion::Auto;
        }
        Ok(Self {
            client: client::build(&connection, &url, times)?,
            url,
            headers,
            form: form.finish(),
        })
    }
}

#[async_trait]
impl TokenSource for Client {
    async fn token(&self, _anew: bool) -> Result<Token, TransportError> {
        let failed = |error: reqwest::Error| match transport_error(&error) {
            TransportError::Timeout => {
                TransportError::NoToken("its server does not answer in time".to_owned())
            }
            TransportError::Refused(why) => TransportError::Refused(format!("no token: {why}")),
            TransportError::Connect(why) => TransportError::NoToken(why),
            _ => TransportError::NoToken(text_of(&error)),
        };
        let request = self.client.post(self.url.clone());
        let request = request
            .headers(self.headers.clone())
            .body(self.form.clone());
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let body = read_body(response, BODY_BYTES_MAX)
            .await
            .map_err(|error| match error {
                TransportError::Timeout => failed_answer("it was cut off"),
                error => failed_answer(&error.to_string()),
            })?;
        read(status, &body)
    }
}

fn failed_answer(problem: &str) -> TransportError {
    TransportError::NoToken(format!("the answer of its server: {problem}"))
}

/// Reads an answer. Shows nothing of it but the errors of the standard.
fn read(status: u16, body: &[u8]) -> Result<Token, TransportError> {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    match status {
        200..=299 => {
            let kind = answer.get("token_type").and_then(|it| it.as_str());
            let text = answer.get("access_token").and_then(|it| it.as_str());
            let Some(text) = text.filter(|text| !text.is_empty()) else {
                return Err(failed_answer("there is no access_token in it"));
            };
            if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
                let problem = "no token: the server gives another kind of token than Bearer";
                return Err(TransportError::Refused(problem.to_owned()));
            }
            let life = answer.get("expires_in").and_then(seconds);
            Token::bearer(text, life).ok_or_else(|| failed_answer("its token is no text"))
        }
        408 | 425 | 429 | 500.. => Err(failed_answer(&format!("status {status}"))),
        _ => {
            let error = answer.get("error").and_then(|it| it.as_str());
            let known = error.and_then(|error| ERRORS.iter().find(|known| **known == error));
            let advice = match (status, known.copied()) {
                (300..=399, _) => "a redirect: set auth.token_url to the address it leads to",
                (_, Some("invalid_scope" | "invalid_target")) => "check auth.scope, auth.audience",
                (401, _) | (_, Some("invalid_client" | "unauthorized_client")) => {
                    "check auth.client_id, auth.client_secret, auth.client_authentication"
                }
                (404 | 405, _) => "check auth.token_url",
                _ => "check auth",
            };
            let shown = known.map(|known| format!(" {known}")).unwrap_or_default();
            Err(TransportError::Refused(format!(
                "no token: its server answers {status}{shown} ({advice})"
            )))
        }
    }
}

/// Whole seconds; some servers write them as text.
fn seconds(value: &serde_json::Value) -> Option<Duration> {
    let number = value
        .as_f64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        .filter(|number: &f64| !number.is_nan())?;
    Duration::try_from_secs_f64(number.min(1e9)).ok()
}

/// The value of `Authorization` for user and password (RFC 7617).
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_tokens_failures_or_refusals() {
        let good = br#"{"access_token":"MARK","token_type":"bearer","expires_in":"3600"}"#;
        let token = read(200, good).unwrap();
        assert_eq!(token.header(), "Bearer MARK");
        assert!(token.header().is_sensitive() && !format!("{token:?}").contains("MARK"));
        for (status, body) in [
            (200, "<html>MARK"),
            (200, r#"{"access_token":""}"#),
            (200, r#"{"access_token":"MA\nRK"}"#),
            (429, "{}"),
            (500, r#"{"error":"invalid_client"}"#),
            (503, "MARK"),
        ] {
            let error = read(status, body.as_bytes()).unwrap_err();
            assert!(matches!(error, TransportError::NoToken(_)), "{error}");
            assert!(!error.to_string().contains("MARK"), "{error}");
        }
        for (status, body, expected) in [
            (401, "{}", "answers 401 (check auth.client_id"),
            (
                400,
                r#"{"error":"invalid_client","error_description":"MARK"}"#,
                "400 invalid_client (check auth.client_id",
            ),
            (400, r#"{"error":"invalid_scope"}"#, "(check auth.scope"),
            (400, r#"{"error":"MARK"}"#, "answers 400 (check auth)"),
            (302, "", "a redirect"),
            (404, "", "check auth.token_url"),
            (
                200,
                r#"{"access_token":"MARK","token_type":"mac"}"#,
                "another kind",
            ),
        ] {
            let error = read(status, body.as_bytes()).unwrap_err();
            assert!(matches!(error, TransportError::Refused(_)), "{error}");
            let text = error.to_string();
            assert!(text.contains(expected) && !text.contains("MARK"), "{text}");
        }
    }

    #[test]
    fn lives_are_seconds_in_any_form() {
        let life = |text: &str| seconds(&serde_json::from_str(text).unwrap());
        assert_eq!(life("3600"), Some(Duration::from_secs(3600)));
        assert_eq!(life("\"60\""), Some(Duration::from_secs(60)));
        assert_eq!(life("\"soon\""), None);
        assert_eq!(life("\"nan\""), None);
        assert_eq!(life("-1"), None);
        assert_eq!(life("1e300"), Some(Duration::from_secs(1_000_000_000)));
    }
}
