//! Credentials of `azure_identity`, made from the configuration.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::ClientOptions;
use azure_identity::{
    AzureCliCredential, ClientAssertionCredential, ClientAssertionCredentialOptions,
    ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};

use crate::config::{Cloud, CredentialConfig};
use crate::event_hub::Timestamp;

mod auto;
mod blob;
mod certificate;
mod failure;
mod issuer;
mod noted;
mod transport;

use auto::{Auto, Candidate};
pub use blob::BlobCredential;
use certificate::CertificateAssertion;
pub(crate) use certificate::certificate_der;
pub(crate) use failure::{brief, is_unreachable, whole};
pub use issuer::{Issuer, issuers};
pub use noted::NotedCredential;
use transport::{Reach, client_options};

/// Variables by which a platform says that it has managed identities.
const IDENTITY_VARIABLES: [&str; 2] = ["IDENTITY_ENDPOINT", "MSI_ENDPOINT"];
/// Variable by which a platform says that it has workload identities.
const WORKLOAD_VARIABLE: &str = "AZURE_FEDERATED_TOKEN_FILE";
/// Variable that names the authority when no cloud is configured.
const AUTHORITY_VARIABLE: &str = "AZURE_AUTHORITY_HOST";
/// The authority of the public cloud.
const PUBLIC_AUTHORITY: &str = "https://login.microsoftonline.com";
/// Longest wait for one of several credentials: outside Azure, the address of the metadata
/// service may swallow packets. Whoever needs a token waits for 20 s.
const ATTEMPT_MAX: Duration = Duration::from_secs(8);

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

/// What stands around the configured credentials.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The user-assigned identity when the configuration names none (the program passes
    /// `AZURE_CLIENT_ID`): `azure_identity` itself reads that variable for workload identities only.
    pub client_id: Option<String>,
    /// The cloud whose authority gives the tokens. `None`: what `AZURE_AUTHORITY_HOST` says, else
    /// the public one.
    pub cloud: Option<Arc<CloudConfiguration>>,
}

/// The cloud for [`Surroundings`]. `AZURE_AUTHORITY_HOST`, where it is set, wins over it.
pub fn cloud(cloud: Cloud) -> Option<Arc<CloudConfiguration>> {
    let is_set = std::env::var_os(AUTHORITY_VARIABLE).is_some_and(|value| !value.is_empty());
    (!is_set).then(|| {
        let mut custom = CustomConfiguration::default();
        cloud
            .authority_host()
            .clone_into(&mut custom.authority_host);
        Arc::new(CloudConfiguration::Custom(custom))
    })
}

/// Makes the credential that the configuration names; asks for no token yet.
///
/// Its clones and all who use it share one cache of tokens.
///
/// # Errors
/// When the settings cannot be right. What the platform or the network lacks shows only when a
/// token is asked for.
pub fn credential(
    config: &CredentialConfig,
    surroundings: &Surroundings,
) -> Result<Arc<dyn TokenCredential>, AuthError> {
    build(config, surroundings, &|name| {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    })
}

/// When the certificate of a credential ends; `None` where there is none that can be read.
pub fn certificate_ends(config: &CredentialConfig) -> Option<Timestamp> {
    match config {
        CredentialConfig::ClientCertificate {
            certificate,
            password,
            ..
        } => certificate::ends(certificate, password.as_ref()),
        _ => None,
    }
}

fn build(
    config: &CredentialConfig,
    surroundings: &Surroundings,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Arc<dyn TokenCredential>, AuthError> {
    let or_default = |client_id: &Option<String>| {
        let default = surroundings.client_id.clone().filter(|id| !id.is_empty());
        client_id.clone().or(default)
    };
    let cloud = || surroundings.cloud.clone();
    match config {
        CredentialConfig::Auto { client_id } => auto(or_default(client_id), cloud(), variable),
        CredentialConfig::ManagedIdentity { client_id } => managed_identity(or_default(client_id)),
        CredentialConfig::WorkloadIdentity {
            tenant_id,
            client_id,
        } => workload_identity(tenant_id.clone(), or_default(client_id), cloud()),
        CredentialConfig::ClientSecret {
            tenant_id,
            client_id,
            client_secret,
        } => {
            let kind = "client secret";
            let options = ClientSecretCredentialOptions {
                client_options: options(kind, Reach::Entra, cloud())?,
            };
            let secret = client_secret.expose().to_owned().into();
            made(
                kind,
                ClientSecretCredential::new(tenant_id, client_id.clone(), secret, Some(options)),
            )
        }
        CredentialConfig::ClientCertificate {
            tenant_id,
            client_id,
            certificate,
            password,
        } => {
            let kind = "client certificate";
            let settings = |problem: String| AuthError::Settings { kind, problem };
            let authority = authority(surroundings.cloud.as_deref(), variable);
            let audience = format!("{authority}/{tenant_id}/oauth2/v2.0/token");
            let assertion = CertificateAssertion::new(
                certificate,
                password.as_ref(),
                audience,
                client_id.clone(),
            )
            .map_err(|error| settings(error.to_string()))?;
            let options = ClientAssertionCredentialOptions {
                client_options: options(kind, Reach::Entra, cloud())?,
            };
            let (tenant_id, client_id) = (tenant_id.clone(), client_id.clone());
            made(
                kind,
                ClientAssertionCredential::new(tenant_id, client_id, assertion, Some(options)),
            )
        }
        CredentialConfig::AzureCli => azure_cli(),
    }
}

/// What the platform says that it has; where it says nothing, what may be there all the same.
fn auto(
    client_id: Option<String>,
    cloud: Option<Arc<CloudConfiguration>>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Arc<dyn TokenCredential>, AuthError> {
    let one = |name, credential| vec![Candidate { name, credential }];
    let (candidates, skipped) = if variable(WORKLOAD_VARIABLE).is_some() {
        let credential = workload_identity(None, client_id, cloud)?;
        let name = "workload identity (AZURE_FEDERATED_TOKEN_FILE is set)";
        (one(name, credential), "")
    } else if IDENTITY_VARIABLES
        .iter()
        .any(|name| variable(name).is_some())
    {
        let name = "managed identity (IDENTITY_ENDPOINT or MSI_ENDPOINT is set)";
        (one(name, managed_identity(client_id)?), "")
    } else {
        let mut candidates = one(
            "managed identity (169.254.169.254)",
            managed_identity(client_id)?,
        );
        candidates.extend(one("Azure CLI", azure_cli()?));
        let skipped = "; no workload identity: AZURE_FEDERATED_TOKEN_FILE is not set";
        (candidates, skipped)
    };
    // With one candidate its own bounds hold.
    let attempt_max = match candidates.len() {
        1 => ATTEMPT_MAX * 3,
        _ => ATTEMPT_MAX,
    };
    Ok(Arc::new(Auto::new(candidates, skipped, attempt_max)))
}

fn managed_identity(client_id: Option<String>) -> Result<Arc<dyn TokenCredential>, AuthError> {
    if let Some(id) = client_id.as_ref().filter(|id| id.contains('/')) {
        return Err(AuthError::ResourceId(id.clone()));
    }
    let kind = "managed identity";
    let options = ManagedIdentityCredentialOptions {
        user_assigned_id: client_id.map(UserAssignedId::ClientId),
        client_options: options(kind, Reach::Platform, None)?,
    };
    made(kind, ManagedIdentityCredential::new(Some(options)))
}

fn workload_identity(
    tenant_id: Option<String>,
    client_id: Option<String>,
    cloud: Option<Arc<CloudConfiguration>>,
) -> Result<Arc<dyn TokenCredential>, AuthError> {
    let kind = "workload identity";
    let options = WorkloadIdentityCredentialOptions {
        tenant_id,
        client_id,
        credential_options: ClientAssertionCredentialOptions {
            client_options: options(kind, Reach::Entra, cloud)?,
        },
        ..Default::default()
    };
    made(kind, WorkloadIdentityCredential::new(Some(options)))
}

fn azure_cli() -> Result<Arc<dyn TokenCredential>, AuthError> {
    made("Azure CLI", AzureCliCredential::new(None))
}

/// The authority's URL, without a slash at its end; as `azure_identity` finds it, which keeps it
/// for itself.
fn authority(
    cloud: Option<&CloudConfiguration>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> String {
    let host = match cloud {
        Some(CloudConfiguration::AzureGovernment) => "https://login.microsoftonline.us".to_owned(),
        Some(CloudConfiguration::AzureChina) => "https://login.chinacloudapi.cn".to_owned(),
        Some(CloudConfiguration::Custom(custom)) => custom.authority_host.clone(),
        Some(_) => PUBLIC_AUTHORITY.to_owned(),
        None => variable(AUTHORITY_VARIABLE).unwrap_or_else(|| PUBLIC_AUTHORITY.to_owned()),
    };
    host.trim_end_matches('/').to_owned()
}

fn options(
    kind: &'static str,
    reach: Reach,
    cloud: Option<Arc<CloudConfiguration>>,
) -> Result<ClientOptions, AuthError> {
    client_options(reach, cloud).ok_or_else(|| AuthError::Settings {
        kind,
        problem: "no HTTP client can be made (are there CA certificates?)".to_owned(),
    })
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
