//! `dead-letters`: look at what no endpoint took, send it again, delete it.

use std::sync::Arc;

use clap::Subcommand;

use super::ConfigFile;
use super::config::load;
use super::exit::Exit;
use super::failure::Failure;
use crate::app::outside::places;
use crate::config::Config;
use crate::deliver::dead_letter::DeadLetterArchive;

mod category;
mod filter;
mod list;
mod pretty;
mod purge;
mod remove;
mod replay;
mod show;
mod walk;

pub(super) use pretty::printable;

/// Arguments of `dead-letters`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List dead letters: when, of which sink and reason, and under which name.
    ///
    /// Never prints a record. What cannot be read is told on standard error and left as it is.
    List(list::Args),
    /// Show one dead letter: what is known of it, and the record.
    Show(show::Args),
    /// Send dead letters to their sink again, or to another one.
    ///
    /// Without names and filters all of them are sent. They travel as they would have at first: in
    /// batches, in the format and with the headers of the sink. What the sink accepts is removed,
    /// after it was accepted; everything else stays. The command can be interrupted and run again:
    /// at worst a record is delivered twice.
    ///
    /// A batch that is refused for its data (400, 413, 422) is halved down to the record that is
    /// meant, which stays. A sink that does not answer, or asks to wait, is tried again until
    /// --timeout has passed without success.
    ///
    /// Exit code 0 when everything that was meant is accepted and removed, 1 when something stays,
    /// 69 or 77 when the store does not answer or refuses.
    Replay(replay::Args),
    /// Delete dead letters that were first seen before a time.
    ///
    /// Says how many were deleted, for which reasons, and how large they were.
    Purge(purge::Args),
}

/// Does what was asked.
pub(super) async fn run(args: Args) -> Exit {
    let ended = match args.command {
        Command::List(args) => list::run(args).await,
        Command::Show(args) => show::run(args).await,
        Command::Replay(args) => replay::run(args).await,
        Command::Purge(args) => purge::run(args).await,
    };
    ended.unwrap_or_else(|failure| failure.report())
}

/// What the configuration names, ready to be asked.
struct Session {
    config: Config,
    store: Arc<dyn DeadLetterArchive>,
}

impl Session {
    /// Reads the configuration; connects to nothing yet.
    fn open(file: &ConfigFile) -> Result<Self, Failure> {
        let loaded = load(file).map_err(|problems| Failure::from(&problems))?;
        let client_id = std::env::var("AZURE_CLIENT_ID").ok();
        let store = places::dead_letters(&loaded.config, client_id.as_deref())?;
        Ok(Self {
            config: loaded.config,
            store,
        })
    }
}

/// A size as people read it.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_240_000 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / (1024 * 1024)),
    }
}

/// A number and what it counts.
fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
