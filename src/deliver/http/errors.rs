//! Failures of the HTTP client in words that hold no secret, and nothing that a peer has chosen.

use super::TransportError;
use crate::trust;

/// Longest text of a cause.
const WORDS_MAX: usize = 200;

/// What a failed request means.
pub(super) fn transport_error(error: &reqwest::Error) -> TransportError {
    if error.is_timeout() {
        TransportError::Timeout
    } else if error.is_connect() {
        refused_by_proxy(text_of(error))
    } else {
        TransportError::Broken(text_of(error))
    }
}

/// What a proxy says to CONNECT. A 407 is for somebody to mend; of any other status only that it was
/// not 200 is known, and it may mean no more than that the endpoint is away.
fn refused_by_proxy(words: String) -> TransportError {
    match words.strip_prefix("tunnel error: ") {
        Some("proxy authorization required") => TransportError::Refused(
            "status 407 (a proxy asks for credentials: check `proxy`)".to_owned(),
        ),
        Some("unsuccessful") => TransportError::Connect(
            "the proxy does not let it through, or does not reach the endpoint (check `proxy`)"
                .to_owned(),
        ),
        _ => TransportError::Connect(words),
    }
}

/// The innermost cause of a sink's failure.
pub(super) fn text_of(error: &reqwest::Error) -> String {
    words_of(error, "the sink's `tls.ca`")
}

/// The innermost cause: the outer ones repeat the URL, which may hold a secret. `own_ca` is where
/// one sets authorities for this connection.
pub(crate) fn words_of(error: &reqwest::Error, own_ca: &str) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    if std::ptr::addr_eq(std::ptr::from_ref(cause), std::ptr::from_ref(error)) {
        // No cause behind it: say its kind, never its URL.
        return if error.is_builder() {
            "invalid request"
        } else {
            "request failed"
        }
        .to_owned();
    }
    let words = cause.to_string();
    trust::explain(&words, Some(own_ca)).unwrap_or_else(|| own_words(&words))
}

/// Without what the peer has said: h2 puts the debug data of a GOAWAY behind its own words, as a
/// byte string in parentheses.
fn own_words(words: &str) -> String {
    let own = words.split_once(" (b\"").map_or(words, |(own, _)| own);
    own.chars().take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_peer_are_cut_off() {
        let words = "connection error received: not a result of an error (b\"MARK (b\\\"x\")";
        assert_eq!(
            own_words(words),
            "connection error received: not a result of an error"
        );
        let words = "Connection refused (os error 111)";
        assert_eq!(own_words(words), words);
        assert_eq!(own_words(&"x".repeat(1_000)).len(), WORDS_MAX);
    }
}
