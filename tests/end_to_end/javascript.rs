//! Microsoft's JavaScript client as producer and as a second consumer: the emulator is no hub of
//! our own making only.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::bag::Bag;
use crate::eventually::eventually;
use crate::hub::{HUB, record};
use crate::scene::Scene;
use crate::{scanner, tied};

/// Runs a script to its end; gives the lines that it printed.
async fn node(script: &'static str, arguments: Vec<String>) -> Vec<Value> {
    let package = tied::repository().join("node_modules/@azure/event-hubs");
    assert!(
        package.exists(),
        "Microsoft's JavaScript client is not installed: run `make test`"
    );
    let run = move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut child = tied::start(script, &arguments);
        let mut text = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert!(child.wait().unwrap().success(), "{script}: {text}");
        text
    };
    let text = tokio::task::spawn_blocking(run).await.unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Events in four ways: to a partition, with a key, to any partition, and of every shape.
fn batches() -> Vec<(Value, Vec<Bytes>)> {
    let mut number = 1_000_000;
    let mut event = |records: u64| {
        let records: Vec<_> = (0..records)
            .map(|_| {
                number += 1;
                record(number)
            })
            .collect();
        Bytes::from(format!("{{\"records\":[{}]}}", records.join(",")))
    };
    let mut batches = vec![
        (
            json!({"partitionId": "0"}),
            (0..50).map(|_| event(3)).collect(),
        ),
        (json!({"partitionId": "1"}), vec![event(700)]),
        (
            json!({"partitionKey": "tenant-a"}),
            (0..30).map(|_| event(2)).collect(),
        ),
        (
            json!({"partitionKey": "tenant-b"}),
            (0..30).map(|_| event(2)).collect(),
        ),
        (json!({}), (0..20).map(|_| event(1)).collect()),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/messages");
    let fixtures = [
        "numbers.json",
        "escapes.json",
        "non-ascii.json",
        "empty-records.json",
    ];
    let read = |name: &&str| Bytes::from(std::fs::read(folder.join(name)).unwrap());
    batches.push((json!({}), fixtures.iter().map(read).collect()));
    batches
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_produces_is_delivered_and_what_it_reads_is_the_same() {
    let scene = Scene::set(3).await;
    let (batches, file) = (batches(), scene.folder.path().join("batches.json"));
    let written: Vec<_> = batches
        .iter()
        .map(|(options, bodies)| {
            let mut batch = options.clone();
            batch["bodies"] = bodies.iter().map(|body| BASE64.encode(body)).collect();
            batch
        })
        .collect();
    std::fs::write(&file, Value::from(written).to_string()).unwrap();
    let bodies: Vec<Bytes> = batches
        .iter()
        .flat_map(|(_, bodies)| bodies.clone())
        .collect();
    let records = |body: &Bytes| -> Vec<Bytes> {
        let found = scanner::records(body).unwrap();
        found.into_iter().map(Bytes::copy_from_slice).collect()
    };
    let produced: Bag = bodies.iter().flat_map(records).collect();

    let forwarder = scene.settings().start();
    let connection = scene.hub.connection_string();
    let arguments = vec![connection.clone(), file.to_string_lossy().into_owned()];
    let said = node("tests/js/produce.mjs", arguments).await;
    assert_eq!(said, [json!({"sent": bodies.len()})]);
    eventually("every record", || scene.endpoint.has(&produced)).await;
    let arguments = vec![connection, "$Default".to_owned(), bodies.len().to_string()];
    let read = node("tests/js/consume.mjs", arguments).await;
    eventually("the checkpoints", || scene.is_stored()).await;
    forwarder.stop().await;
    let difference = scene.endpoint.taken().against(&produced);
    assert_eq!(difference.duplicates_only(), 0);

    // The other consumer has seen the same events, and keys keep to their partition.
    let body = |event: &Value| Bytes::from(BASE64.decode(event["body"].as_str().unwrap()).unwrap());
    let seen: Bag = read.iter().map(body).collect();
    let difference = seen.against(&bodies.into_iter().collect());
    assert_eq!(difference.duplicates_only(), 0);
    let mut places = BTreeMap::<_, Vec<_>>::new();
    for event in &read {
        if let Some(key) = event["partitionKey"].as_str() {
            places
                .entry(key)
                .or_default()
                .push(event["partitionId"].clone());
        }
    }
    assert_eq!(places.len(), 2);
    for (key, partitions) in places {
        assert_eq!(partitions.len(), 30, "{key}");
        assert!(partitions.iter().all(|it| *it == partitions[0]), "{key}");
    }
    // Its numbers and offsets are those that the forwarder has stored.
    for partition in 0..3 {
        let id = partition.to_string();
        let Some(last) = read
            .iter()
            .filter(|event| event["partitionId"] == id.as_str())
            .max_by_key(|event| event["sequenceNumber"].as_i64())
        else {
            assert_eq!(
                scene.hub.emulator.last_sequence(HUB, partition).unwrap(),
                -1
            );
            continue;
        };
        let (sequence, offset) = scene.checkpoint(partition).unwrap();
        assert_eq!(last["sequenceNumber"], sequence);
        assert_eq!(last["offset"], offset);
    }
}
