//! `estimate`: how much there is to forward, and to where.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::config::print;
use super::exit::Exit;
use super::failure::Failure;
use super::interrupt::interrupted;
use super::moment::{ago, duration, moment};
use super::progress::Progress;
use super::tools::{Meant, PATIENCE, Session, close, gone, windows_of};
use crate::config::Start;
use crate::event_hub::Timestamp;
use crate::record::HubName;
use crate::tools::{Reader, ToolsHub, Until, Wanted};

mod count;
mod measure;
mod report;

use count::Estimate;

/// Arguments of `estimate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    meant: Meant,

    /// Read what came in so long before now.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
    last: Duration,

    /// Read from this time on instead: RFC 3339, or how long ago.
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "last")]
    from: Option<Timestamp>,

    /// Read up to this time instead of to the present.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,

    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// Does what was asked.
pub(super) async fn run(args: Args) -> Exit {
    let ended = estimate(args).await;
    ended.unwrap_or_else(|failure| failure.report())
}

async fn estimate(args: Args) -> Result<Exit, Failure> {
    let now = Timestamp::from(SystemTime::now());
    let (from, to) = (args.from.unwrap_or_else(|| ago(args.last)), args.to);
    if from >= to.unwrap_or(now) {
        let sentence = format!("--from: {from} is not before {}", to.unwrap_or(now));
        return Err(Failure::new(Exit::Usage, sentence));
    }
    let session = Session::open(&args.meant.file)?;
    let stop = CancellationToken::new();
    let reading = async {
        let hubs = session.reach(args.meant.source.as_deref()).await?;
        let span = (from, to.unwrap_or(now));
        let read = tokio::select! {
            biased;
            () = stop.cancelled() => Err(Failure::new(Exit::No, "stopped by a signal")),
            read = read(&session, &hubs, &args, span) => read,
        };
        close(hubs).await;
        read
    };
    let estimate = tokio::select! {
        biased;
        read = reading => read?,
        () = interrupted(stop.clone()) => return Ok(Exit::Interrupted),
    };
    Ok(print(&match args.json {
        true => format!("{:#}\n", report::json(&estimate)),
        false => report::tables(&estimate),
    }))
}

/// Reads and counts everything.
async fn read(
    session: &Session,
    hubs: &[ToolsHub],
    args: &Args,
    (from, to): (Timestamp, Timestamp),
) -> Result<Estimate, Failure> {
    let mut estimate = Estimate::new(&session.config, args.meant.selection(), (from, to));
    let until = args.to.map_or(Until::End, Until::Time);
    let mut wanted = Vec::new();
    for hub in hubs {
        let windows = windows_of(hub, &args.meant.partition, Start::Time(from), until).await?;
        let gone = gone(&windows).map(|gone| format!("sources.{}: {gone}", hub.name));
        estimate.gone.extend(gone);
        wanted.push(Wanted {
            hub,
            windows,
            event_bytes_max: session.event_bytes_max(hub),
        });
    }
    let windows = wanted.iter().flat_map(|it| &it.windows);
    let total = windows.filter_map(|it| it.events()).sum();
    let names = hubs.iter().map(|hub| session.config.sources.get(&hub.name));
    let names: Vec<_> = names
        .map(|source| {
            let names = source.map(|it| HubName::new(&it.namespace, &it.event_hub));
            Arc::new(names.unwrap_or_else(|| HubName::new("", "")))
        })
        .collect();
    let mut reader = Reader::open(&wanted, PATIENCE)?;
    let mut progress = Progress::of("estimate", total);
    let counted = async {
        while let Some(read) = reader.next().await {
            let read = read?;
            if let Some(name) = names.get(read.hub) {
                estimate.event(Arc::clone(name), read).await?;
            }
            progress.at(estimate.events, String::new);
        }
        estimate.finish().await
    }
    .await;
    progress.end();
    estimate.passed = reader.passed();
    reader.close().await;
    counted.map(|()| estimate)
}
