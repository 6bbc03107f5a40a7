//! What blob storage answers when it does not do as it is asked, and what follows from it.
//!
//! The library's own error texts repeat the request's URL, whose query is a signature, and the
//! service's explain how a signature is computed: none of it is passed on.

use std::error::Error as _;

use azure_core_blob::error::ErrorKind;

use super::StoreError;

/// Why a call failed.
pub(super) enum Failure {
    /// The container exists and has no such blob.
    NoBlob,
    /// Anything else.
    Final(StoreError),
}

impl Failure {
    /// What it means to a caller that needs the blob: one that must have a certain version and is
    /// not there at all was deleted meanwhile.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::NoBlob => StoreError::Conflict,
            Self::Final(error) => error,
        }
    }
}

/// Decides what an error of the client library means; `shown` is the container's URL without its
/// query.
pub(super) fn classify(error: &azure_core_blob::Error, shown: &str) -> Failure {
    let (status, code) = match error.kind() {
        ErrorKind::HttpResponse {
            status, error_code, ..
        } => (u16::from(*status), word(error_code.as_deref())),
        ErrorKind::Credential => {
            let problem = format!("no token for {shown}: {}", scrub(&error.to_string()));
            return Failure::Final(StoreError::Unauthorized(problem));
        }
        ErrorKind::DataConversion => {
            let problem = format!("the answer from {shown} is not one of blob storage");
            return Failure::Final(StoreError::Unavailable(problem));
        }
        _ => {
            let problem = format!("no answer from {shown}: {}", root_cause(error));
            return Failure::Final(StoreError::Unavailable(problem));
        }
    };
    Failure::Final(match (status, code) {
        (404, "BlobNotFound") => return Failure::NoBlob,
        (404, "ContainerNotFound") => StoreError::Unavailable(format!(
            "the container {shown} does not exist: create it (this program never does)"
        )),
        (412, "LeaseIdMissing") => StoreError::Unavailable(format!(
            "someone holds a lease on a blob of {shown}: break the lease"
        )),
        (409, "BlobAlreadyExists") | (412, _) => StoreError::Conflict,
        (401 | 403, code) => {
            StoreError::Unauthorized(format!("{status} {code} from {shown}: {}", advice(code)))
        }
        (429 | 503, code) => {
            StoreError::Unavailable(format!("{shown} throttles ({status} {code})"))
        }
        _ => StoreError::Unavailable(format!("{shown} answered {status} {code}")),
    })
}

/// What to do about a refusal.
fn advice(code: &str) -> &'static str {
    match code {
        "AuthorizationPermissionMismatch" | "InsufficientAccountPermissions" => {
            "give the identity the role `Storage Blob Data Contributor` on the container (a new \
             role takes some minutes), or the shared-access signature the permissions `racwl`"
        }
        "AuthorizationFailure" => {
            "the shared-access signature is wrong or expired, or the account's firewall does not \
             allow this network"
        }
        "AuthorizationSourceIPMismatch" => "the signature's address range does not allow this host",
        "AuthorizationProtocolMismatch" => "the signature allows https only",
        "KeyBasedAuthenticationNotPermitted" => {
            "the account refuses keys and their signatures: use a credential instead"
        }
        "InvalidAuthenticationInfo" | "NoAuthenticationInformation" => {
            "the token or signature is missing, malformed, or of another tenant"
        }
        _ => {
            "the shared-access signature or token is wrong, expired or not yet valid: issue a new \
             one (permissions `racwl`; or role `Storage Blob Data Contributor` on the container), \
             and check this machine's clock"
        }
    }
}

/// The service's word for an error, when it is one.
fn word(code: Option<&str>) -> &str {
    code.filter(|code| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric()))
        .unwrap_or("(no error code)")
}

/// The innermost cause: the outer ones repeat the URL.
fn root_cause(error: &azure_core_blob::Error) -> String {
    let mut cause = error.source();
    let mut text = "the request failed".to_owned();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    crate::trust::explain(&text, None).unwrap_or_else(|| scrub(&text))
}

/// Takes out whatever could be a URL's query.
fn scrub(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let query = word.contains("sig=") || (word.contains("://") && word.contains('?'));
        if query { "(url)" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_signature_passes() {
        let text = "error sending request for url (http://127.0.0.1:1/c?sv=1&sig=abc) x";
        assert_eq!(scrub(text), "error sending request for url (url) x");
        assert_eq!(word(Some("sig=abc&x")), "(no error code)");
    }
}
