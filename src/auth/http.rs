//! How the identity services are reached.

use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::http::{ClientOptions, Transport};

use super::AuthError;

/// Longest wait for a connection to the identity endpoint.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Longest wait for its answer, the connection included.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// For Microsoft Entra ID: through the proxies of the environment. `authority` is the URL at which
/// tokens are asked for, or `None` for what `azure_identity` takes.
pub(super) fn through_proxies(authority: Option<&str>) -> ClientOptions {
    ClientOptions {
        cloud: authority.map(|authority| {
            let mut custom = CustomConfiguration::default();
            authority.clone_into(&mut custom.authority_host);
            Arc::new(CloudConfiguration::Custom(custom))
        }),
        ..Default::default()
    }
}

/// For managed identities: never through a proxy, which cannot reach the identity endpoint of
/// this machine, or would reach its own.
pub(super) fn directly() -> Result<ClientOptions, AuthError> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_MAX)
        .timeout(ANSWER_MAX)
        .build()
        .map_err(|error| AuthError::Settings {
            kind: "managed identity",
            problem: error.to_string(),
        })?;
    Ok(ClientOptions {
        transport: Some(Transport::new(Arc::new(client))),
        ..Default::default()
    })
}
