//! Destinations: what a sink can be, a file for each.
//!
//! A destination declares the keys of its own, and makes of them what the stages need: the endpoint,
//! its headers, and a [`Format`](crate::format::Format). To add one, copy `datadog.rs`, its page in
//! `docs/sinks/` and its tests in `tests/destinations/`, and name it in [`ALL`].

use crate::config::declare::{Section, View};
use crate::config::{RecordLimits, SinkConfig, SinkKind};

mod azure_blob;
mod azure_monitor;
mod coralogix;
mod datadog;
mod elasticsearch;
mod loki;
mod members;
mod name;
mod otlp;
mod presets;
mod shaped;
mod splunk_hec;

/// One kind of sink.
pub(crate) struct Destination {
    /// The word in `type`; that of its table of keys, too.
    pub(crate) name: &'static str,
    /// Its own keys; none of them is required, and none has a default, since every sink has them.
    pub(crate) section: Section,
    /// Keys below the sink that must be set: one of each row.
    pub(crate) needs: &'static [&'static [&'static str]],
    /// Whether its endpoint is known to take bodies in Zstandard.
    pub(crate) takes_zstd: bool,
    /// Whether records are sent as they are, as `encoding` and the keys beside it say.
    pub(crate) is_plain: bool,
    /// Fills in what follows from the keys. `None` when a key is wrong, which is reported before.
    pub(crate) complete: fn(&View<'_>, &mut SinkConfig) -> Option<()>,
}

/// The word for a sink that sends nothing.
pub(crate) const NULL: &str = "null";

/// The word for a sink that writes blobs, and posts to no URL.
pub(crate) const AZURE_BLOB: &str = "azure_blob";

/// All of them, in the order in which they are shown.
pub(crate) const ALL: &[Destination] = &[
    Destination {
        name: "http",
        section: NO_KEYS,
        needs: &[&["endpoint"]],
        takes_zstd: true,
        is_plain: true,
        complete: |_, _| Some(()),
    },
    Destination {
        name: NULL,
        section: NO_KEYS,
        needs: &[],
        takes_zstd: true,
        is_plain: true,
        complete: |_, sink| {
            sink.kind = SinkKind::Null;
            sink.record = RecordLimits::default();
            Some(())
        },
    },
    azure_blob::AZURE_BLOB,
    azure_monitor::AZURE_MONITOR,
    presets::destination(&presets::BETTER_STACK),
    coralogix::CORALOGIX,
    datadog::DATADOG,
    presets::destination(&presets::DYNATRACE),
    elasticsearch::ELASTICSEARCH,
    presets::destination(&presets::LOGZIO),
    loki::LOKI,
    presets::destination(&presets::NEW_RELIC),
    otlp::OTLP,
    splunk_hec::SPLUNK_HEC,
    presets::destination(&presets::SUMO_LOGIC),
    presets::destination(&presets::VICTORIA_LOGS),
];

/// The words in `type`.
#[expect(clippy::indexing_slicing, reason = "checked when it is compiled")]
pub(crate) static NAMES: [&str; ALL.len()] = {
    let mut names = [""; ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = ALL[index].name;
        index += 1;
    }
    names
};

const NO_KEYS: Section = Section {
    path: "",
    doc: "",
    keys: &[],
};

/// The destination of this word.
pub(crate) fn by_name(name: &str) -> Option<&'static Destination> {
    ALL.iter().find(|destination| destination.name == name)
}
