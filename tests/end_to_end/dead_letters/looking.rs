//! `list`, `show` and `purge`.

use serde_json::Value;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looked_at_in_a_directory() {
    looked_at(&Desk::with_directory().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looked_at_in_a_container() {
    looked_at(&Desk::with_container().await).await;
}

async fn looked_at(desk: &Desk) {
    assert_eq!(desk.told(&["list"]).await.done(), "no dead letters");
    assert_eq!(desk.told(&["list", "--json"]).await.done(), "");
    assert_eq!(
        desk.told(&["purge", "--older-than", "0s"]).await.done(),
        "no dead letter deleted"
    );
    let text = unasked(7, "text", &b"plain \x1b[2J text"[..]);
    let empty = unasked(8, "undecodable", "");
    let event = DeadLetter {
        index: None,
        ..unasked(
            9,
            "internal",
            "{\"records\":[{\"category\":\"AuditLogs\"}]}",
        )
    };
    let mut old = singles(2);
    for letter in &mut old {
        letter.first_seen = days_ago(40);
    }
    for letter in [&text, &empty, &event].into_iter().chain(&old) {
        desk.write(std::slice::from_ref(letter)).await;
    }
    desk.write(&batch(20)).await;
    list(desk).await;
    show(desk, &text, &empty).await;
    purge(desk, &old).await;
}

async fn list(desk: &Desk) {
    let table = desk.told(&["list"]).await.done();
    assert_eq!(table.lines().count(), 26, "{table}");
    assert!(table.starts_with("first seen "), "{table}");
    assert!(!table.contains("SignInLogs") && !table.contains("plain"));
    let rows = async |arguments: &[&str]| {
        let told = desk.told(&[&["list", "--json"], arguments].concat()).await;
        let out = told.done();
        let rows = out.lines().map(|line| serde_json::from_str(line).unwrap());
        rows.collect::<Vec<Value>>()
    };
    for (arguments, expected) in [
        (&[][..], 25),
        (&["--limit", "3"], 3),
        (&["--reason", "text"], 1),
        (&["--sink", "main"], 22),
        (&["--sink", "-"], 3),
        (&["--source", "logs", "--sink", "main"], 22),
        (&["--source", "other"], 0),
        (&["--since", "2d"], 23),
        (&["--until", "2d"], 2),
        (&["--since", "50d", "--until", "2d", "--sink", "main"], 2),
        (&["--category", "signinlogs"], 22),
        (&["--category", "AuditLogs"], 1),
    ] {
        assert_eq!(rows(arguments).await.len(), expected, "{arguments:?}");
    }
    let fields = rows(&["--reason", "text"]).await.remove(0);
    assert_eq!(fields["sequence"], 7);
    assert_eq!(fields["sink"], Value::Null);
    assert_eq!(fields["namespace"], "contoso.servicebus.windows.net");
    let told = desk.told(&["list", "--source", "other"]).await;
    assert_eq!(told.done(), "no dead letter fits");
}

async fn show(desk: &Desk, text: &DeadLetter, empty: &DeadLetter) {
    let id = text.id().to_string();
    for name in [&text.name(), &id] {
        let shown = desk.told(&["show", name]).await.done();
        assert!(shown.contains("reason: text"), "{shown}");
        assert!(shown.ends_with("plain \\u{1b}[2J text"), "{shown}");
        let raw = desk.told(&["show", name, "--raw"]).await.done();
        assert_eq!(raw.as_bytes(), text.body);
    }
    let shown = desk.told(&["show", &empty.name()]).await.done();
    assert!(shown.ends_with("(no bytes)"), "{shown}");
    let last = batch(20).pop().unwrap();
    let shown = desk.told(&["show", &last.id().to_string()]).await.done();
    let name = shown
        .lines()
        .next()
        .unwrap()
        .strip_prefix("name: ")
        .unwrap();
    assert!(name.ends_with("#19"), "{name}");
    let raw = desk.told(&["show", name, "--raw"]).await.done();
    assert_eq!(raw.as_bytes(), last.body);
    let (whole, _) = name.split_once('#').unwrap();
    desk.told(&["show", whole])
        .await
        .refused(2, &["holds 20", "#0"]);
    for unknown in ["logs/main/nothing", &format!("{whole}#20"), "00ff"] {
        let told = desk.told(&["show", unknown]).await;
        told.refused(1, &["there is no dead letter", unknown]);
    }
}

async fn purge(desk: &Desk, old: &[DeadLetter]) {
    let before = desk.stored().await;
    let dry = desk
        .told(&["purge", "--older-than", "30d", "--dry-run"])
        .await;
    let size = old.iter().map(|it| it.body.len()).sum::<usize>();
    let dry = dry.done();
    assert!(dry.starts_with("2 dead letters would be deleted"), "{dry}");
    assert_eq!(desk.stored().await, before);
    let told = desk.told(&["purge", "--older-than", "30d"]).await.done();
    assert_eq!(
        told,
        format!("2 dead letters deleted, {size} B\n  refused: 2, {size} B")
    );
    let mut rest = bodies(&batch(20));
    rest.extend(
        [
            "plain \x1b[2J text",
            "",
            "{\"records\":[{\"category\":\"AuditLogs\"}]}",
        ]
        .map(Bytes::from),
    );
    assert_eq!(desk.stored().await, rest);
    // A part of an object of many.
    let told = desk.told(&[
        "purge",
        "--older-than",
        "0s",
        "--sink",
        "main",
        "--category",
        "AuditLogs",
    ]);
    assert_eq!(told.await.done(), "no dead letter deleted");
    let told = desk.told(&["purge", "--older-than", "0s", "--sink", "main"]);
    assert!(told.await.done().starts_with("20 dead letters deleted"));
    let told = desk.told(&["purge", "--older-than", "0s"]).await.done();
    assert!(told.starts_with("3 dead letters deleted"), "{told}");
    assert_eq!(desk.told(&["list"]).await.done(), "no dead letters");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_damaged_is_told_and_stays() {
    let desk = Desk::with_directory().await;
    desk.write(&singles(1)).await;
    let notes = desk.folder.path().join("store/dead-letters/notes.txt");
    std::fs::write(&notes, "of somebody").unwrap();
    let mut told = desk.start(&["list"]);
    assert_eq!(told.exit().await, Some(0));
    assert!(
        told.text()
            .contains("warning: notes.txt: it is no dead letter")
    );
    let told = desk.told(&["purge", "--older-than", "0s"]).await;
    assert_eq!(told.code, Some(0));
    assert!(told.out.starts_with("1 dead letter deleted"));
    assert!(notes.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_asked_has_its_exit_code() {
    let mut desk = Desk::with_container().await;
    let container = desk.container.take().unwrap();
    let settings = desk.settings.clone();
    for (url, code) in [
        (TestContainer::missing().url(), 69),
        (container.url_with("racwdl", -60), 77),
    ] {
        desk.settings = settings.clone().set("dead_letters.container_url", &url);
        for arguments in [
            &["list"][..],
            &["show", "a/b"],
            &["replay"],
            &["purge", "--older-than", "1d"],
        ] {
            desk.told(arguments)
                .await
                .refused(code, &["dead-letter store"]);
        }
    }
    desk.settings = Settings::new(CONNECTION, &desk.endpoint.url(), desk.folder.path())
        .without("checkpoints.directory")
        .set("checkpoints.store", "memory");
    desk.told(&["list"]).await.refused(78, &["memory"]);
    desk.settings = settings.set("dead_letters.store", "nowhere");
    desk.told(&["list"])
        .await
        .refused(78, &["dead_letters.store"]);
}
