//! `tail`, `estimate` and `replay`, as processes of their own beside the forwarder's.

use bytes::Bytes;
use entra_forwarder_emulator::{Emulator, HubOptions, Options};

use crate::bag::Bag;
use crate::forwarder::{Forwarder, Settings};
use crate::hub::{GROUP, HUB, Hub};
use crate::scene::Scene;
use crate::told::{Told, told};

mod beside;
mod estimate;
mod mistakes;
mod replay;
mod tail;

/// The group that the commands read with.
const TOOLS: &str = "forwarder-tools";
const PARTITIONS: u32 = 2;

/// A scene whose hub has a group for the commands.
async fn scene() -> Scene {
    let hub = HubOptions::new(PARTITIONS).group(GROUP).group(TOOLS);
    scene_of(hub).await
}

async fn scene_of(hub: HubOptions) -> Scene {
    let options = Options {
        hubs: vec![(HUB.to_owned(), hub)],
        ..Options::default()
    };
    Scene::with(Hub::of(Emulator::start(options).await.unwrap()), PARTITIONS).await
}

/// A command that runs.
struct Running {
    forwarder: Forwarder,
    _file: tempfile::TempDir,
}

/// Starts a command with this configuration.
fn running(settings: &Settings, arguments: &[&str]) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forwarder.toml");
    std::fs::write(&file, settings.toml()).unwrap();
    let file = file.to_string_lossy();
    let arguments = [arguments, &["--config", &file]].concat();
    Running {
        forwarder: Forwarder::start(&arguments, Vec::new()),
        _file: folder,
    }
}

/// Attaches to the forwarder's own group so far.
fn attaches(scene: &Scene) -> usize {
    let log = scene.hub.emulator.attach_log();
    log.iter().filter(|attach| attach.group == GROUP).count()
}

/// Records without the mark of a replay; each must have it.
fn unmarked(taken: &Bag, id: &str) -> Bag {
    let mark = format!(",\"entra_forwarder_replay\":\"{id}\"}}");
    taken
        .all()
        .map(|record| {
            let text = std::str::from_utf8(&record).unwrap().to_owned();
            let plain = text.strip_suffix(mark.as_str());
            Bytes::from(format!("{}}}", plain.unwrap_or_else(|| panic!("{text}"))))
        })
        .collect()
}
