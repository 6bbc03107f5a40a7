//! What `tail`, `estimate` and `replay` have in common: hubs that are read beside their forwarder.

use std::time::Duration;

use super::ConfigFile;
use super::config::load;
use super::dead_letters::printable;
use super::exit::Exit;
use super::failure::Failure;
use crate::config::{CategoriesConfig, Config, Start};
use crate::event_hub::runtime::AmqpRuntime;
use crate::filter::Selection;
use crate::tools::{Gone, ToolsHub, Until, Window, windows};

/// How long a hub that stops to answer is asked again.
pub(super) const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// The same at the beginning, when somebody waits for the first line.
const BEGIN_PATIENCE: Duration = Duration::from_secs(15);
/// Longest category that is taken for one, as in the configuration.
const CATEGORY_MAX: usize = 256;

/// Which records are meant.
#[derive(Debug, clap::Args)]
pub(super) struct Meant {
    #[command(flatten)]
    pub(super) file: ConfigFile,

    /// Read this source; needed where there are several and one is meant.
    #[arg(long, value_name = "NAME")]
    pub(super) source: Option<String>,

    /// Read only this partition; may be given several times.
    #[arg(long, value_name = "ID")]
    pub(super) partition: Vec<String>,

    /// Only records of these categories (globs such as *SignInLogs, or `<none>`); may be given
    /// several times.
    #[arg(long, value_name = "GLOB", value_parser = category)]
    pub(super) category: Vec<String>,
}

fn category(text: &str) -> Result<String, String> {
    match text.len() {
        1..=CATEGORY_MAX => Ok(text.to_owned()),
        _ => Err("expected a category such as SignInLogs, or a glob such as *SignInLogs".into()),
    }
}

impl Meant {
    /// What is meant of the categories; `None` is all.
    pub(super) fn selection(&self) -> Option<Selection> {
        Selection::new(&CategoriesConfig {
            include: self.category.clone(),
            exclude: Vec::new(),
        })
    }
}

/// The configuration, and the thread that speaks to hubs.
pub(super) struct Session {
    pub(super) config: Config,
    pub(super) client_id: Option<String>,
    amqp: AmqpRuntime,
}

impl Session {
    /// Reads the configuration; connects to nothing yet.
    pub(super) fn open(file: &ConfigFile) -> Result<Self, Failure> {
        let loaded = load(file).map_err(|problems| Failure::from(&problems))?;
        let amqp = AmqpRuntime::start()
            .map_err(|error| Failure::new(Exit::Internal, format!("no thread: {error}")))?;
        Ok(Self {
            config: loaded.config,
            client_id: std::env::var("AZURE_CLIENT_ID").ok(),
            amqp,
        })
    }

    /// Reaches the hub of a source, or those of all.
    pub(super) async fn reach(&self, name: Option<&str>) -> Result<Vec<ToolsHub>, Failure> {
        let sources = &self.config.sources;
        if let Some(name) = name.filter(|name| !sources.contains_key(*name)) {
            let known: Vec<_> = sources.keys().map(String::as_str).collect();
            let known = known.join(", ");
            let sentence = format!("--source: there is no source `{name}` (there is {known})");
            return Err(Failure::new(Exit::Usage, printable(&sentence)));
        }
        let mut hubs = Vec::new();
        for source in sources {
            if name.is_none_or(|name| name == source.0) {
                let client_id = self.client_id.as_deref();
                let config = &self.config;
                let patience = BEGIN_PATIENCE;
                let hub = ToolsHub::reach(config, source, client_id, &self.amqp, patience).await;
                match hub {
                    Ok(hub) => hubs.push(hub),
                    Err(error) => {
                        close(hubs).await;
                        return Err(error.into());
                    }
                }
            }
        }
        Ok(hubs)
    }

    /// Largest event of a source.
    pub(super) fn event_bytes_max(&self, hub: &ToolsHub) -> u64 {
        let source = self.config.sources.get(&hub.name);
        source.map_or(1 << 20, |source| source.max_event_size)
    }
}

/// Closes the connections to hubs; close their readers first.
pub(super) async fn close(hubs: Vec<ToolsHub>) {
    futures::future::join_all(hubs.into_iter().map(ToolsHub::close)).await;
}

/// The windows of a hub in the partitions that are meant.
pub(super) async fn windows_of(
    hub: &ToolsHub,
    partitions: &[String],
    from: Start,
    until: Until,
) -> Result<Vec<Window>, Failure> {
    let partitions = hub.partitions(partitions)?;
    Ok(windows(hub, &partitions, from, until, BEGIN_PATIENCE).await?)
}

/// What of some windows the hub does not hold any more, as the end of a sentence; `None` when that is
/// nothing.
pub(super) fn gone(windows: &[Window]) -> Option<String> {
    let parts = windows.iter().filter_map(|window| {
        let partition = &window.partition;
        match window.gone {
            Gone::Nothing => None,
            Gone::Events(events) => Some(format!(
                "partition {partition} begins at sequence number {}, {events} events of the window \
                 before that are gone",
                window.first
            )),
            Gone::Perhaps(first) => Some(format!(
                "partition {partition} begins at sequence number {first}, within the window, and \
                 what was before that is gone"
            )),
        }
    });
    let parts: Vec<_> = parts.collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
