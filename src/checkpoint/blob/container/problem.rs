//! What is wrong with a container's URL.

/// Why a container's URL cannot be used. Never says more of the URL than its host and path.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// The text is no URL.
    #[error(
        "the container URL is not a URL (expected https://<account>.blob.core.windows.net/<container>)"
    )]
    NotAUrl,
    /// It names an account only.
    #[error(
        "the container URL {0} names no container (expected https://<account>.blob.core.windows.net/<container>)"
    )]
    NoContainer(String),
    /// There is nothing to authenticate with.
    #[error("the container URL {0} carries no shared-access signature, and no credential is given")]
    NoCredential(String),
    /// There are two things to authenticate with.
    #[error(
        "the container URL {0} carries a shared-access signature, and a credential is given: remove one"
    )]
    TwoCredentials(String),
    /// A token must not travel in the clear.
    #[error("the container URL {0} must begin with https:// when a credential is used")]
    NotHttps(String),
    /// The client library refuses it.
    #[error("no client for the container URL {0}")]
    Client(String),
}
