//! `dead-letters list`.

use serde_json::{Value, json};

use super::super::ConfigFile;
use super::super::config::print;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::table::{Table, or_dash};
use super::filter::Filter;
use super::pretty::printable;
use super::walk::{Letter, Walk, Wanted};
use super::{Session, size};
use crate::event_hub::Timestamp;

/// Rows of a table without `--limit`: a table is held in memory.
const ROWS: usize = 1_000;

/// Arguments of `dead-letters list`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: ConfigFile,

    #[command(flatten)]
    filter: Filter,

    /// Most that are listed [default: 1000, and everything with --json].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Print a line of JSON for each (fields: docs/dead-letters.md) instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let session = Session::open(&args.file)?;
    let limit = args.limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(if args.json { usize::MAX } else { ROWS });
    let is_filtered = !args.filter.is_empty();
    let mut walk = Walk::new(session.store.as_ref(), Wanted::Fitting(args.filter), false);
    let mut table = Table::uncut(&[
        "first seen",
        "source",
        "sink",
        "reason",
        "event",
        "size",
        "name",
    ]);
    let (mut count, mut has_more) = (0, false);
    'all: while let Some(object) = walk.next().await? {
        for letter in &object.letters {
            if count == limit {
                has_more = true;
                break 'all;
            }
            count += 1;
            match args.json {
                // A reader that went away wants no more.
                true if print(&format!("{}\n", json(letter))) != Exit::Done => break 'all,
                true => {}
                false => table.row(row(letter)),
            }
        }
    }
    for sentence in &walk.unreadable {
        eprintln!("warning: {}", printable(sentence));
    }
    if has_more && !args.json && args.limit.is_none() {
        eprintln!("there are more than {limit}: use --limit, --json, or filters");
    }
    Ok(match (args.json, count) {
        (true, _) => Exit::Done,
        (false, 0) if is_filtered => print("no dead letter fits\n"),
        (false, 0) => print("no dead letters\n"),
        (false, _) => print(&table.to_string()),
    })
}

fn row(letter: &Letter) -> Vec<String> {
    let facts = &letter.facts;
    let cells = [
        facts.first_seen.to_rfc3339(),
        facts.source.clone(),
        or_dash(facts.sink.as_ref()),
        facts.reason.clone(),
        format!(
            "{}/{}/{}",
            facts.partition,
            facts.sequence,
            or_dash(facts.index)
        ),
        size(facts.size),
        letter.address.clone(),
    ];
    cells.iter().map(|cell| printable(cell)).collect()
}

/// What is known of a letter, as JSON. The fields are part of the command's interface.
pub(super) fn json(letter: &Letter) -> Value {
    let facts = &letter.facts;
    json!({
        "name": letter.address,
        "id": facts.id,
        "source": facts.source,
        "sink": facts.sink,
        "reason": facts.reason,
        "answer": facts.answer,
        "namespace": facts.hub.as_ref().map(|hub| &hub.namespace),
        "event_hub": facts.hub.as_ref().map(|hub| &hub.event_hub),
        "partition": facts.partition.as_str(),
        "sequence": facts.sequence.0,
        "offset": facts.offset.as_ref().map(|offset| offset.as_str()),
        "index": facts.index,
        "enqueued_at": facts.enqueued_at.map(Timestamp::to_rfc3339),
        "first_seen": facts.first_seen.to_rfc3339(),
        "size": facts.size,
    })
}
