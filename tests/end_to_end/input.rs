//! Wrong configurations and arguments: everything that is wrong is said at once, one sentence
//! each, and no secret with it.

use crate::forwarder::{Forwarder, Settings};
use crate::scene::Scene;

/// A mark that stands in every secret here.
const MARK: &str = "QmFkIHNlY3JldA";

/// Runs to the end; gives exit code and the lines on standard error.
async fn ends(mut forwarder: Forwarder) -> (Option<i32>, Vec<String>) {
    let code = forwarder.exit().await;
    assert!(!forwarder.text().contains(MARK), "{}", forwarder.text());
    (code, forwarder.err_lines())
}

fn valid(folder: &std::path::Path) -> Settings {
    let connection = format!(
        "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=listen;\
         SharedAccessKey={MARK};EntityPath=logs"
    );
    let endpoint = format!("https://siem.example.com/ingest?token={MARK}");
    Settings::new(&connection, &endpoint, folder).set(
        "sinks.main.headers.Authorization",
        &format!("Bearer {MARK}"),
    )
}

/// A change for the worse, and what must be said about it.
type Mistake = (fn(Settings) -> Settings, &'static str);

const MISTAKES: [Mistake; 6] = [
    (
        |it| it.set("sinks.main.batch.agee", "1s"),
        "sinks.main.batch.agee",
    ),
    (
        |it| it.without("sinks.main.endpoint"),
        "sinks.main.endpoint is missing",
    ),
    (
        |it| it.set("sinks.main.gzip_level", "fast"),
        "sinks.main.gzip_level",
    ),
    (
        |it| it.set("limits.open_events_max", "true"),
        "limits.open_events_max",
    ),
    (
        |it| it.set("checkpoints.interval", "soon"),
        "checkpoints.interval",
    ),
    (
        |it| it.set("sources.logs.connection_string", MARK),
        "sources.logs.connection_string",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_said_together_and_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let mut all = valid(folder.path());
    for (spoil, expected) in MISTAKES {
        all = spoil(all);
        let one = spoil(valid(folder.path()));
        for forwarder in [one.start(), one.start_by_file(&file)] {
            let (code, lines) = ends(forwarder).await;
            assert_eq!((code, lines.len()), (Some(78), 1), "{lines:?}");
            assert!(
                lines[0].starts_with("error: ") && lines[0].contains(expected),
                "{lines:?}"
            );
        }
    }
    for forwarder in [all.start(), all.start_by_file(&file)] {
        let (code, lines) = ends(forwarder).await;
        assert_eq!((code, lines.len()), (Some(78), MISTAKES.len()), "{lines:?}");
        for (_, expected) in MISTAKES {
            let said = lines.iter().filter(|line| line.contains(expected));
            assert_eq!(said.count(), 1, "{expected}: {lines:?}");
        }
    }
    std::fs::write(
        &file,
        format!("[sinks.main]\nheaders.X = \"{MARK}\nx = 1\n"),
    )
    .unwrap();
    let path = file.to_string_lossy().into_owned();
    let (code, lines) = ends(Forwarder::start(&["run", "--config", &path], vec![])).await;
    assert_eq!((code, lines.len()), (Some(78), 1), "{lines:?}");
    let (code, lines) = ends(Forwarder::start(&["run", "--config", "/not/there"], vec![])).await;
    assert_eq!((code, lines.len()), (Some(78), 1), "{lines:?}");
    assert!(lines[0].contains("/not/there"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_arguments_are_refused() {
    for arguments in [
        &["run", "--frobnicate"][..],
        &["forward"],
        &[],
        &["--log", "nonsense", "config", "validate"],
        &["run", "--log", "entra_forwarder=loud"],
        &["demo", "--seconds", "0"],
    ] {
        let (code, lines) = ends(Forwarder::start(arguments, vec![])).await;
        assert_eq!(code, Some(2), "{arguments:?}: {lines:?}");
        assert!(!lines.is_empty(), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_said() {
    let scene = Scene::set(1).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let forwarder = scene.settings().set("health.listen", &address).start();
    let (code, lines) = ends(forwarder).await;
    assert_eq!(code, Some(69), "{lines:?}");
    let said = lines
        .iter()
        .filter(|it| it.starts_with("error: health.listen") && it.contains(&address));
    assert_eq!(said.count(), 1, "{lines:?}");
}
