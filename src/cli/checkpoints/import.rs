//! `checkpoints import`.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::ValueEnum;
use futures::StreamExt;

use super::super::ConfigFile;
use super::super::config::print;
use super::super::exit::Exit;
use super::change::{self, Change};
use super::{Failure, Group, LOOKUPS_MAX, Session};
use crate::app::outside::places;
use crate::checkpoint::layouts::{self, FindError, Found, Layout, Place, StoredPosition, Whose};
use crate::config::Secret;
use crate::event_hub::{HubProperties, PartitionId};

mod decide;
mod shown;

use decide::{Row, decide};

/// Age from which the owner of another SDK is taken to be gone: the longest expiry that one of
/// them has by default (Python, 180 s).
const THEIR_EXPIRY: Duration = Duration::from_secs(180);

/// Arguments of `checkpoints import`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: ConfigFile,

    /// Where the other consumer keeps its positions: the URL of a blob container (with a
    /// shared-access signature, permissions `rl`, or with --from-credential), or a directory.
    /// Given by the variable, a signature is in no list of processes.
    #[arg(
        long,
        value_name = "URL|DIRECTORY",
        env = "ENTRA_FORWARDER_IMPORT_FROM",
        hide_env_values = true,
        value_parser = secret
    )]
    from: Secret,

    /// Credential of the configuration for that container. It needs the role "Storage Blob Data
    /// Reader" there.
    #[arg(long, value_name = "NAME")]
    from_credential: Option<String>,

    /// Consumer group of the other consumer; needed when there are positions of several.
    #[arg(long, value_name = "GROUP")]
    from_group: Option<String>,

    /// Namespace under which it knows the hub, when that is not the source's (an alias).
    #[arg(long, value_name = "HOST")]
    from_namespace: Option<String>,

    /// How the positions are laid out.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    layout: Choice,

    /// How far to go back in time, since a function's checkpoint can be ahead of what it
    /// delivered: the events of this time before the position are delivered once more. 15m is
    /// longer than any invocation on a consumption plan; 0s for a consumer that checkpoints after
    /// delivery, as Filebeat's processor v2 does.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = humantime::parse_duration)]
    rewind: Duration,

    /// The source; needed when there are several.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// Import although the other consumer is alive, and although a checkpoint of this program
    /// moves back.
    #[arg(long)]
    force: bool,

    /// Show what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

fn secret(text: &str) -> Result<Secret, &'static str> {
    if text.is_empty() {
        return Err("expected the URL of a container, or a directory");
    }
    Ok(Secret::new(text))
}

/// How positions are laid out.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Choice {
    /// Whichever is found, per partition; the current layout before the older ones.
    Auto,
    /// An Azure SDK's checkpoint store (.NET, JavaScript, Python, Go, Rust, Java), Filebeat v2.
    Sdk,
    /// The container `azure-webjobs-eventhub`: `sdk`, and where that is missing
    /// `functions-legacy`.
    Functions,
    /// JSON leases `<namespace>/<hub>/<group>/<partition>`: functions before extension 5, .NET's
    /// Event Processor Host.
    FunctionsLegacy,
    /// JSON leases `<group>/<partition>`: Logstash, Java's Event Processor Host.
    Logstash,
    /// JSON leases `<partition>` in a container per hub: Filebeat's processor v1.
    BeatsV1,
}

impl Choice {
    fn layouts(self) -> &'static [Layout] {
        match self {
            Self::Auto => &Layout::ALL,
            Self::Sdk => &[Layout::Sdk],
            Self::Functions => &[Layout::Sdk, Layout::FunctionsLegacy],
            Self::FunctionsLegacy => &[Layout::FunctionsLegacy],
            Self::Logstash => &[Layout::Logstash],
            Self::BeatsV1 => &[Layout::BeatsV1],
        }
    }
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let session = Session::open(&args.file)?;
    let place = places::from(
        &session.config,
        &args.from,
        args.from_credential.as_deref(),
        session.client_id.as_deref(),
    )
    // The command line is wrong, not the configuration.
    .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let group = session.group(args.source.as_deref())?;
    let ended = import(&group, &place, &args).await;
    drop(group);
    session.close().await;
    ended
}

async fn import(group: &Group<'_>, place: &Place, args: &Args) -> Result<Exit, Failure> {
    let hub = group.hub.hub_properties().await;
    let hub = hub.map_err(|error| group.hub_failure(&error))?;
    let found = find(group, place, args, &hub).await?;
    let same_group = found.group == group.config()?.consumer_group.to_lowercase();
    let ours = change::stored(group).await?;
    if same_group && is_our_own(group, place, &found) {
        return Err(Failure::new(
            Exit::No,
            "--from: these are the positions that this program goes on from by itself: nothing is \
             to be imported",
        ));
    }
    let mut live = group.owners().await?;
    live.retain(|owner| group.is_live(owner));
    let theirs_live: Vec<_> = found
        .holders
        .iter()
        .filter(|holder| holder.life.is_fresh(THEIR_EXPIRY))
        .collect();
    let mut refusals = change::owned(&live, "stop the forwarder first");
    if !theirs_live.is_empty() && (same_group || !args.force) {
        refusals.push(shown::alive(&theirs_live, same_group));
    }
    // A look-up would end the readers of this group.
    let may_look_up = live.is_empty() && (theirs_live.is_empty() || !same_group);
    let rows = rows(group, &hub, found, ours, may_look_up.then_some(args.rewind)).await?;
    print(&shown::table(&rows));
    for row in &rows {
        refusals.extend(row.refusal(args.force));
    }
    if !refusals.is_empty() {
        return Err(Failure {
            exit: Exit::No,
            sentences: refusals,
        });
    }
    let changes: Vec<Change> = rows.into_iter().filter_map(Row::into_change).collect();
    change::finish(group, hub.created_at, changes, args.dry_run).await
}

async fn find(
    group: &Group<'_>,
    place: &Place,
    args: &Args,
    hub: &HubProperties,
) -> Result<Found, Failure> {
    let config = group.config()?;
    let namespace = args.from_namespace.as_ref().unwrap_or(&config.namespace);
    let whose = Whose {
        namespace: namespace.clone(),
        event_hub: config.event_hub.clone(),
        group: args.from_group.clone(),
    };
    let layouts = args.layout.layouts();
    let found = match layouts::find(place, &whose, layouts, &hub.partitions).await {
        Ok(found) => found,
        Err(FindError::Store(error)) => return Err(Failure::of_store("--from", &error)),
        Err(FindError::SeveralGroups(groups)) => {
            let groups: Vec<_> = groups.into_iter().collect();
            let sentence = format!(
                "--from: there are positions of several consumer groups: say which with \
                 --from-group ({})",
                groups.join(", ")
            );
            return Err(Failure::new(Exit::Usage, sentence));
        }
    };
    if !found.positions.is_empty() {
        return Ok(found);
    }
    let names: Vec<_> = layouts.iter().map(|layout| layout.name()).collect();
    let mut sentence = format!(
        "{} holds no position of {namespace}/{} and consumer group {} in the layout {}",
        place.shown(),
        config.event_hub,
        found.group,
        names.join(" or ")
    );
    let groups: Vec<_> = found.groups.into_iter().collect();
    if !groups.is_empty() {
        let there = format!("; there are positions of the groups {}", groups.join(", "));
        sentence.push_str(&there);
    }
    Err(Failure::new(Exit::No, sentence))
}

/// Whether what was found is what this program would write over.
fn is_our_own(group: &Group<'_>, place: &Place, found: &Found) -> bool {
    let is_one_place = place.shown() == group.session.place.shown();
    let mut positions = found.positions.values();
    is_one_place && positions.any(|position| position.layout == Layout::Sdk)
}

/// Looks every position up in the hub, as far as it may be.
async fn rows(
    group: &Group<'_>,
    hub: &HubProperties,
    mut found: Found,
    mut ours: BTreeMap<PartitionId, StoredPosition>,
    rewind: Option<Duration>,
) -> Result<Vec<Row>, Failure> {
    let pairs: Vec<_> = hub
        .partitions
        .iter()
        .map(|id| (id.clone(), found.positions.remove(id), ours.remove(id)))
        .collect();
    let rows: Vec<_> = futures::stream::iter(pairs)
        .map(|(partition, theirs, ours)| decide(group, hub, (partition, theirs, ours), rewind))
        .buffered(LOOKUPS_MAX)
        .collect()
        .await;
    rows.into_iter().collect()
}
