//! What fits together in how a sink is reached, and by whose right.

use super::{identity, is_clear};
use crate::config::build::{SIGNATURE_HEADER, key_encoding};
use crate::config::problem::Problem;
use crate::config::view::View;

/// The keys of `auth` beside its type.
const KEYS: [&str; 16] = [
    "token",
    "user",
    "password",
    "token_url",
    "client_id",
    "client_secret",
    "client_authentication",
    "scope",
    "audience",
    "parameters",
    "credential",
    "key",
    "key_encoding",
    "header",
    "encoding",
    "prefix",
];

/// Checks the connection of one sink. `sink` is its section, `auth` the one below it.
pub(super) fn check(
    sink: &View<'_>,
    auth: &View<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) {
    let kind = auth.word("type").unwrap_or("none");
    let (needs, allows): (&[&str], &[&str]) = match kind {
        "bearer" => (&["token"], &[]),
        "basic" => (&["user"], &["password"]),
        "oauth2" => (
            &["token_url", "client_id", "client_secret"],
            &["client_authentication", "scope", "audience", "parameters"],
        ),
        "entra" => (&["scope"], &["credential"]),
        "hmac" => (&["key"], &["key_encoding", "header", "encoding", "prefix"]),
        _ => (&[], &[]),
    };
    identity::check_keys(auth, kind, &KEYS, (needs, allows), problems);
    identity::check_reference(auth, problems);
    // Its endpoint takes the tokens of an identity, without a word about it.
    let kind = match (kind, sink.word("type")) {
        ("none", Some("azure_monitor")) => "entra",
        _ => kind,
    };
    check_headers(sink, auth, kind, problems);
    check_clear(sink, auth, kind, problems, warnings);
    if let Some(key) = auth.secret("key")
        && kind == "hmac"
        && key_encoding(sink).decode(&key).is_none()
    {
        problems.push(auth.problem(
            "key",
            "something else (not shown)",
            "a key that is written as key_encoding says",
        ));
    }
    for (one, other) in [
        ("tls.certificate", "tls.key"),
        ("tls.key", "tls.certificate"),
    ] {
        if sink.is_tried(one) && !sink.is_tried(other) {
            problems.push(sink.missing(other));
        }
    }
}

/// No header is set in two places.
fn check_headers(sink: &View<'_>, auth: &View<'_>, kind: &str, problems: &mut Vec<Problem>) {
    let by_auth = match kind {
        "bearer" | "basic" | "oauth2" | "entra" => Some("authorization".to_owned()),
        "hmac" => auth
            .text("header")
            .or_else(|| Some(SIGNATURE_HEADER.to_owned())),
        _ => None,
    };
    let by_id = sink.text("request_id_header");
    let expected = "a header of its own";
    let is_replaced = |name: &String| sink.is_tried(&format!("headers.{name}"));
    if kind == "hmac"
        && let Some(name @ ("content-type" | "off")) = by_auth.as_deref()
    {
        problems.push(auth.problem("header", format!("\"{name}\""), expected));
    } else if by_id.is_some()
        && (by_id == by_auth || by_id.as_deref() == Some("content-type"))
        && !by_id.as_ref().is_some_and(is_replaced)
    {
        problems.push(sink.problem(
            "request_id_header",
            "a header that is set to something else",
            format!("{expected}, or \"off\""),
        ));
    }
    for (name, setter) in [(&by_auth, "auth"), (&by_id, "request_id_header")] {
        let Some(name) = name else { continue };
        let key = format!("headers.{name}");
        if sink.is_tried(&key) {
            // The id has a default that nobody may have thought of: then the header is meant.
            if setter == "request_id_header" {
                continue;
            }
            let mut problem = sink.problem(
                &key,
                "a header that is set by auth as well",
                "it in one place",
            );
            problem.hint = Some("remove the header, or set auth.type to \"none\"".to_owned());
            problems.push(problem);
        }
    }
}

/// What must not travel without TLS, and what had better not.
fn check_clear(
    sink: &View<'_>,
    auth: &View<'_>,
    kind: &str,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) {
    let clear = |view: &View<'_>, key: &str| {
        let url = view.secret(key)?;
        let url = url::Url::parse(url.expose()).ok()?;
        is_clear(&url).then_some(())
    };
    if kind == "entra" && clear(sink, "endpoint").is_some() {
        problems.push(sink.problem(
            "endpoint",
            "a URL without https (not shown)",
            "https, since the identity's token is sent there",
        ));
    }
    if clear(auth, "token_url").is_some() {
        warnings.push(format!(
            "{} starts with http://: the client's secret travels unencrypted",
            auth.shown("token_url")
        ));
    }
}
