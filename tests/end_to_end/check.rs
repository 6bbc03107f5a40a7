//! `check`: every fault is named rightly, with its remedy and its exit code; what works is left as
//! it was.

use entra_forwarder_emulator::{Emulator, HubOptions, Options};
use serde_json::Value;

use crate::azurite::TestContainer;
use crate::forwarder::{Forwarder, Settings};
use crate::hub::{GROUP, HUB, Hub};
use crate::scene::Scene;

mod credentials;
mod faults;
mod healthy;
mod network;
mod stores;

/// How a check ended, and what it found.
pub(super) struct Checked {
    pub(super) code: Option<i32>,
    findings: Vec<Value>,
    pub(super) text: String,
}

/// One finding.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) outcome: String,
    pub(super) seen: String,
    pub(super) remedy: String,
}

impl Checked {
    /// What was found at these points, as `component point`; several of the same are several.
    pub(super) fn all(&self, component: &str, point: &str) -> Vec<Finding> {
        let found = self.findings.iter();
        let found = found.filter(|it| it["component"] == component && it["point"] == point);
        let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
        let found = found.map(|it| Finding {
            outcome: text(it, "outcome"),
            seen: text(it, "seen"),
            remedy: text(it, "remedy"),
        });
        found.collect()
    }

    /// The only one at a point.
    pub(super) fn at(&self, component: &str, point: &str) -> Finding {
        let mut found = self.all(component, point);
        assert_eq!(found.len(), 1, "{component} {point}: {}", self.text);
        found.remove(0)
    }

    /// The points that came out so, as `component point`.
    pub(super) fn with(&self, outcome: &str) -> Vec<String> {
        let found = self.findings.iter().filter(|it| it["outcome"] == outcome);
        let name = |it: &Value| {
            let text = |key: &str| it[key].as_str().unwrap();
            format!("{} {}", text("component"), text("point"))
        };
        found.map(name).collect()
    }

    /// The first thing that failed is this, with these words in what was seen and what to do; the
    /// program ended with this code.
    pub(super) fn failed(&self, code: i32, point: &str, seen: &[&str], remedy: &[&str]) {
        let failed = self.with("failed");
        assert_eq!(
            failed.first().map(String::as_str),
            Some(point),
            "{}",
            self.text
        );
        assert_eq!(self.code, Some(code), "{}", self.text);
        let (component, point) = point.split_once(' ').unwrap();
        let found = &self.all(component, point)[0];
        for word in seen {
            assert!(found.seen.contains(word), "{word:?} is not in {found:?}");
        }
        for word in remedy {
            assert!(found.remedy.contains(word), "{word:?} is not in {found:?}");
        }
    }
}

/// Runs `check --json` to its end.
pub(super) async fn check(settings: &Settings, arguments: &[&str]) -> Checked {
    let arguments = [&["check", "--json"], arguments].concat();
    let (code, out, text) = ran(settings, &arguments).await;
    let json: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("no JSON: {text}"));
    let findings = json["findings"].as_array().unwrap().clone();
    for finding in &findings {
        let needs_remedy = !matches!(finding["outcome"].as_str().unwrap(), "ok" | "skipped");
        let has_remedy = finding["remedy"].as_str().is_some_and(|it| !it.is_empty());
        assert_eq!(needs_remedy, has_remedy, "{finding}");
    }
    assert_eq!(json["exit_code"].as_i64(), code.map(i64::from));
    Checked {
        code,
        findings,
        text,
    }
}

/// Runs a command with this configuration in its environment: code, standard output, everything.
pub(super) async fn ran(settings: &Settings, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Forwarder::start(arguments, settings.environment());
    let code = command.exit().await;
    let text = command.text();
    let err = command.err_lines();
    let lines: Vec<&str> = text.lines().collect();
    let out = lines[..lines.len() - err.len()].join("\n");
    (code, out, text)
}

/// A hub that has a consumer group for the tools too.
pub(super) async fn hub(partitions: u32) -> Hub {
    let mut options = Options::default();
    let hub = HubOptions::new(partitions);
    let hub = hub.group(GROUP).group(&format!("{GROUP}-tools"));
    options.hubs.push((HUB.to_owned(), hub));
    Hub::of(Emulator::start(options).await.unwrap())
}

/// Everything there, with such a hub and an endpoint.
pub(super) async fn scene(partitions: u32) -> Scene {
    Scene::with(hub(partitions).await, partitions).await
}

/// The scene's configuration without what makes tests quick, which is a warning of its own.
pub(super) fn calm(scene: &Scene) -> Settings {
    ["balance_interval", "renew_interval", "expiry"]
        .iter()
        .fold(scene.settings(), |settings, key| {
            settings.without(&format!("ownership.{key}"))
        })
}

/// The scene with checkpoints in a container that lasts.
pub(super) async fn on_blobs(scene: &Scene) -> (Settings, TestContainer) {
    let container = TestContainer::create().await;
    let url = container.url_with("racwdl", 30 * 24 * 3600);
    (calm(scene).container(&url), container)
}
