//! Ready-made signatures end, and nobody renews them: says so before and after.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::config::connection_string::ConnectionString;
use crate::config::{Config, DeadLettersConfig, Secret, SinkKind, SourceAccess, StoreConfig};
use crate::destination;
use crate::event_hub::Timestamp;
use crate::telemetry::expiries::{Expiries, ExpiryKind};
use crate::telemetry::status::Status;

/// How long before its end a signature shows among what is waited for.
const NOTICE: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest time between two looks at the clock, which may be set.
const LOOK_MAX: Duration = Duration::from_secs(60 * 60);

/// A signature, and when it ends.
pub(crate) struct Signature {
    /// Path in the configuration.
    pub(crate) place: String,
    pub(crate) ends: Timestamp,
}

/// Notes in `expiries` and logs when each ready-made signature of the configuration ends, and tells
/// `status` from 24 hours before on. The tasks end by themselves when the signatures have; drop the
/// set to end them.
pub fn watch(config: &Config, status: &Arc<Status>, expiries: &Expiries) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for signature in signatures(config) {
        let Signature { place, ends } = &signature;
        expiries.note(ExpiryKind::Signature, place, *ends);
        tracing::info!(
            event = "signature_expires",
            place,
            ends_at = %ends,
            "the shared access signature in {place} ends at {ends}; nobody renews it"
        );
        tasks.spawn(tell(signature, Arc::clone(status)));
    }
    tasks
}

async fn tell(Signature { place, ends }: Signature, status: Arc<Status>) {
    let component = format!("signature of {place}");
    let wait_for = async |moment: SystemTime| {
        while let Ok(left) = moment.duration_since(SystemTime::now())
            && !left.is_zero()
        {
            sleep(left.min(LOOK_MAX)).await;
        }
    };
    let end = UNIX_EPOCH + Duration::from_millis(u64::try_from(ends.0).unwrap_or(0));
    wait_for(end.checked_sub(NOTICE).unwrap_or(UNIX_EPOCH)).await;
    if SystemTime::now() < end {
        let reason = format!("it ends at {ends}: put a new one into {place} before");
        status.waits(&component, &reason);
    }
    wait_for(end).await;
    let reason = format!("it ended at {ends}: put a new one into {place}");
    status.waits(&component, &reason);
}

/// Those of sources and stores that say when they end.
pub(crate) fn signatures(config: &Config) -> Vec<Signature> {
    let of_sources = config.sources.iter().filter_map(|(name, source)| {
        let SourceAccess::ConnectionString(text) = &source.access else {
            return None;
        };
        Some(Signature {
            place: format!("sources.{name}.connection_string"),
            ends: ConnectionString::parse(text.expose())
                .ok()?
                .signature_ends()?,
        })
    });
    let of_checkpoints = match &config.checkpoints.store {
        StoreConfig::Blob { container_url, .. } => Some(container_url),
        StoreConfig::Directory { .. } | StoreConfig::Memory => None,
    };
    let of_dead_letters = match &config.dead_letters {
        DeadLettersConfig::Blob { container_url, .. } => Some(container_url),
        DeadLettersConfig::Checkpoints | DeadLettersConfig::Directory { .. } => None,
    };
    let of_sinks = config.sinks.iter().filter_map(|(name, sink)| {
        let SinkKind::Blob { container_url, .. } = &sink.kind else {
            return None;
        };
        let section = destination::AZURE_BLOB;
        Some(Signature {
            place: format!("sinks.{name}.{section}.container_url"),
            ends: url_ends(container_url)?,
        })
    });
    let of_stores = [
        ("checkpoints.container_url", of_checkpoints),
        ("dead_letters.container_url", of_dead_letters),
    ];
    let of_stores = of_stores.into_iter().filter_map(|(place, url)| {
        Some(Signature {
            place: place.to_owned(),
            ends: url_ends(url?)?,
        })
    });
    of_sources.chain(of_stores).chain(of_sinks).collect()
}

/// The `se` of a signed URL, an RFC 3339 time or a date
/// (<https://learn.microsoft.com/rest/api/storageservices/create-service-sas>).
fn url_ends(url: &Secret) -> Option<Timestamp> {
    let url = url::Url::parse(url.expose()).ok()?;
    let (_, text) = url.query_pairs().find(|(name, _)| name == "se")?;
    Timestamp::parse_rfc3339(&text)
        .or_else(|| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{FileText, load};

    #[test]
    fn those_of_stores_and_archives_are_watched() {
        let text = r#"
            [sources.entra]
            connection_string = "Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=YWJj;EntityPath=logs"
            consumer_group = "forwarder"
            [sinks.siem]
            type = "http"
            endpoint = "https://siem.example.com"
            [sinks.archive]
            type = "azure_blob"
            [sinks.archive.azure_blob]
            container_url = "https://c.blob.core.windows.net/c?se=2030-01-03&sig=abc"
            [checkpoints]
            store = "blob"
            container_url = "https://a.blob.core.windows.net/c?se=2030-01-01&sig=abc"
            [dead_letters]
            store = "blob"
            container_url = "https://b.blob.core.windows.net/c?se=2030-01-02T03:04:05Z&sig=abc"
        "#;
        let file = FileText {
            name: "forwarder.toml".to_owned(),
            text: text.to_owned(),
        };
        let config = load(Some(file), []).unwrap().config;
        let found = signatures(&config).into_iter();
        let found: Vec<_> = found.map(|it| (it.place, it.ends.to_rfc3339())).collect();
        let expected = [
            ("checkpoints.container_url", "2030-01-01T00:00:00.000Z"),
            ("dead_letters.container_url", "2030-01-02T03:04:05.000Z"),
            (
                "sinks.archive.azure_blob.container_url",
                "2030-01-03T00:00:00.000Z",
            ),
        ];
        assert_eq!(
            found,
            expected.map(|(place, ends)| (place.to_owned(), ends.to_owned()))
        );
    }
}
