//! What to do about a certificate that was refused.

pub(crate) mod certificate;

/// How rustls begins every refusal of a peer's certificate.
const REFUSAL: &str = "invalid peer certificate";

/// What to do about an authority that is not known.
const UNTRUSTED: &str = "its authority is not trusted here: add the authority's certificate to the \
                         system's, or to the file that SSL_CERT_FILE names in their place";

/// One sentence that names the cause and what to do, if these words of a library are about a
/// certificate that was refused.
///
/// The libraries wrap the refusal in ways of their own, and some of them pass on its words only;
/// a test with each of them holds the words to it. `own` names the key with authorities of its own
/// that the connection has, if any.
pub fn explain(words: &str, own: Option<&str>) -> Option<String> {
    let (_, cause) = words.split_once(REFUSAL)?;
    let cause = cause.trim_start_matches([':', ' ']);
    let says = |words: &[&str]| words.iter().any(|word| cause.contains(word));
    // A signature is wrong when an authority of the same name has another key.
    let advice = if says(&["UnknownIssuer", "BadSignature"]) {
        UNTRUSTED
    } else if says(&["Expired", "expired"]) {
        "it has expired, or the clock of this machine is wrong"
    } else if says(&["NotValidYet", "not valid yet"]) {
        "it is not valid yet, or the clock of this machine is wrong"
    } else if says(&["NotValidForName", "not valid for name"]) {
        "it is for another name: connect to a name that is in it"
    } else {
        "it cannot be trusted"
    };
    let own = own.filter(|_| advice == UNTRUSTED);
    let own = own.map(|own| format!(", or to {own}")).unwrap_or_default();
    Some(format!(
        "the certificate was refused ({}): {advice}{own}",
        first_words(cause)
    ))
}

/// The cause, without the long explanations that some of them have.
fn first_words(cause: &str) -> String {
    let end = cause.find([';', '(']).unwrap_or(cause.len());
    let short = cause.get(..end).unwrap_or_default().trim();
    short.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError::{Expired, NotValidForName, NotValidYet, Revoked, UnknownIssuer};

    use super::*;

    #[test]
    fn every_cause_has_its_advice() {
        let explained = |cause| {
            let error = std::io::Error::other(rustls::Error::InvalidCertificate(cause));
            explain(&format!("IO error: {error}"), None).unwrap()
        };
        assert!(explained(UnknownIssuer).contains("SSL_CERT_FILE"));
        assert!(explained(Expired).contains("it has expired"));
        assert!(explained(NotValidYet).contains("not valid yet"));
        assert!(explained(NotValidForName).contains("another name"));
        assert!(explained(Revoked).contains("cannot be trusted"));
        let words = "invalid peer certificate: UnknownIssuer";
        let explained = explain(words, Some("`tls.ca`")).unwrap();
        assert!(explained.ends_with(", or to `tls.ca`"), "{explained}");
        assert_eq!(explain("connection refused", None), None);
    }
}
