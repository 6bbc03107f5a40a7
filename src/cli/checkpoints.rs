//! `checkpoints`: look at positions, set them, take over those of another program.

use clap::Subcommand;

use super::ConfigFile;
use super::config::load;
use super::exit::Exit;
use super::failure::Failure;
use super::table;
use crate::app::Seams;
use crate::app::outside::{Hubs, Outside, places};
use crate::checkpoint::Ownership;
use crate::checkpoint::layouts::Place;
use crate::config::{Config, SourceConfig};
use crate::event_hub::SourceError;
use crate::telemetry::group::{self, in_order};

mod change;
mod import;
mod set;
mod show;

/// Partitions that are looked up in the hub at the same time.
const LOOKUPS_MAX: usize = 8;

/// Arguments of `checkpoints`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show how far every partition is: owner, checkpoint, and what is behind it.
    ///
    /// Asks the hub by management calls only and reads no partition: nobody who does is disturbed.
    /// What is shown is the stored checkpoint, not what a running forwarder has in flight.
    ///
    /// Exit code 69 or 77 when the hub or the store cannot be asked: what is known is shown, and
    /// the answer is not whole.
    Show(show::Args),
    /// Set where reading goes on.
    ///
    /// Refuses while a live owner has the partition (exit code 1). The event before the one where
    /// reading is to go on is read once, to store its own offset: that attaches a receiver in the
    /// source's consumer group, which ends any other reader there.
    ///
    /// With --force nothing is attached, and offset -1 is stored where a live owner reads: this
    /// program goes on by the number, other SDKs would start at the beginning. A running forwarder
    /// sees the change when it stores its next checkpoint, gives the partition up, claims it again,
    /// and goes on at the new place; what it has in flight is still delivered.
    Set(set::Args),
    /// Take over the positions of a consumer that is being replaced.
    ///
    /// Shows per partition how far the other consumer is, how far this program is, and the events
    /// between; then writes where to go on, for every partition or for none.
    ///
    /// Refuses (exit code 1) while a forwarder owns a partition, while the other consumer is alive,
    /// and to move a checkpoint of this program back; --force overrides the last two.
    ///
    /// Positions are looked up in the hub with the source's own consumer group, which nobody may
    /// read with meanwhile. How to change over without a gap: docs/migrate/README.md.
    Import(Box<import::Args>),
}

/// Does what was asked.
pub(super) async fn run(args: Args) -> Exit {
    let ended = match args.command {
        Command::Show(args) => show::run(args).await,
        Command::Set(args) => set::run(args).await,
        Command::Import(args) => import::run(*args).await,
    };
    ended.unwrap_or_else(|failure| failure.report())
}

/// What the configuration names, ready to be asked.
struct Session {
    config: Config,
    client_id: Option<String>,
    seams: Seams,
    hubs: Hubs,
    /// Where the store keeps the positions.
    place: Place,
}

impl Session {
    /// Reads the configuration; connects to nothing yet.
    fn open(file: &ConfigFile) -> Result<Self, Failure> {
        let loaded = load(file).map_err(|problems| Failure::from(&problems))?;
        let client_id = std::env::var("AZURE_CLIENT_ID").ok();
        let place = places::of_store(&loaded.config, client_id.as_deref())?;
        let outside = Outside::reach(&loaded.config, client_id.as_deref())?;
        let (seams, hubs) = outside.split();
        Ok(Self {
            config: loaded.config,
            client_id,
            seams,
            hubs,
            place,
        })
    }

    /// All sources.
    fn groups(&self) -> Vec<Group<'_>> {
        let place = Some(self.place.clone());
        let groups = group::of(&self.config, &self.seams.sources, &self.seams.store, place);
        let group = |group| Group {
            group,
            session: self,
        };
        groups.into_iter().map(group).collect()
    }

    /// The source of this name; without a name, the only one.
    fn group(&self, name: Option<&str>) -> Result<Group<'_>, Failure> {
        let mut groups = self.groups();
        let names: Vec<_> = groups.iter().map(|group| group.name.clone()).collect();
        let wanted = match name {
            Some(name) => names
                .iter()
                .position(|known| known == name)
                .ok_or_else(|| {
                    let known = names.join(", ");
                    Failure::new(
                        Exit::Usage,
                        format!("--source: there is no source `{name}` (there is {known})"),
                    )
                })?,
            None if names.len() == 1 => 0,
            None => {
                let known = names.join(", ");
                let sentence = format!("--source: say which of the sources is meant ({known})");
                return Err(Failure::new(Exit::Usage, sentence));
            }
        };
        Ok(groups.swap_remove(wanted))
    }

    /// Closes the connections to the hubs.
    async fn close(self) {
        self.hubs.close().await;
    }
}

/// One source, and what is configured around it.
struct Group<'a> {
    group: group::Group,
    session: &'a Session,
}

impl std::ops::Deref for Group<'_> {
    type Target = group::Group;

    fn deref(&self) -> &group::Group {
        &self.group
    }
}

impl Group<'_> {
    fn config(&self) -> Result<&SourceConfig, Failure> {
        let config = self.session.config.sources.get(&self.name);
        config.ok_or_else(|| Failure::new(Exit::Internal, "a source lost its configuration"))
    }

    fn hub_failure(&self, error: &SourceError) -> Failure {
        Failure::of_hub(&self.name, error)
    }

    async fn owners(&self) -> Result<Vec<Ownership>, Failure> {
        let owners = self.store.list_owners(&self.key).await;
        owners.map_err(|error| Failure::of_store("checkpoints", &error))
    }
}

/// Partitions as a sentence names them.
fn listed(partitions: &[String]) -> String {
    match partitions {
        [one] => format!("partition {one}"),
        [] => "no partition".to_owned(),
        [rest @ .., last] => format!("partitions {} and {last}", rest.join(", ")),
    }
}
