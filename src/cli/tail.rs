//! `tail`: records as they arrive.

use std::io::IsTerminal;

use clap::ValueEnum;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::failure::Failure;
use super::interrupt::interrupted;
use super::moment::start;
use super::tools::{Meant, PATIENCE, Session, close, windows_of};
use crate::config::Start;
use crate::record::Path;
use crate::tools::{Reader, ToolsHub, Until, Wanted};

mod output;
mod rows;

use output::Output;
use rows::{Column, Rows};

/// Arguments of `tail`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    meant: Meant,

    /// Where to begin in every partition: now, earliest, a time (2026-01-31T08:00:00Z), how long ago
    /// (15m, 3h), or a sequence number.
    #[arg(long, value_name = "PLACE", default_value = "now", value_parser = start)]
    from: Start,

    /// Show these fields: paths such as time,properties.status.errorCode.
    #[arg(long, value_name = "PATHS", value_delimiter = ',', value_parser = column)]
    fields: Vec<Column>,

    /// How to print: columns on a terminal and JSON elsewhere, unless it is said here.
    #[arg(long, value_name = "FORM")]
    output: Option<Form>,

    /// End after so many records.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// End behind the last event that is there now.
    #[arg(long)]
    no_follow: bool,
}

/// How records are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Columns.
    Columns,
    /// One JSON object per line: the record as it is forwarded, or its fields.
    Json,
}

fn column(path: &str) -> Result<Column, String> {
    let parsed = path.parse::<Path>().map_err(|error| error.to_string())?;
    Ok(Column::of(path, parsed))
}

/// Does what was asked.
pub(super) async fn run(args: Args) -> Exit {
    let ended = tail(args).await;
    ended.unwrap_or_else(|failure| failure.report())
}

async fn tail(args: Args) -> Result<Exit, Failure> {
    let session = Session::open(&args.meant.file)?;
    let is_columns = match args.output {
        Some(form) => form == Form::Columns,
        None => std::io::stdout().is_terminal(),
    };
    let expansion_max = session.config.limits.expansion_max;
    let rows = Rows::new(is_columns, args.fields.clone(), expansion_max);
    let mut output = Output::new(rows, args.meant.selection(), args.limit);
    let stop = CancellationToken::new();
    let showing = async {
        let hubs = session.reach(args.meant.source.as_deref()).await?;
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            ended = show(&session, &hubs, &args, &mut output) => ended,
        };
        close(hubs).await;
        ended
    };
    tokio::select! {
        biased;
        ended = showing => ended.map(|()| Exit::Done),
        // After a second signal nothing is closed any more.
        () = interrupted(stop.clone()) => Ok(Exit::Interrupted),
    }
}

/// Shows what comes from some hubs, until no more is wanted.
async fn show(
    session: &Session,
    hubs: &[ToolsHub],
    args: &Args,
    output: &mut Output,
) -> Result<(), Failure> {
    let until = match args.no_follow {
        true => Until::End,
        false => Until::Never,
    };
    let mut wanted = Vec::new();
    for hub in hubs {
        wanted.push(Wanted {
            hub,
            windows: windows_of(hub, &args.meant.partition, args.from, until).await?,
            event_bytes_max: session.event_bytes_max(hub),
        });
    }
    let mut reader = Reader::open(&wanted, PATIENCE)?;
    let ended = follow(session, hubs, &mut reader, output).await;
    reader.close().await;
    ended
}

async fn follow(
    session: &Session,
    hubs: &[ToolsHub],
    reader: &mut Reader,
    output: &mut Output,
) -> Result<(), Failure> {
    output.titles().await?;
    while !output.is_over() {
        let read = tokio::select! {
            biased;
            () = output::reader_gone() => return Ok(()),
            read = reader.next() => read,
        };
        let Some(read) = read.transpose()? else {
            return Ok(());
        };
        let source = hubs.get(read.hub).map(|hub| &hub.name);
        let source = source.and_then(|name| session.config.sources.get(name));
        if let Some(source) = source {
            output.event(source, read).await?;
        }
    }
    Ok(())
}
