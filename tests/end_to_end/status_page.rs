//! The status page in headless Chromium, while a real forwarder runs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::endpoint::Reply;
use crate::eventually::eventually;
use crate::scene::Scene;
use crate::{ports, tied};

/// How soon the page must say what happens; on a machine that stands still, in one of a few tries.
const SOON: Duration = Duration::from_secs(2);
const TRIES: usize = 5;
/// A browser starts slowly on two busy cores.
const PATIENCE: Duration = Duration::from_secs(150);

/// The browser; `None` where there is none, which it then says.
fn browser() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths)
        .map(|folder| folder.join("chromium"))
        .find(|path| path.exists());
    if found.is_none() {
        let is_required = std::env::var_os("REQUIRE_CHROMIUM").is_some_and(|it| !it.is_empty());
        assert!(!is_required, "chromium is not installed");
        use std::io::Write;
        // Not by a macro: the test harness would keep what those print to itself.
        let skipped = b"chromium is not installed: the test of the status page is skipped\n";
        std::io::stderr().write_all(skipped).unwrap();
    }
    found
}

/// The script; it ends, with its browser, when this is dropped.
struct Page {
    child: Child,
    lines: mpsc::Receiver<Value>,
}

impl Page {
    fn open(url: &str, browser: &Path) -> Self {
        let screenshot = tied::repository().join("target/screenshots/status.png");
        let arguments = [url, browser.to_str().unwrap(), screenshot.to_str().unwrap()];
        let mut child = tied::start("tests/js/status_page.mjs", &arguments);
        let out = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel(64);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str(&line) else {
                    continue;
                };
                if send.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Waits until the page says this.
    async fn says(&mut self, what: &str) -> Value {
        let wait = async {
            loop {
                let line = self.lines.recv().await.expect("the script has failed");
                if let Some(said) = line.get(what) {
                    return said.clone();
                }
            }
        };
        let said = tokio::time::timeout(PATIENCE, wait).await;
        said.unwrap_or_else(|_| panic!("the page never says {what}"))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_says_at_once_what_happens() {
    let Some(browser) = browser() else {
        return;
    };
    let scene = Scene::set(4).await;
    let address = ports::unused();
    let settings = scene
        .settings()
        .set("admin.listen", &address.to_string())
        .set("sinks.main.headers.Authorization", "Bearer MARKHEADER");
    let forwarder = settings.start();
    let url = format!("http://{address}/");
    forwarder.says("admin_listening").await;
    let mut page = scene
        .under_load(async {
            let mut page = Page::open(&url, &browser);
            page.says("ready").await;
            page
        })
        .await;

    let mut delays = Vec::new();
    scene
        .under_load(async {
            for _ in 0..TRIES {
                let failed = forwarder.waits().len();
                scene.endpoint.behave(Reply::Status(503));
                eventually("a failure", || forwarder.waits().len() > failed).await;
                let began = tokio::time::Instant::now();
                let said = page.says("bad").await;
                delays.push(began.elapsed());
                let sentence = said["sentence"].as_str().unwrap();
                assert!(sentence.contains("sink main"), "{said}");
                assert!(
                    said["announced"].as_str().unwrap().contains("sink main"),
                    "{said}"
                );
                assert_eq!(said["cells"][1], "failing", "{said}");
                assert!(said["cells"][3].as_str().unwrap().contains("503"), "{said}");
                scene.endpoint.behave(Reply::Status(200));
                page.says("well").await;
                if delays.iter().any(|delay| *delay < SOON) {
                    break;
                }
            }
        })
        .await;
    assert!(delays.iter().any(|delay| *delay < SOON), "{delays:?}");

    // It says that it has lost the process, and finds the next one by itself.
    forwarder.kill().await;
    let lost = page.says("lost").await;
    assert!(
        lost["sentence"]
            .as_str()
            .unwrap()
            .contains("does not answer"),
        "{lost}"
    );
    let forwarder = settings.start();
    page.says("well").await;
    drop(page);
    scene.everything_arrives().await;
    forwarder.stop().await;
}
