//! Credentials that are shared: when their certificates end, and the way to whoever gives tokens.

use std::collections::BTreeSet;

use super::address::Address;
use super::finding::{Log, Point};
use super::network::{self, Way};
use super::{Scope, Walks, expiry};
use crate::auth::{self, Issuer, Surroundings};
use crate::config::{
    Config, CredentialConfig, DeadLettersConfig, Secret, SinkAuth, SinkKind, SourceAccess,
    StoreConfig,
};
use crate::trust::certificate::Certificate;

/// Those with a certificate: its name, the certificate, and its password.
pub(super) fn with_certificates(
    config: &Config,
) -> impl Iterator<Item = (&String, &Secret, Option<&Secret>)> {
    config.credentials.iter().filter_map(|(name, credential)| {
        let CredentialConfig::ClientCertificate {
            certificate,
            password,
            ..
        } = credential
        else {
            return None;
        };
        Some((name, certificate, password.as_ref()))
    })
}

/// Somebody who may be asked for tokens.
pub(super) struct Asked {
    /// Who asks.
    pub(super) by: String,
    pub(super) issuer: Issuer,
    /// Whether it is the only one that is asked.
    is_sure: bool,
}

/// Whoever gives tokens for this configuration, with who asks.
pub(super) fn issuers(config: &Config) -> Vec<Asked> {
    let surroundings = Surroundings {
        client_id: None,
        cloud: auth::cloud(config.cloud),
    };
    let auto = CredentialConfig::Auto { client_id: None };
    let mut asked = Vec::new();
    for (who, by) in used(config) {
        let credential = by.and_then(|by| config.credentials.get(&by));
        let issuers = auth::issuers(credential.unwrap_or(&auto), &surroundings);
        let is_sure = issuers.len() == 1;
        asked.extend(issuers.into_iter().map(|issuer| Asked {
            by: who.clone(),
            issuer,
            is_sure,
        }));
    }
    asked
}

/// Who uses which credential; `None` is `auto`.
fn used(config: &Config) -> Vec<(String, Option<String>)> {
    let mut used = Vec::new();
    for (name, source) in &config.sources {
        let by = match &source.access {
            SourceAccess::ConnectionString(_) => continue,
            SourceAccess::Credential(by) => Some(by.clone()),
            SourceAccess::Auto => None,
        };
        used.push((format!("sources.{name}"), by));
    }
    let mut container = |who: String, url: &Secret, by: &Option<String>| {
        if !crate::checkpoint::blob::Container::is_signed(url) {
            used.push((who, by.clone()));
        }
    };
    if let StoreConfig::Blob {
        container_url,
        credential,
    } = &config.checkpoints.store
    {
        container("checkpoints".to_owned(), container_url, credential);
    }
    if let DeadLettersConfig::Blob {
        container_url,
        credential,
    } = &config.dead_letters
    {
        container("dead_letters".to_owned(), container_url, credential);
    }
    for (name, sink) in &config.sinks {
        if let SinkKind::Blob {
            container_url,
            credential,
        } = &sink.kind
        {
            container(format!("sinks.{name}"), container_url, credential);
        }
    }
    for (name, sink) in &config.sinks {
        if let SinkAuth::Entra { credential, .. } = &sink.connection.auth {
            used.push((format!("sinks.{name}"), credential.clone()));
        }
    }
    used
}

/// Adds the walks for what is in scope.
pub(super) fn look<'a>(config: &'a Config, scope: &Scope, logs: &'a [Log], walks: &mut Walks<'a>) {
    let log = |component: &str| {
        let log = logs.iter().find(|log| log.component() == component);
        log.filter(|log| scope.has(log.component()))
    };
    for (name, certificate, password) in with_certificates(config) {
        let Some(log) = log(&format!("credentials.{name}")) else {
            continue;
        };
        let Some(der) = auth::certificate_der(certificate, password) else {
            continue;
        };
        let place = format!("credentials.{name}.certificate");
        match Certificate::of_der(&der) {
            Some(certificate) => {
                expiry::report_certificate(log, &place, &certificate);
            }
            None => log.note(
                Point::Credential,
                "its certificate cannot be read",
                "look at it",
            ),
        }
    }
    let authorities: BTreeSet<Address> = issuers(config)
        .into_iter()
        // What `auto` only may ask need not be reached.
        .filter(|asked| asked.is_sure)
        .filter_map(|asked| match asked.issuer {
            Issuer::Entra(url) => Address::of_url(&url),
            Issuer::Platform(_) => None,
        })
        .collect();
    if let Some(log) = log("login") {
        for address in authorities {
            let walk = async move {
                if let Err(failed) = network::walk(log, &Way::to(address)).await {
                    let behind = match failed {
                        Point::Name => [Point::Tcp, Point::Tls].as_slice(),
                        Point::Tcp => [Point::Tls].as_slice(),
                        _ => &[],
                    };
                    log.skipped(behind, failed);
                }
            };
            walks.push((log, Box::pin(walk)));
        }
    }
}
