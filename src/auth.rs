//! Credentials of `azure_identity`, made from the configuration.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::ClientOptions;
use azure_identity::{
    AzureCliCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

use crate::config::{Cloud, CredentialConfig};

mod blob;
mod first_of;
mod http;

pub use blob::BlobCredential;
use first_of::FirstOf;

/// Variables by which a platform says that it has managed identities.
const IDENTITY_VARIABLES: [&str; 2] = ["IDENTITY_ENDPOINT", "MSI_ENDPOINT"];
/// Variable that says where tokens are asked for, whatever the cloud.
const AUTHORITY_VARIABLE: &str = "AZURE_AUTHORITY_HOST";
/// Variable by which a platform says that it has workload identities.
const WORKLOAD_VARIABLE: &str = "AZURE_FEDERATED_TOKEN_FILE";
/// Longest wait for one of several credentials: outside Azure, the address of the metadata
/// service may swallow packets.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);

/// Why a credential cannot be made. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A user-assigned identity is named in the wrong way.
    #[error(
        "client_id {0:?} is a resource id: give the identity's client id instead \
         (`az identity show --ids ... --query clientId`)"
    )]
    ResourceId(String),
    /// `azure_identity` refuses the settings.
    #[error("{kind}: {problem}")]
    Settings {
        /// Which credential.
        kind: &'static str,
        /// What `azure_identity` says of it.
        problem: String,
    },
}

/// Makes the credential that the configuration names; asks for no token yet.
///
/// `default_client_id` (the program passes `AZURE_CLIENT_ID`) is the user-assigned identity when
/// the configuration names none: `azure_identity` itself reads that variable for workload
/// identities only. `cloud` says where tokens are asked for, unless `AZURE_AUTHORITY_HOST` does.
///
/// # Errors
/// When the settings cannot be right. What the platform or the network lacks shows only when a
/// token is asked for.
pub fn credential(
    config: &CredentialConfig,
    default_client_id: Option<String>,
    cloud: Cloud,
) -> Result<Arc<dyn TokenCredential>, AuthError> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    build(config, default_client_id, &is_set, cloud)
}

fn build(
    config: &CredentialConfig,
    default_client_id: Option<String>,
    is_set: &dyn Fn(&str) -> bool,
    cloud: Cloud,
) -> Result<Arc<dyn TokenCredential>, AuthError> {
    let default_client_id = default_client_id.filter(|id| !id.is_empty());
    let login = || http::through_proxies(authority(cloud, is_set));
    match config {
        CredentialConfig::Auto { client_id } => {
            let client_id = client_id.clone().or(default_client_id);
            if is_set(WORKLOAD_VARIABLE) {
                return workload_identity(None, client_id, login());
            }
            let managed = managed_identity(client_id)?;
            if IDENTITY_VARIABLES.iter().any(|name| is_set(name)) {
                return Ok(managed);
            }
            Ok(Arc::new(FirstOf::new(
                vec![
                    ("managed identity (metadata service)", managed),
                    ("Azure CLI", azure_cli()?),
                ],
                ATTEMPT_MAX,
            )))
        }
        CredentialConfig::ManagedIdentity { client_id } => {
            managed_identity(client_id.clone().or(default_client_id))
        }
        CredentialConfig::WorkloadIdentity {
            tenant_id,
            client_id,
        } => workload_identity(
            tenant_id.clone(),
            client_id.clone().or(default_client_id),
            login(),
        ),
        CredentialConfig::ClientSecret {
            tenant_id,
            client_id,
            client_secret,
        } => {
            let secret = client_secret.expose().to_owned().into();
            let options = ClientSecretCredentialOptions {
                client_options: login(),
            };
            made(
                "client secret",
                ClientSecretCredential::new(tenant_id, client_id.clone(), secret, Some(options)),
            )
        }
        CredentialConfig::AzureCli => azure_cli(),
    }
}

/// Where tokens are asked for; `None` leaves it to `azure_identity`, which reads the variable.
fn authority(cloud: Cloud, is_set: &dyn Fn(&str) -> bool) -> Option<&'static str> {
    (!is_set(AUTHORITY_VARIABLE)).then(|| cloud.authority_host())
}

fn managed_identity(client_id: Option<String>) -> Result<Arc<dyn TokenCredential>, AuthError> {
    if let Some(id) = client_id.as_ref().filter(|id| id.contains('/')) {
        return Err(AuthError::ResourceId(id.clone()));
    }
    let options = ManagedIdentityCredentialOptions {
        user_assigned_id: client_id.map(UserAssignedId::ClientId),
        client_options: http::directly()?,
    };
    made(
        "managed identity",
        ManagedIdentityCredential::new(Some(options)),
    )
}

fn workload_identity(
    tenant_id: Option<String>,
    client_id: Option<String>,
    client_options: ClientOptions,
) -> Result<Arc<dyn TokenCredential>, AuthError> {
    let options = WorkloadIdentityCredentialOptions {
        tenant_id,
        client_id,
        credential_options: ClientAssertionCredentialOptions { client_options },
        ..Default::default()
    };
    made(
        "workload identity",
        WorkloadIdentityCredential::new(Some(options)),
    )
}

fn azure_cli() -> Result<Arc<dyn TokenCredential>, AuthError> {
    made("Azure CLI", AzureCliCredential::new(None))
}

fn made<C: TokenCredential + 'static>(
    kind: &'static str,
    credential: azure_core::Result<Arc<C>>,
) -> Result<Arc<dyn TokenCredential>, AuthError> {
    match credential {
        Ok(credential) => Ok(credential),
        Err(error) => Err(AuthError::Settings {
            kind,
            problem: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests;
