//! `status`: whether everything arrives, at this replica and in the whole group.

use std::io::IsTerminal;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::ConfigFile;
use super::admin_client::{Client, Target};
use super::config::{load, print};
use super::exit::Exit;
use super::failure::Failure;
use crate::app::outside::{Outside, places};
use crate::config::Config;
use crate::event_hub::Timestamp;
use crate::telemetry::group::picture::Groups;
use crate::telemetry::group::{self, Group, Problem};
use crate::telemetry::snapshot::Snapshot;

mod text;

/// How long hub and store may take together.
const TIMEOUT: Duration = Duration::from_secs(45);

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: ConfigFile,

    #[command(flatten)]
    target: Target,

    /// Print JSON (fields: docs/status.md) instead of text.
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Serialize)]
struct Found {
    /// Whether everything arrives, as far as both know.
    is_well: bool,
    /// What the replica says of itself.
    replica: Option<Snapshot>,
    /// Why it says nothing; `None` also when it is not to be asked.
    replica_problem: Option<String>,
    /// What hub and store say of all.
    group: Option<Groups>,
    /// Why they say nothing.
    group_problem: Option<String>,
    /// Whether anything could be asked at all.
    #[serde(skip)]
    is_reached: bool,
    /// Whether the replica refuses to tell.
    #[serde(skip)]
    is_refused: bool,
}

/// Asks and prints.
pub(super) async fn run(args: Args) -> Exit {
    match ask(&args).await {
        Ok(found) => {
            let printed = match args.json {
                true => match serde_json::to_string_pretty(&found) {
                    Ok(json) => print(&format!("{json}\n")),
                    Err(_) => Exit::Internal,
                },
                false => print(&text::of(&found, std::io::stdout().is_terminal())),
            };
            match printed {
                Exit::Done if found.is_refused => Exit::NotPermitted,
                Exit::Done if !found.is_reached => Exit::Unavailable,
                Exit::Done if !found.is_well => Exit::No,
                _ => printed,
            }
        }
        Err(failure) => failure.report(),
    }
}

async fn ask(args: &Args) -> Result<Found, Failure> {
    let loaded = load(&args.file).map_err(|problems| Failure::from(&problems))?;
    let client = Client::new(&loaded.config.admin, &args.target)?;
    let replica = async {
        match &client {
            Some(client) => Some(client.status().await),
            None => None,
        }
    };
    let (replica, (mut group, mut group_problem, store_answered)) =
        tokio::join!(replica, ask_group(&loaded.config));
    let refusal = replica.as_ref().and_then(|it| it.as_ref().err());
    let is_refused = refusal.is_some_and(|it| it.exit == Exit::NotPermitted);
    let (replica, replica_problem) = match replica {
        Some(Ok(answer)) => {
            // The memory of the replica is its own to tell of.
            if group.is_none() && answer.group.is_some() {
                (group, group_problem) = (answer.group, None);
            }
            (Some(answer.snapshot), None)
        }
        Some(Err(failure)) => (None, Some(failure.sentences.join("; "))),
        None => (None, None),
    };
    let own = replica.as_ref().map(|it| it.verdict.is_well);
    let all = group.as_ref().map(|it| it.verdict.is_well);
    let is_well = replica_problem.is_none()
        && own.unwrap_or(true)
        && all.unwrap_or(own.is_some() && group_problem.is_none());
    Ok(Found {
        is_well,
        is_reached: replica.is_some() || store_answered,
        is_refused,
        replica,
        replica_problem,
        group,
        group_problem,
    })
}

/// The groups, or why there is nothing to tell; and whether the store has answered.
async fn ask_group(config: &Config) -> (Option<Groups>, Option<String>, bool) {
    let client_id = std::env::var("AZURE_CLIENT_ID").ok();
    let place = match places::of_store(config, client_id.as_deref()) {
        Ok(place) => place,
        Err(error) => return (None, Some(error.to_string()), false),
    };
    let (seams, hubs) = match Outside::reach(config, client_id.as_deref()) {
        Ok(outside) => outside.split(),
        Err(error) => return (None, Some(error.to_string()), false),
    };
    let groups = group::of(config, &seams.sources, &seams.store, Some(place));
    let looks = futures::future::join_all(groups.iter().map(Group::look));
    let looked = tokio::time::timeout(TIMEOUT, looks).await;
    hubs.close().await;
    let Ok(reports) = looked else {
        let seconds = TIMEOUT.as_secs();
        return (
            None,
            Some(format!(
                "hub and store have not answered within {seconds} s"
            )),
            false,
        );
    };
    let answered = |problems: &[Problem]| {
        let is_store = |it: &Problem| matches!(it, Problem::Store(_));
        !problems.iter().any(is_store)
    };
    let store_answered = reports.iter().any(|it| answered(&it.problems));
    let now = Timestamp::from(SystemTime::now());
    (Some(Groups::of(&reports, now)), None, store_answered)
}
