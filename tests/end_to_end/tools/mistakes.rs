//! Every mistake is one sentence, and has its exit code.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_named() {
    let scene = scene().await;
    scene.produce(5, 1);
    let settings = scene.settings();
    let check = async |settings: &Settings, line: &str, code, words: &[&str]| {
        let arguments: Vec<_> = line.split(' ').collect();
        told(settings, &arguments).await.refused(code, words);
    };
    let replay = "replay --from 0 --to 4 --yes";
    let no_group = settings
        .clone()
        .set("sources.logs.tools_consumer_group", "nobody");
    for line in ["tail", "estimate", replay] {
        let words = ["tried `nobody`", "consumer-group create", "--name nobody`"];
        check(&no_group, line, 69, &words).await;
        let line = format!("{line} --partition 7");
        check(&settings, &line, 2, &["no partition `7`", "it has 2"]).await;
    }
    let same = settings
        .clone()
        .set("sources.logs.tools_consumer_group", GROUP);
    check(&same, "tail", 78, &["tools_consumer_group"]).await;
    let line = format!("{replay} --sink nobody");
    check(&settings, &line, 2, &["--sink", "`nobody`", "main"]).await;
    for command in ["tail", "estimate", replay] {
        let line = format!("{command} --source nobody");
        check(&settings, &line, 2, &["--source", "logs"]).await;
    }
    let line = "replay --from 0 --to 4";
    check(&settings, line, 2, &["--yes", "--dry-run"]).await;
    let line = "replay --from 4 --to 0 --yes";
    check(&settings, line, 2, &["number 4 is not before number 0"]).await;
    let line = "estimate --from 2026-01-02T00:00:00Z --to 2026-01-01T00:00:00Z";
    check(&settings, line, 2, &["--from"]).await;
    let line = "replay --from 0 --to 2999-01-01T00:00:00Z --yes";
    check(&settings, line, 2, &["--to", "future"]).await;
    assert_eq!(scene.endpoint.count(), 0);
    // The service is not there at all.
    let gone = settings.clone().set(
        "sources.logs.connection_string",
        "Endpoint=sb://localhost:1;SharedAccessKeyName=a;SharedAccessKey=YQ==;\
         UseDevelopmentEmulator=true;EntityPath=logs",
    );
    check(&gone, "tail", 69, &["sources.logs"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_retention_has_taken_is_told() {
    let scene = scene().await;
    scene.produce(50, 1);
    scene.hub.emulator.trim_before(HUB, 1, 30).unwrap();
    let settings = scene.settings();
    let replay = async |from: &str, to: &str| {
        let arguments = ["replay", "--from", from, "--to", to, "--yes"];
        told(&settings, &arguments).await
    };
    let partly = replay("10", "39").await;
    let balance = "sink main: 40 wanted = 40 delivered + 0 dead letters + 0 left";
    assert!(partly.out.contains(balance), "{}", partly.out);
    let words = [
        "partition 1 begins at sequence number 30, 20 events of the window",
        "are gone",
    ];
    partly.refused(1, &words);
    assert_eq!(scene.endpoint.taken().total(), 40);
    // By time: what was before the first one that is left may have been in the window.
    let by_time = replay("2020-01-01T00:00:00Z", "5").await;
    by_time.refused(1, &["partition 1 begins at sequence number 30"]);
    // Nothing is left of it at all.
    let arguments = [
        "replay",
        "--from",
        "0",
        "--to",
        "9",
        "--partition",
        "1",
        "--yes",
    ];
    let none = told(&settings, &arguments).await;
    none.refused(1, &["10 events of the window before that are gone"]);
    let count = scene.endpoint.taken().total();
    // What an earlier run is done with may expire.
    scene.hub.emulator.trim_before(HUB, 1, 45).unwrap();
    let again = replay("10", "39").await.done();
    assert!(again.contains("complete already"), "{again}");
    assert_eq!(scene.endpoint.taken().total(), count);
    // An estimate says so, too.
    let estimated = told(&settings, &["estimate"]).await.done();
    assert!(
        estimated.contains("not whole: sources.logs: partition 1"),
        "{estimated}"
    );
}
