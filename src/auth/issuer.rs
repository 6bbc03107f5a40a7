//! Where credentials get their tokens.

use url::Url;

use super::{CredentialConfig, IDENTITY_VARIABLES, Surroundings, WORKLOAD_VARIABLE, authority};

/// The metadata service of a virtual machine
/// (<https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>).
const METADATA_SERVICE: &str = "http://169.254.169.254";

/// Who gives tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// Microsoft Entra, at this authority.
    Entra(Url),
    /// The platform, at an endpoint of this machine or its link.
    Platform(Url),
}

/// Whom a credential asks, as far as configuration and environment tell. Of `auto` all that it may
/// try.
pub fn issuers(config: &CredentialConfig, surroundings: &Surroundings) -> Vec<Issuer> {
    of(config, surroundings, &|name| {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    })
}

fn of(
    config: &CredentialConfig,
    surroundings: &Surroundings,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Vec<Issuer> {
    let entra = || {
        let url = authority(surroundings.cloud.as_deref(), variable);
        Url::parse(&url).ok().map(Issuer::Entra)
    };
    let platform = || {
        let mut told = IDENTITY_VARIABLES.iter();
        let told = told.find_map(|name| variable(name));
        let url = told.unwrap_or_else(|| METADATA_SERVICE.to_owned());
        Url::parse(&url).ok().map(Issuer::Platform)
    };
    let is_told = IDENTITY_VARIABLES
        .iter()
        .any(|name| variable(name).is_some());
    let issuers = match config {
        CredentialConfig::Auto { .. } if variable(WORKLOAD_VARIABLE).is_some() => [entra(), None],
        CredentialConfig::Auto { .. } if is_told => [platform(), None],
        // The Azure CLI asks for its tokens in a process of its own.
        CredentialConfig::Auto { .. } => [platform(), entra()],
        CredentialConfig::ManagedIdentity { .. } => [platform(), None],
        CredentialConfig::WorkloadIdentity { .. }
        | CredentialConfig::ClientSecret { .. }
        | CredentialConfig::ClientCertificate { .. }
        | CredentialConfig::AzureCli => [entra(), None],
    };
    issuers.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_asks_whom_the_platform_names() {
        let asked = |config: &CredentialConfig, set: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let issuers = of(config, &Surroundings::default(), &variable);
            let hosts = issuers.iter().map(|issuer| match issuer {
                Issuer::Entra(url) | Issuer::Platform(url) => url.host_str().unwrap().to_owned(),
            });
            hosts.collect::<Vec<_>>().join(" ")
        };
        let auto = CredentialConfig::Auto { client_id: None };
        let login = "login.microsoftonline.com";
        assert_eq!(asked(&auto, &[]), format!("169.254.169.254 {login}"));
        assert_eq!(asked(&auto, &[(WORKLOAD_VARIABLE, "/token")]), login);
        let told = [("IDENTITY_ENDPOINT", "http://localhost:42356/msi/token")];
        assert_eq!(asked(&auto, &told), "localhost");
        let other = [("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/")];
        let cli = CredentialConfig::AzureCli;
        assert_eq!(asked(&cli, &other), "login.microsoftonline.us");
    }
}
