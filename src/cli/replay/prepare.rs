//! What is to be replayed, as the command line and the configuration say it.

use xxhash_rust::xxh3::xxh3_64;

use super::Args;
use crate::checkpoint::GroupKey;
use crate::cli::ConfigFile;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::moment::Place;
use crate::cli::sinks::known;
use crate::config::{self, Config, StoreConfig};
use crate::filter::Filter;
use crate::record::ReplayId;

/// What is to be replayed.
pub(super) struct Prepared {
    /// Name of the source.
    pub(super) source: String,
    pub(super) id: ReplayId,
    /// Where its positions are kept.
    pub(super) group: GroupKey,
    pub(super) filter: Filter,
    /// Per sink, in the order of the configuration, whether it is meant.
    pub(super) sinks: Vec<bool>,
    /// Their names.
    pub(super) names: Vec<String>,
    /// Whether a second run knows where the first one ended.
    pub(super) is_resumable: bool,
}

impl Prepared {
    pub(super) fn of(args: &Args, config: &Config) -> Result<Self, Failure> {
        for sink in &args.sink {
            known(config, "--sink", sink)?;
        }
        let source = source(args, config)?;
        let is_ordered = match (args.from, args.to) {
            (Place::Time(from), Place::Time(to)) => from < to,
            (Place::Sequence(from), Place::Sequence(to)) => from <= to,
            _ => true,
        };
        if !is_ordered {
            let sentence = format!("--from: {} is not before {}", args.from, args.to);
            return Err(Failure::new(Exit::Usage, sentence));
        }
        let is_meant = |name: &String| args.sink.is_empty() || args.sink.contains(name);
        let sinks: Vec<_> = config.sinks.keys().map(is_meant).collect();
        let names: Vec<_> = config.sinks.keys().filter(|it| is_meant(it)).collect();
        let names: Vec<_> = names.into_iter().cloned().collect();
        let hub = config
            .sources
            .get(&source)
            .ok_or_else(|| Failure::new(Exit::Internal, "a source lost its configuration"))?;
        // What another window, sink, filter, mark or category would make another replay of: no
        // position of that one may count for this one.
        let mut partitions = args.meant.partition.clone();
        let mut categories = args.meant.category.clone();
        partitions.sort();
        categories.sort();
        let filters: Vec<_> = config
            .sinks
            .iter()
            .map(|(name, sink)| (name, &sink.categories))
            .collect();
        let told = format!(
            "{}\n{}\n{names:?}\n{categories:?}\n{partitions:?}\n{filters:?}\n{:?}\n{}",
            args.from, args.to, config.unrouted, args.no_mark
        );
        let digest = format!("{:016x}", xxh3_64(told.as_bytes()));
        let (id, key) = match args.id {
            Some(id) => (id, format!("{id}-{digest}")),
            None => {
                let id = digest.parse::<ReplayId>();
                let id = id.map_err(|error| Failure::new(Exit::Internal, error))?;
                (id, digest)
            }
        };
        let group = format!("{}/replay/{key}", hub.consumer_group);
        Ok(Self {
            id,
            group: GroupKey::new(&hub.namespace, &hub.event_hub, &group),
            filter: Filter::new(config).narrowed(sinks.clone(), args.meant.selection()),
            sinks,
            names,
            is_resumable: config.checkpoints.store != StoreConfig::Memory,
            source,
        })
    }

    /// The configuration again, with sinks that mark what they send.
    pub(super) fn marked(&self, args: &Args) -> Result<Config, Failure> {
        let ConfigFile { config: path } = &args.meant.file;
        let environment = config::process_environment();
        let mark = (!args.no_mark).then_some(self.id);
        let loaded = config::read_file(path.as_deref(), &environment)
            .and_then(|text| config::load_for_replay(text, environment.clone(), mark));
        let loaded = loaded.map_err(|problems| Failure::from(&problems))?;
        Ok(loaded.config)
    }
}

/// The source that is meant: the only one, or that of the name.
fn source(args: &Args, config: &Config) -> Result<String, Failure> {
    let mut names = config.sources.keys();
    match (&args.meant.source, names.next(), names.next()) {
        // Whether it is known is asked where it is reached.
        (Some(name), ..) if config.sources.contains_key(name) => Ok(name.clone()),
        (None, Some(only), None) => Ok(only.clone()),
        (given, ..) => {
            let known: Vec<_> = config.sources.keys().map(String::as_str).collect();
            let known = known.join(", ");
            let sentence = match given {
                Some(_) => format!("--source: there is no such source (there is {known})"),
                None => format!("--source: say which of the sources is meant ({known})"),
            };
            Err(Failure::new(Exit::Usage, sentence))
        }
    }
}
