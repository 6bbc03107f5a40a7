//! Sets the stage of the demo: emulator, endpoint, store, and the configuration that joins them.

use std::sync::Arc;

use entra_forwarder_emulator::{Emulator, HubOptions, Options};

use super::Args;
use crate::app::outside::Outside;
use crate::cli::config::load;
use crate::cli::exit::Exit;
use crate::config::{self, Config, Encoding, FileText, Secret};
use crate::demo::endpoint::Endpoint;
use crate::demo::proof::Proof;

/// Name of the hub.
pub(super) const HUB: &str = "insights-logs-entra";
/// Name of the consumer group.
pub(super) const GROUP: &str = "entra-forwarder";
/// Name of the source in the configuration.
pub(super) const SOURCE: &str = "entra";

/// Everything that the demo needs, running.
pub(super) struct Stage {
    pub(super) emulator: Emulator,
    /// The checking endpoint; none when records go to the user's own.
    pub(super) endpoint: Option<Endpoint>,
    pub(super) proof: Arc<Proof>,
    pub(super) config: Config,
    /// The same as it may be shown.
    pub(super) shown: String,
    pub(super) outside: Outside,
    /// Holds the checkpoints; removed when dropped.
    pub(super) folder: tempfile::TempDir,
}

/// The stage cannot be set.
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) sentences: Vec<String>,
}

impl Failure {
    fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self {
            exit,
            sentences: vec![sentence.into()],
        }
    }
}

impl Stage {
    pub(super) async fn set(args: &Args) -> Result<Self, Failure> {
        let unavailable = |what: &str, error: &dyn std::fmt::Display| {
            Failure::new(Exit::Unavailable, format!("{what}: {error}"))
        };
        let proof = Arc::<Proof>::default();
        let emulator = Emulator::start(Options::default())
            .await
            .map_err(|error| unavailable("the emulator cannot start", &error))?;
        emulator
            .create_hub(HUB, HubOptions::new(args.partitions).group(GROUP))
            .map_err(|error| unavailable("the hub cannot be made", &error))?;
        let folder = tempfile::tempdir()
            .map_err(|error| unavailable("no folder for the checkpoints", &error))?;
        let is_own = args.sink.is_none() && args.file.config.is_none();
        let endpoint = if is_own {
            let started = Endpoint::start(Arc::clone(&proof)).await;
            Some(started.map_err(|error| unavailable("the endpoint cannot start", &error))?)
        } else {
            None
        };
        let url = match (&args.sink, &endpoint) {
            (Some(url), _) => url.clone(),
            (None, Some(endpoint)) => format!("http://{}/", endpoint.address),
            // Replaced by the sinks of the file.
            (None, None) => "http://127.0.0.1:1/".to_owned(),
        };
        let (mut config, mut shown) = own_config(args, &emulator, folder.path(), &url)?;
        if args.file.config.is_some() {
            let loaded = load(&args.file).map_err(|problems| Failure {
                exit: Exit::Configuration,
                sentences: problems.iter().map(ToString::to_string).collect(),
            })?;
            shown = loaded.effective.to_string();
            config.sinks = loaded.config.sinks;
            config.unrouted = loaded.config.unrouted;
        }
        let outside = Outside::reach(&config, None)
            .map_err(|error| Failure::new(Exit::Configuration, error.to_string()))?;
        Ok(Self {
            emulator,
            endpoint,
            proof,
            config,
            shown,
            outside,
            folder,
        })
    }
}

/// The configuration that a user would write for the emulator, an endpoint and a folder.
fn own_config(
    args: &Args,
    emulator: &Emulator,
    folder: &std::path::Path,
    url: &str,
) -> Result<(Config, String), Failure> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let text = format!(
        "[sources.{SOURCE}]\n\
         connection_string = {connection}\n\
         consumer_group = \"{GROUP}\"\n\
         retention = \"1day\"\n\
         [sinks.endpoint]\n\
         type = \"http\"\n\
         endpoint = {url}\n\
         batch.age = \"1s\"\n\
         [checkpoints]\n\
         store = \"directory\"\n\
         directory = {folder}\n\
         interval = \"1s\"\n\
         interval_max = \"1s\"\n\
         [health]\n\
         listen = \"off\"\n\
         [admin]\n\
         listen = {admin}\n",
        admin = quoted(&args.admin),
        connection = quoted(&emulator.connection_string(Some(HUB))),
        url = quoted(url),
        folder = quoted(&folder.to_string_lossy()),
    );
    let file = FileText {
        name: "the demo".to_owned(),
        text,
    };
    let loaded =
        config::load(Some(file), std::iter::empty::<(String, String)>()).map_err(|problems| {
            Failure {
                exit: Exit::Configuration,
                sentences: problems.iter().map(ToString::to_string).collect(),
            }
        })?;
    let (mut config, shown) = (loaded.config, loaded.effective.to_string());
    for sink in config.sinks.values_mut() {
        sink.encoding = Encoding::from(args.encoding);
        for header in &args.headers {
            let Some((name, value)) = header.split_once(':') else {
                let sentence = "--header: expected `Name: value`";
                return Err(Failure::new(Exit::Configuration, sentence));
            };
            sink.headers
                .insert(name.trim().to_owned(), Secret::new(value.trim()));
        }
    }
    Ok((config, shown))
}
