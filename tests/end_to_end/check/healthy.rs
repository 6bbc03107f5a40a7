//! Everything works: all points say so, nothing is left behind, and nobody is disturbed.

use std::time::Duration;

use crate::check::{calm, check, on_blobs, ran, scene};

/// Every file below a folder.
fn files(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        found.push(entry.path().to_string_lossy().into_owned());
        found.extend(files(&entry.path()));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_ok_and_nothing_is_left_behind() {
    let scene = scene(3).await;
    scene.produce(10, 3);
    let (settings, container) = on_blobs(&scene).await;
    let checked = check(&settings, &[]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    for outcome in ["failed", "warning", "skipped"] {
        assert_eq!(
            checked.with(outcome),
            Vec::<String>::new(),
            "{}",
            checked.text
        );
    }
    assert_eq!(
        checked.with("note"),
        Vec::<String>::new(),
        "{}",
        checked.text
    );
    let source = |point| checked.at("sources.logs", point);
    assert!(source("hub").seen.contains("3 partitions"));
    assert!(source("receive").seen.contains("forwarder-tools"));
    let backlog = source("backlog").seen;
    assert!(backlog.contains("delivers 30 events"), "{backlog}");
    let partitions = checked.all("sources.logs", "partition");
    assert_eq!(partitions.len(), 3);
    let first = &partitions[0].seen;
    assert!(
        first.contains("events 0 of 20") && first.contains(" to 9 of 20"),
        "{first}"
    );
    let categories = source("categories").seen;
    assert!(categories.contains("30 of the 30 events"), "{categories}");
    assert!(categories.ends_with("SignInLogs 90"), "{categories}");
    assert!(
        checked
            .at("sinks.main", "request")
            .seen
            .contains("status 200")
    );
    assert_eq!(container.blobs("", "Content-Length").await.len(), 0);
    assert_eq!((scene.endpoint.count(), scene.endpoint.distinct()), (0, 0));
    // Nothing secret and no payload in any form of output.
    let (_, table, _) = ran(&settings, &["check"]).await;
    let key = &scene.hub.emulator.keys()[0].key;
    for secret in [key.as_str(), "sig=", "score", "SharedAccessKey="] {
        assert!(
            !checked.text.contains(secret) && !table.contains(secret),
            "{secret}: {table}"
        );
    }
    assert!(
        !table.contains('\u{1b}'),
        "colours without a terminal: {table}"
    );
    assert!(table.contains("sources.logs\n  ok       name"), "{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_is_left_as_it_was() {
    let scene = scene(1).await;
    let checked = check(&calm(&scene), &[]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    assert_eq!(checked.with("failed"), Vec::<String>::new());
    assert_eq!(checked.at("checkpoints", "conditions").outcome, "ok");
    assert_eq!(checked.at("dead_letters", "read").outcome, "ok");
    assert_eq!(files(scene.folder.path()), Vec::<String>::new());
    let empty = checked.at("sources.logs", "categories");
    assert_eq!(empty.outcome, "note");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_forwarder_is_not_disturbed() {
    let scene = scene(4).await;
    scene.produce(10, 3);
    let (settings, container) = on_blobs(&scene).await;
    let forwarder = settings.start();
    scene.everything_arrives().await;
    forwarder.health_becomes("/readyz", 200).await;
    let own = || {
        let log = scene.hub.emulator.attach_log();
        log.iter().filter(|it| it.epoch.is_some()).count()
    };
    let attached = own();
    assert_eq!(attached, 4);
    let path = "localhost/logs/forwarder/";
    eventually_stored(&container, path).await;
    let owners = container
        .blobs(&format!("{path}ownership/"), "ownerid")
        .await;
    let checked = scene.under_load(check(&settings, &[])).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    let source = |point| checked.at("sources.logs", point);
    let group = source("consumer_group").seen;
    assert!(
        group.contains("a forwarder reads partition 0 now"),
        "{group}"
    );
    let seen = source("owners").seen;
    assert!(
        seen.contains("4 of 4 partitions are owned by 1 live"),
        "{seen}"
    );
    assert!(
        source("backlog")
            .seen
            .contains("left behind the checkpoints")
    );
    scene.everything_arrives().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    // No link was stolen: nobody had to attach again, and nothing came twice.
    assert_eq!(own(), attached);
    let still = container
        .blobs(&format!("{path}ownership/"), "ownerid")
        .await;
    let of = |it: &std::collections::BTreeMap<String, (String, String)>| {
        it.values()
            .map(|(_, owner)| owner.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(&still), of(&owners));
    let forwarder = forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
    assert_eq!(forwarder.logged("stolen").len(), 0);
    // Checkpoints and ownerships, and nothing else.
    assert_eq!(container.blobs("", "Content-Length").await.len(), 8);
}

async fn eventually_stored(container: &crate::azurite::TestContainer, path: &str) {
    let deadline = tokio::time::Instant::now() + crate::eventually::PATIENCE;
    while container
        .blobs(&format!("{path}checkpoint/"), "offset")
        .await
        .len()
        < 4
    {
        assert!(tokio::time::Instant::now() < deadline, "no checkpoints");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
