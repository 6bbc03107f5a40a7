//! Azurite with TLS, which takes tokens of identities.

use reqwest::{Certificate, Client};
use tempfile::NamedTempFile;

use crate::azurite::{ACCOUNT, Azurite, make, start};
use crate::trust::Trust;

/// Starts one and makes a container; gives the container's URL beside it. A token is looked at for
/// audience, issuer and times, not for its signature.
pub(crate) async fn container(trust: &Trust) -> (Azurite, String) {
    let made = trust.certify("127.0.0.1");
    let file = |text: &str| {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    };
    let (certificate, key) = (file(&made.certificate), file(&made.key));
    let azurite = start(&[
        "--oauth",
        "basic",
        "--cert",
        &certificate.path().to_string_lossy(),
        "--key",
        &key.path().to_string_lossy(),
    ]);
    let url = format!("{}/{ACCOUNT}/tokens", azurite.address);
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(trust.pem().as_bytes()).unwrap()])
        .build()
        .unwrap();
    make(&client, &url).await;
    (azurite, url)
}
