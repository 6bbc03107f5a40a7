//! Who may ask the admin listener, and what its answers allow a browser to do.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN,
    REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::Secret;

/// Only what this listener itself serves, and no script, style or frame of anybody else. Texts never
/// become markup: a page that tried would be stopped by the browser.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";
const HEADERS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// Who may ask.
pub(super) struct Gate {
    /// The digest of the token: two of them are as long, whatever was given.
    token: Option<aws_lc_rs::digest::Digest>,
}

/// Why somebody may not.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// The token is missing or wrong.
    Token,
    /// The name by which this listener was asked is not one of this machine's.
    Host,
    /// A page of another origin asks.
    Origin,
    /// A change that every page could send.
    Kind,
}

impl Gate {
    pub(super) fn new(token: Option<&Secret>) -> Self {
        Self {
            token: token.map(|token| digest(token.expose().as_bytes())),
        }
    }

    fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
        match &self.token {
            Some(token) if !brings(headers, token) => return Err(Refusal::Token),
            // Another name that leads here may be one that an attacker's page has rebound.
            None if !host(headers).is_some_and(is_this_machine) => return Err(Refusal::Host),
            _ => {}
        }
        let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
        let site = text("sec-fetch-site").unwrap_or("none");
        let is_visit = text("sec-fetch-mode") == Some("navigate") && *method == Method::GET;
        if !is_visit && !matches!(site, "none" | "same-origin") {
            return Err(Refusal::Origin);
        }
        if matches!(*method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        if let Some(origin) = headers.get(ORIGIN) {
            let origin = origin.to_str().unwrap_or_default();
            let origin = origin.split_once("://").map(|(_, host)| host);
            if origin.is_none() || origin != host(headers) {
                return Err(Refusal::Origin);
            }
        }
        // Without asking this listener first, no foreign page can send that.
        let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let kind = kind.and_then(|it| it.split(';').next()).map(str::trim);
        match kind {
            Some(kind) if kind.eq_ignore_ascii_case("application/json") => Ok(()),
            _ => Err(Refusal::Kind),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Token => {
                let ask = "Basic realm=\"entra-forwarder\", charset=\"UTF-8\"";
                let text = "the token is missing or wrong (admin.token): send it as \
                            `Authorization: Bearer <token>`, or as the password of any user\n";
                (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, ask)], text).into_response()
            }
            Self::Host => {
                let text = "asked for by another name than this machine's own: use localhost, or \
                            set admin.token\n";
                (StatusCode::MISDIRECTED_REQUEST, text).into_response()
            }
            Self::Origin => {
                (StatusCode::FORBIDDEN, "a page of another origin asks\n").into_response()
            }
            Self::Kind => {
                let text = "send it with `Content-Type: application/json`\n";
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response()
            }
        }
    }
}

/// Lets a request pass or refuses it, and puts the headers on the answer.
pub(super) async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let mut answer = match gate.check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn digest(bytes: &[u8]) -> aws_lc_rs::digest::Digest {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes)
}

/// Compares in constant time.
fn brings(headers: &HeaderMap, token: &aws_lc_rs::digest::Digest) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
    let given = given.and_then(credential).unwrap_or_default();
    let given = digest(&given);
    aws_lc_rs::constant_time::verify_slices_are_equal(given.as_ref(), token.as_ref()).is_ok()
}

/// The token in the value of an `Authorization` header.
fn credential(value: &str) -> Option<Vec<u8>> {
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().as_bytes().to_vec());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = STANDARD.decode(rest.trim()).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    pair.get(colon + 1..).map(<[u8]>::to_vec)
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST)?.to_str().ok()
}

/// Whether a `Host` header names this machine and no other.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(token: Option<&str>, method: Method, headers: &[(&'static str, &str)]) -> String {
        let gate = Gate::new(token.map(Secret::new).as_ref());
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        match gate.check(&method, &headers.collect()) {
            Ok(()) => "passes".to_owned(),
            Err(refusal) => format!("{refusal:?}"),
        }
    }

    #[test]
    fn without_a_token_only_names_of_this_machine_pass() {
        for (host, expected) in [
            ("localhost:9090", "passes"),
            ("LOCALHOST", "passes"),
            ("127.0.0.1:9090", "passes"),
            ("127.8.9.1", "passes"),
            ("[::1]:9090", "passes"),
            ("localhost.evil.example:9090", "Host"),
            ("127.0.0.1.nip.io:9090", "Host"),
            ("10.0.0.1:9090", "Host"),
            ("", "Host"),
        ] {
            assert_eq!(
                check(None, Method::GET, &[("host", host)]),
                expected,
                "{host}"
            );
        }
        assert_eq!(check(None, Method::GET, &[]), "Host");
    }

    #[test]
    fn a_token_is_asked_for_in_both_forms() {
        let token = "0123456789abcdef0123";
        let basic = format!("Basic {}", STANDARD.encode(format!("me:{token}")));
        let wrong = format!("Basic {}", STANDARD.encode(format!("{token}:x")));
        let bearer = format!("Bearer {token}");
        let longer = format!("Bearer {token}0");
        for (given, expected) in [
            (basic.as_str(), "passes"),
            (bearer.as_str(), "passes"),
            (wrong.as_str(), "Token"),
            (longer.as_str(), "Token"),
            ("Bearer ", "Token"),
            ("Basic ?", "Token"),
            (token, "Token"),
        ] {
            let headers = [("authorization", given), ("host", "forwarder.example")];
            assert_eq!(
                check(Some(token), Method::GET, &headers),
                expected,
                "{given}"
            );
        }
        let found = check(Some(token), Method::GET, &[("host", "localhost")]);
        assert_eq!(found, "Token");
    }

    #[test]
    fn no_foreign_page_can_ask_or_change_anything() {
        let host = ("host", "localhost:9090");
        let json = ("content-type", "application/json; charset=utf-8");
        let foreign = ("sec-fetch-site", "cross-site");
        let check = |method, headers: &[_]| check(None, method, headers);
        assert_eq!(check(Method::GET, &[host, foreign]), "Origin");
        let visit = ("sec-fetch-mode", "navigate");
        assert_eq!(check(Method::GET, &[host, foreign, visit]), "passes");
        assert_eq!(check(Method::PUT, &[host, foreign, visit, json]), "Origin");
        assert_eq!(check(Method::PUT, &[host, json]), "passes");
        assert_eq!(check(Method::PUT, &[host]), "Kind");
        let form = ("content-type", "text/plain");
        assert_eq!(check(Method::PUT, &[host, form]), "Kind");
        let other = ("origin", "http://localhost:8080");
        assert_eq!(check(Method::PUT, &[host, json, other]), "Origin");
        let own = ("origin", "http://localhost:9090");
        assert_eq!(check(Method::PUT, &[host, json, own]), "passes");
        let opaque = ("origin", "null");
        assert_eq!(check(Method::PUT, &[host, json, opaque]), "Origin");
    }
}
