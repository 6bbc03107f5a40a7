//! `demo`: hub, forwarder and endpoint on this machine, and the proof that every record arrived.

mod report;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use super::ConfigFile;
use super::exit::Exit;
use super::looking::Looking;
use crate::app::outside::places;
use crate::app::{App, Ended};
use crate::config::Encoding;
use crate::demo::generator::Generator;
use crate::demo::producer::{Load, Producer, ProducerError};
use crate::demo::proof::Proof;
use crate::demo::sabotage::{Damage, Sabotage};
use crate::event_hub::runtime::AmqpRuntime;
use crate::telemetry::group;
use crate::telemetry::heartbeat::Heartbeat;
use crate::telemetry::status::Status;
use report::Report;
use setup::Stage;

/// How often progress is shown.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long records are produced.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) seconds: u64,
    /// Records produced per second.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) rate: u64,
    /// Partitions of the hub.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=32))]
    pub(super) partitions: u32,
    /// Records in one event.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub(super) records_per_event: u64,
    /// Seed of the records: the same seed makes the same ones.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Damage requests on their way, which must make the demo fail.
    #[arg(long = "break", value_name = "DAMAGE", conflicts_with_all = ["sink", "config"])]
    pub(super) damage: Option<Damage>,
    /// Send to this endpoint of yours instead: the fastest proof that an address and a key are
    /// right. What counts then is its answers.
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    pub(super) sink: Option<String>,
    /// A header for `--sink`, e.g. `Authorization: Bearer <key>`; may be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "sink")]
    pub(super) headers: Vec<String>,
    /// How records become a body for `--sink`.
    #[arg(long, value_enum, default_value = "ndjson", requires = "sink")]
    pub(super) encoding: EncodingArg,
    /// Address of the status page, or `off`.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub(super) admin: String,
    /// Seconds in which nothing moves, after the last record was produced, until it gives up.
    #[arg(long, hide = true, default_value_t = 30)]
    pub(super) patience: u64,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// How records become a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum EncodingArg {
    /// One record per line.
    Ndjson,
    /// One JSON array.
    JsonArray,
}

impl From<EncodingArg> for Encoding {
    fn from(encoding: EncodingArg) -> Self {
        match encoding {
            EncodingArg::Ndjson => Self::Ndjson,
            EncodingArg::JsonArray => Self::JsonArray,
        }
    }
}

/// Runs the demo; done when the books balance.
pub(super) async fn run(args: Args) -> Exit {
    let stage = match Stage::set(&args).await {
        Ok(stage) => stage,
        Err(failure) => {
            for sentence in &failure.sentences {
                eprintln!("error: {sentence}");
            }
            return failure.exit;
        }
    };
    match play(&args, stage).await {
        Ok(report) => {
            report.print();
            if report.balances() {
                Exit::Done
            } else {
                Exit::No
            }
        }
        Err(error) => {
            eprintln!("error: {error}");
            Exit::Internal
        }
    }
}

async fn play(args: &Args, stage: Stage) -> Result<Report, ProducerError> {
    let Stage {
        emulator,
        endpoint,
        proof,
        config,
        shown,
        outside,
        folder,
    } = stage;
    let (mut seams, hubs) = outside.split();
    let place = places::of_store(&config, None).ok();
    let groups = group::of(&config, &seams.sources, &seams.store, place);
    if let Some(damage) = args.damage {
        for transport in &mut seams.transports {
            *transport = Arc::new(Sabotage::new(Arc::clone(transport), damage));
        }
    }
    let amqp = AmqpRuntime::start()?;
    let store = Arc::clone(&seams.store);
    let mut app = App::start(&config, seams, "demo", Arc::new(Status::default()));
    let mut looking = Looking::start(&config, groups, shown, app.observer());
    looking.show().await;
    let heartbeat = Heartbeat::start(app.observer());
    let connection_string = emulator.connection_string(Some(setup::HUB));
    let generator = Generator::new(args.seed);
    let load = Load {
        records_per_second: args.rate,
        records_per_event: usize::try_from(args.records_per_event).unwrap_or(1),
        duration: Duration::from_secs(args.seconds),
        partitions: args.partitions,
    };
    let mut progress = report::Progress::new(load.duration);
    let (address, produced) = (emulator.address(), Arc::clone(&proof));
    let producing = amqp.run(async move {
        let producer = Producer::connect(&connection_string, address, generator, produced);
        producer.await?.run(load).await
    });
    tokio::pin!(producing);
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    loop {
        tokio::select! {
            biased;
            produced = &mut producing => break produced.unwrap_or(Err(ProducerError::Panicked))?,
            _ = ticks.tick() => progress.show(&app, &proof),
        }
    }
    let patience = Duration::from_secs(args.patience);
    let failed = wait_for_rest(&mut app, &proof, &mut progress, patience).await;
    progress.end();
    let mut report = Report::of(&app, &proof, endpoint.as_ref());
    if let Some(failed) = failed {
        report.remark(failed);
    }
    // Before the partitions are given up: the last lines show where each stands.
    heartbeat.stop().await;
    let ended = app.stop(Duration::from_secs(10)).await;
    if ended != Ended::Settled {
        report.remark(format!(
            "the forwarder did not settle everything: {ended:?}"
        ));
    }
    report.check_store(&emulator, store.as_ref(), &config).await;
    looking.stop().await;
    hubs.close().await;
    emulator.stop().await;
    drop(folder);
    Ok(report)
}

/// Waits until everything that was produced is received and settled, or nothing moves any more.
async fn wait_for_rest(
    app: &mut App,
    proof: &Proof,
    progress: &mut report::Progress,
    patience: Duration,
) -> Option<String> {
    let (mut last, mut still_since) = (None, tokio::time::Instant::now());
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let mut shown = tokio::time::Instant::now();
    loop {
        tokio::select! {
            biased;
            error = app.failed() => return Some(format!("the forwarder failed: {error}")),
            _ = ticks.tick() => {}
        }
        let (produced, _) = proof.progress();
        let balance = app.balance();
        let owed: u64 = balance.sinks.iter().map(|sink| sink.in_flight).sum();
        if balance.records >= produced && owed == 0 {
            return None;
        }
        if shown.elapsed() >= PROGRESS_INTERVAL {
            shown = tokio::time::Instant::now();
            progress.show(app, proof);
        }
        let now = Some((balance.records, owed));
        if last != now {
            (last, still_since) = (now, tokio::time::Instant::now());
        }
        if still_since.elapsed() > patience {
            let waiting = app.waiting();
            let reasons: Vec<_> = waiting
                .iter()
                .map(|(who, why)| format!("{who}: {why}"))
                .collect();
            return Some(format!(
                "nothing moved for {patience:?}; {}",
                reasons.join("; ")
            ));
        }
    }
}
