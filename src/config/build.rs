//! Checked settings to [`Config`]. `None` means that a problem was reported before.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::kind::Typed;
use super::settings::Settings;
use super::view::View;
use super::{
    BatchConfig, CategoriesConfig, CheckpointsConfig, Cloud, Config, CredentialConfig,
    DeadLettersConfig, Encoding, HealthConfig, LimitsConfig, OnOld, OnOversize, OnStaleCheckpoint,
    OnUndecodable, OnUnparsable, OwnershipConfig, RateConfig, RecordLimits, RefusalsConfig,
    RetryConfig, Secret, SinkConfig, SinkKind, SourceAccess, SourceConfig, SourceTransport,
    StoreConfig, Unrouted,
};
use crate::compress::Compression;
use crate::destination;
use crate::format::Success;
use crate::record::ReplayId;

mod sink_connection;

pub(super) use sink_connection::{SIGNATURE_HEADER, key_encoding};

/// Builds the whole configuration.
pub(super) fn build(settings: &Settings, replay: Option<ReplayId>) -> Option<Config> {
    Some(Config {
        cloud: Cloud::of_word(View::new(settings, &[]).word("cloud")?),
        sources: named(settings, "sources", source)?,
        sinks: named(settings, "sinks", |view| sink(view, replay))?,
        unrouted: unrouted(&View::new(settings, &[])),
        credentials: named(settings, "credentials", credential)?,
        checkpoints: checkpoints(&View::new(settings, &["checkpoints"]))?,
        ownership: ownership(&View::new(settings, &["ownership"]))?,
        dead_letters: dead_letters(&View::new(settings, &["dead_letters"]))?,
        health: health(&View::new(settings, &["health"]))?,
        limits: limits(&View::new(settings, &["limits"]))?,
        shutdown_grace: View::new(settings, &[]).duration("shutdown_grace")?,
    })
}

fn named<T>(
    settings: &Settings,
    section: &str,
    build: impl Fn(&View<'_>) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    settings
        .names_in(section)
        .into_iter()
        .map(|name| {
            let built = build(&View::new(settings, &[section, &name]))?;
            Some((name, built))
        })
        .collect()
}

fn source(view: &View<'_>) -> Option<SourceConfig> {
    let access = match (view.secret("connection_string"), view.text("credential")) {
        (Some(text), _) => SourceAccess::ConnectionString(text),
        (None, Some(name)) => SourceAccess::Credential(name),
        (None, None) => SourceAccess::Auto,
    };
    let start = match view.setting("start")?.typed {
        Typed::Start(start) => start,
        _ => return None,
    };
    let start_partitions = view
        .below("start_partitions")
        .filter_map(|(id, setting)| match setting.typed {
            Typed::Start(start) => Some((id.to_owned(), start)),
            _ => None,
        });
    Some(SourceConfig {
        access,
        namespace: view.text("namespace")?,
        event_hub: view.text("event_hub")?,
        consumer_group: view.text("consumer_group")?,
        tools_consumer_group: view.text("tools_consumer_group"),
        transport: match view.word("transport")? {
            "websocket" => SourceTransport::WebSocket,
            _ => SourceTransport::Amqp,
        },
        custom_endpoint: view.text("custom_endpoint"),
        start,
        start_partitions: start_partitions.collect(),
        on_stale_checkpoint: match view.word("on_stale_checkpoint")? {
            "fail" => OnStaleCheckpoint::Fail,
            "earliest" => OnStaleCheckpoint::Earliest,
            "latest" => OnStaleCheckpoint::Latest,
            _ => OnStaleCheckpoint::Time,
        },
        stale_margin: view.duration("stale_margin")?,
        retention: view.duration("retention"),
        stall_timeout: view.duration("stall_timeout")?,
        max_event_size: view.bytes("max_event_size")?,
        on_undecodable: match view.word("on_undecodable")? {
            "skip" => OnUndecodable::Skip,
            _ => OnUndecodable::Stall,
        },
        on_unparsable: match view.word("on_unparsable")? {
            "dead_letter" => OnUnparsable::DeadLetter,
            _ => OnUnparsable::Wrap,
        },
    })
}

fn sink(view: &View<'_>, replay: Option<ReplayId>) -> Option<SinkConfig> {
    let destination = destination::by_name(view.word("type")?)?;
    let mut sink = SinkConfig {
        kind: SinkKind::Http,
        categories: CategoriesConfig {
            include: view.globs("include_categories"),
            exclude: view.globs("exclude_categories"),
        },
        endpoint: view.secret("endpoint").unwrap_or_else(|| Secret::new("")),
        path: None,
        format: None,
        encoding: match view.word("encoding")? {
            "json_array" => Encoding::JsonArray,
            _ => Encoding::Ndjson,
        },
        unwrap_office365: view.flag("unwrap_office365")?,
        prefix: view.text("prefix")?,
        suffix: view.text("suffix")?,
        headers: sink_connection::secrets(view, "headers"),
        connection: sink_connection::build(view)?,
        compression: compression(view)?,
        batch: BatchConfig {
            records: usize::try_from(view.integer("batch.records")?).ok()?,
            bytes: view.bytes("batch.bytes")?,
            compressed_bytes: view.bytes("batch.compressed_bytes"),
            age: view.duration("batch.age")?,
        },
        concurrency: usize::try_from(view.integer("concurrency")?).ok()?,
        connect_timeout: view.duration("connect_timeout")?,
        timeout: view.duration("timeout")?,
        retry: RetryConfig {
            initial: view.duration("retry.initial")?,
            max: view.duration("retry.max")?,
            retry_after_max: view.duration("retry.retry_after_max")?,
        },
        rate: RateConfig {
            requests_per_second: view.integer("rate.requests_per_second"),
            bytes_per_second: view.bytes("rate.bytes_per_second"),
            burst: view.duration("rate.burst")?,
        },
        success: Success {
            statuses: statuses(&view.text("success.statuses")?),
            body_contains: view.text("success.body_contains"),
            body_excludes: view.text("success.body_excludes"),
        },
        refusals: RefusalsConfig {
            max: view.integer("refusals_max")?,
            without_witness: view.flag("dead_letter_without_witness")?,
        },
        record: record_limits(view, replay)?,
    };
    (destination.complete)(view, &mut sink)?;
    // What the user sets was checked; a destination's own default gives way.
    let budget = view.whole().bytes("limits.memory_budget")?;
    sink.batch.bytes = sink.batch.bytes.min(budget / 16);
    Some(sink)
}

fn record_limits(view: &View<'_>, replay: Option<ReplayId>) -> Option<RecordLimits> {
    Some(RecordLimits {
        bytes: view.bytes("max_record_bytes"),
        on_oversize: match view.word("on_oversize")? {
            "truncate" => OnOversize::Truncate,
            _ => OnOversize::DeadLetter,
        },
        age: view.duration("max_record_age"),
        on_old: match view.word("on_old")? {
            "restamp" => OnOld::Restamp,
            _ => OnOld::DeadLetter,
        },
        replay,
    })
}

/// The statuses of a list that was checked.
fn statuses(list: &str) -> Vec<u16> {
    let statuses = list.split(',').map(|status| status.trim().parse());
    statuses.filter_map(Result::ok).collect()
}

fn compression(view: &View<'_>) -> Option<Compression> {
    Some(match view.word("compression")? {
        "zstd" => Compression::Zstd {
            level: u8::try_from(view.integer("zstd_level")?).ok()?,
        },
        "none" => Compression::None,
        _ => Compression::Gzip {
            level: u8::try_from(view.integer("gzip_level")?).ok()?,
        },
    })
}

fn unrouted(whole: &View<'_>) -> Option<Unrouted> {
    whole.text("unrouted").map(|name| match name.as_str() {
        "drop" => Unrouted::Drop,
        _ => Unrouted::Sink(name),
    })
}

fn credential(view: &View<'_>) -> Option<CredentialConfig> {
    let (tenant_id, client_id) = (view.text("tenant_id"), view.text("client_id"));
    Some(match view.word("type")? {
        "managed_identity" => CredentialConfig::ManagedIdentity { client_id },
        "workload_identity" => CredentialConfig::WorkloadIdentity {
            tenant_id,
            client_id,
        },
        "client_secret" => CredentialConfig::ClientSecret {
            tenant_id: tenant_id?,
            client_id: client_id?,
            client_secret: view.secret("client_secret")?,
        },
        "client_certificate" => CredentialConfig::ClientCertificate {
            tenant_id: tenant_id?,
            client_id: client_id?,
            certificate: view.secret("certificate")?,
            password: view.secret("certificate_password"),
        },
        "azure_cli" => CredentialConfig::AzureCli,
        _ => CredentialConfig::Auto { client_id },
    })
}

fn checkpoints(view: &View<'_>) -> Option<CheckpointsConfig> {
    let store = match view.word("store")? {
        "blob" => StoreConfig::Blob {
            container_url: view.secret("container_url")?,
            credential: view.text("credential"),
        },
        "directory" => StoreConfig::Directory {
            path: PathBuf::from(view.text("directory")?),
        },
        _ => StoreConfig::Memory,
    };
    Some(CheckpointsConfig {
        store,
        interval: view.duration("interval")?,
        interval_max: view.duration("interval_max")?,
        timeout: view.duration("timeout")?,
    })
}

fn ownership(view: &View<'_>) -> Option<OwnershipConfig> {
    Some(OwnershipConfig {
        balance_interval: view.duration("balance_interval")?,
        renew_interval: view.duration("renew_interval")?,
        expiry: view.duration("expiry")?,
        steal_after: view.duration("steal_after")?,
        give_up_after: view.duration("give_up_after")?,
    })
}

fn dead_letters(view: &View<'_>) -> Option<DeadLettersConfig> {
    Some(match view.word("store")? {
        "blob" => DeadLettersConfig::Blob {
            container_url: view.secret("container_url")?,
            credential: view.text("credential"),
        },
        "directory" => DeadLettersConfig::Directory {
            path: PathBuf::from(view.text("directory")?),
        },
        _ => DeadLettersConfig::Checkpoints,
    })
}

fn health(view: &View<'_>) -> Option<HealthConfig> {
    match view.setting("listen")?.typed {
        Typed::Listen(listen) => Some(HealthConfig { listen }),
        _ => None,
    }
}

fn limits(view: &View<'_>) -> Option<LimitsConfig> {
    Some(LimitsConfig {
        memory_budget: view.bytes("memory_budget")?,
        expansion_max: view.bytes("expansion_max")?,
        open_events_max: view.integer("open_events_max")?,
        uncommitted_max: view.integer("uncommitted_max")?,
    })
}
