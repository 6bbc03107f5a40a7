//! Azurite with TLS, which takes tokens of identities.

use reqwest::{Certificate, Client};

use crate::authority::authority;
use crate::azurite::{ACCOUNT, Azurite, VERSION, account_signature, start};

/// Starts one and makes a container; gives the container's URL beside it. A token is looked at for
/// audience, issuer and times, not for its signature.
pub(crate) async fn container() -> (Azurite, String) {
    let authority = authority();
    let (certificate, key) = (authority.server_file(), authority.key_file());
    let azurite = start(&[
        "--oauth",
        "basic",
        "--cert",
        &certificate.to_string_lossy(),
        "--key",
        &key.to_string_lossy(),
    ]);
    let url = format!("{}/{ACCOUNT}/tokens", azurite.address);
    let ca = std::fs::read(authority.ca_file()).unwrap();
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(&ca).unwrap()])
        .build()
        .unwrap();
    let answer = client
        .put(format!("{url}?restype=container&{}", account_signature()))
        .header("x-ms-version", VERSION)
        .header("content-length", 0)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    (azurite, url)
}
