//! `tail`.

use std::io::Read;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::*;
use crate::eventually::eventually;

fn lines(told: Told) -> Bag {
    let out = told.done();
    out.lines()
        .map(|line| Bytes::from(line.to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_shown_as_they_came() {
    let scene = scene().await;
    let settings = scene.settings();
    scene.produce(20, 3);
    let whole = ["tail", "--from", "earliest", "--no-follow"];
    assert_eq!(lines(told(&settings, &whole).await), scene.hub.produced());
    // A part of it.
    let one = told(&settings, &[&whole[..], &["--partition", "1"]].concat()).await;
    assert_eq!(lines(one).total(), 60);
    let from = ["tail", "--from", "17", "--no-follow"];
    assert_eq!(lines(told(&settings, &from).await).total(), 2 * 3 * 3);
    let recent = ["tail", "--from", "15m", "--no-follow", "--limit", "7"];
    assert_eq!(lines(told(&settings, &recent).await).total(), 7);
    scene.hub.append(
        0,
        "{\"records\":[{\"category\":\"AuditLogs\",\"n\":1.50,\"p\":{\"q\":[2]}},\"text\",7]}",
    );
    let some = |more: &[&'static str]| [&whole[..], more].concat();
    let audit = told(&settings, &some(&["--category", "audit*"]))
        .await
        .done();
    assert_eq!(
        audit,
        "{\"category\":\"AuditLogs\",\"n\":1.50,\"p\":{\"q\":[2]}}"
    );
    let none = told(&settings, &some(&["--category", "<none>"]))
        .await
        .done();
    assert_eq!(none, "{\"message\":\"text\"}\n{\"message\":7}");
    let fields = ["--category", "AuditLogs", "--fields", "n,p.q.0,x"];
    let fields = told(&settings, &some(&fields)).await.done();
    assert_eq!(fields, "{\"n\":1.50,\"p.q.0\":2,\"x\":null}");
    let columns = [
        "--category",
        "AuditLogs",
        "--fields",
        "n,p.q",
        "--output",
        "columns",
    ];
    let columns = told(&settings, &some(&columns)).await.done();
    assert_eq!(columns, "n         p.q\n1.50      [2]");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_follows_until_a_signal() {
    let scene = scene().await;
    scene.produce(3, 1);
    for signal in [Signal::INT, Signal::TERM] {
        let mut tail = running(&scene.settings(), &["tail"]);
        let readers = || {
            let log = scene.hub.emulator.attach_log();
            let at_end = |it: &&entra_forwarder_emulator::AttachRecord| it.group == TOOLS;
            log.iter().filter(at_end).count()
        };
        let before = readers();
        // One attach finds the group, and one per partition follows.
        eventually("the receivers", || readers() >= before + 3).await;
        let shown = scene.hub.produced();
        scene.produce(5, 2);
        eventually("what is new", || {
            tail.forwarder.text().lines().count() == 20
        })
        .await;
        let new: Bag = tail
            .forwarder
            .text()
            .lines()
            .map(|line| Bytes::from(line.to_owned()))
            .collect();
        let all: Bag = shown.all().chain(new.all()).collect();
        assert_eq!(all, scene.hub.produced());
        tail.forwarder.signal(signal);
        assert_eq!(
            tail.forwarder.exit().await,
            Some(0),
            "{}",
            tail.forwarder.text()
        );
    }
    eventually("the last close", || {
        scene.hub.emulator.open_connections() == 0
    })
    .await;
}

/// `tail | head -1`, with nothing to write afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_when_nobody_reads_it() {
    let scene = scene().await;
    scene.produce(1, 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forwarder.toml");
    std::fs::write(&file, scene.settings().toml()).unwrap();
    let mut tail = Command::new(env!("CARGO_BIN_EXE_entra-forwarder"))
        .args(["tail", "--from", "earliest", "--config"])
        .arg(&file)
        .env_clear()
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = tail.stdout.take().unwrap();
    let first = tokio::task::spawn_blocking(move || {
        let mut byte = [0];
        out.read_exact(&mut byte).map(|()| byte)
    });
    assert_eq!(first.await.unwrap().unwrap(), *b"{");
    let mut ended = None;
    eventually("its end", || {
        ended = tail.try_wait().unwrap();
        ended.is_some()
    })
    .await;
    assert_eq!(ended.unwrap().code(), Some(0));
}
