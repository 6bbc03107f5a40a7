//! The configuration of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use entra_forwarder::compress::Compression;
use entra_forwarder::config::{
    BatchConfig, CheckpointsConfig, Config, DeadLettersConfig, Encoding, HealthConfig,
    LimitsConfig, OnStaleCheckpoint, OnUndecodable, OnUnparsable, OwnershipConfig, RateConfig,
    RefusalsConfig, RetryConfig, Secret, SinkConfig, SinkConnection, SinkKind, SourceAccess,
    SourceConfig, Start, StoreConfig, Unrouted,
};

use super::operations::{Setup, SinkSetup, ms};

/// What the stages are told.
pub(crate) fn config(setup: &Setup) -> Config {
    let sinks = setup.sinks.iter().enumerate();
    Config {
        cloud: entra_forwarder::config::Cloud::Public,
        sources: BTreeMap::from([("hub".into(), source(setup))]),
        sinks: sinks
            .map(|(index, it)| (format!("sink{index}"), sink(index, it)))
            .collect(),
        unrouted: Some(match setup.rest {
            Some(sink) => Unrouted::Sink(format!("sink{sink}")),
            None => Unrouted::Drop,
        }),
        credentials: BTreeMap::new(),
        checkpoints: CheckpointsConfig {
            store: StoreConfig::Memory,
            interval: ms(setup.checkpoint_ms),
            interval_max: 6 * ms(setup.checkpoint_ms),
            timeout: Duration::from_secs(5),
        },
        ownership: OwnershipConfig {
            balance_interval: Duration::from_secs(2),
            renew_interval: Duration::from_secs(20),
            expiry: Duration::from_secs(60),
            steal_after: Duration::from_secs(60),
            give_up_after: Duration::from_secs(120),
        },
        dead_letters: DeadLettersConfig::Checkpoints,
        health: HealthConfig { listen: None },
        limits: LimitsConfig {
            memory_budget: setup.memory_budget,
            expansion_max: 1 << 20,
            open_events_max: setup.open_events_max,
            uncommitted_max: setup.uncommitted_max,
        },
        shutdown_grace: Duration::from_secs(25),
    }
}

fn source(setup: &Setup) -> SourceConfig {
    SourceConfig {
        access: SourceAccess::Credential("none".into()),
        namespace: "simulated.servicebus.windows.net".into(),
        event_hub: "hub".into(),
        consumer_group: "group".into(),
        tools_consumer_group: None,
        transport: entra_forwarder::config::SourceTransport::Amqp,
        custom_endpoint: None,
        start: if setup.starts_latest {
            Start::Latest
        } else {
            Start::Earliest
        },
        start_partitions: BTreeMap::new(),
        on_stale_checkpoint: OnStaleCheckpoint::Time,
        stale_margin: ms(setup.stale_margin_ms),
        retention: None,
        stall_timeout: Duration::from_secs(60),
        max_event_size: 1 << 20,
        on_undecodable: if setup.skips_undecodable {
            OnUndecodable::Skip
        } else {
            OnUndecodable::Stall
        },
        on_unparsable: match setup.buries_text {
            true => OnUnparsable::DeadLetter,
            false => OnUnparsable::Wrap,
        },
    }
}

fn sink(index: usize, setup: &SinkSetup) -> SinkConfig {
    let frame = setup.encoding == Encoding::Ndjson && index == 1;
    SinkConfig {
        kind: match setup.demands.is_null {
            true => SinkKind::Null,
            false => SinkKind::Http,
        },
        categories: setup.selection.config(),
        endpoint: Secret::new("https://simulated.example/"),
        encoding: setup.encoding,
        unwrap_office365: false,
        prefix: if frame {
            "<begin>".into()
        } else {
            String::new()
        },
        suffix: if frame { "<end>".into() } else { String::new() },
        headers: BTreeMap::new(),
        connection: SinkConnection::default(),
        compression: match index {
            0 => Compression::Gzip { level: 1 },
            1 => Compression::Zstd { level: 1 },
            _ => Compression::None,
        },
        batch: BatchConfig {
            records: setup.records,
            bytes: setup.bytes,
            compressed_bytes: setup.demands.compressed_bytes,
            age: ms(setup.age_ms),
        },
        concurrency: setup.concurrency,
        connect_timeout: Duration::from_secs(2),
        timeout: Duration::from_secs(8),
        retry: RetryConfig {
            initial: ms(200_u64),
            max: Duration::from_secs(5),
            retry_after_max: Duration::from_secs(20),
        },
        rate: RateConfig {
            requests_per_second: setup.demands.requests_per_second,
            bytes_per_second: setup.demands.bytes_per_second,
            burst: ms(setup.demands.burst_ms),
        },
        refusals: RefusalsConfig {
            max: setup.demands.refusals_max,
            without_witness: false,
        },
        ..SinkConfig::default()
    }
}

/// Whether a source waits before what it cannot decode.
pub(crate) fn stalls(source: &SourceConfig) -> bool {
    source.on_undecodable == OnUndecodable::Stall
}
