//! Positions as other programs write them: each is taken over, and the forwarder delivers exactly
//! what came behind.

use serde_json::json;

use super::blobs::{lease, position};
use super::{Tens, told};
use crate::azurite::TestContainer;
use crate::bag::Bag;

/// Imports with these arguments, then delivers these events and no others.
async fn imports(
    tens: &Tens,
    theirs: &TestContainer,
    arguments: &[&str],
    delivered: [std::ops::Range<u32>; 2],
) -> String {
    let settings = tens.scene.settings();
    let url = theirs.url();
    let import = [&["import", "--from", &url], arguments].concat();
    let dry = [&import[..], &["--dry-run"]].concat();
    let shown = told(&settings, &dry).await.done();
    assert!(shown.ends_with("nothing was written"), "{shown}");
    assert_eq!(tens.scene.checkpoint(0), None, "a dry run has written");
    let shown = told(&settings, &import).await.done();
    assert!(shown.lines().all(|line| line.len() <= 100), "{shown}");
    tens.delivers(&settings, &Bag::default(), delivered).await;
    shown
}

const EXACT: &[&str] = &["--rewind", "0s"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_javascript_and_python() {
    let (tens, theirs) = (Tens::set().await, TestContainer::create().await);
    for (partition, number) in [(0, 5), (1, 9)] {
        let path = format!("localhost/logs/$default/checkpoint/{partition}");
        let (sequence, offset) = (number.to_string(), tens.offset(partition, number));
        let metadata = [("sequencenumber", sequence.as_str()), ("offset", offset)];
        position(&theirs, &path, &metadata).await;
    }
    let shown = imports(&tens, &theirs, EXACT, [6..10, 10..10]).await;
    let cells: Vec<&str> = shown.lines().nth(1).unwrap().split_whitespace().collect();
    let expected = ["0", "sdk", "5", cells[3], "-", "-", "5", "0"];
    assert_eq!(cells, expected, "{shown}");
    // Other SDKs go on where we do: the offset is the event's own.
    let (sequence, offset) = tens.scene.checkpoint(1).unwrap();
    assert_eq!((sequence, offset.as_str()), (9, tens.offset(1, 9)));
}

/// Java, Go and Rust keep the case of the path, and Java that of the names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_java_go_and_rust() {
    let (tens, theirs) = (Tens::set().await, TestContainer::create().await);
    let metadata = [("SequenceNumber", "3"), ("Offset", tens.offset(0, 3))];
    position(&theirs, "LocalHost/Logs/$Default/checkpoint/0", &metadata).await;
    let metadata = [("sequencenumber", "7"), ("offset", tens.offset(1, 7))];
    position(&theirs, "localhost/logs/$Default/checkpoint/1", &metadata).await;
    let arguments = [
        "--layout",
        "sdk",
        "--from-group",
        "$Default",
        "--rewind",
        "0s",
    ];
    imports(&tens, &theirs, &arguments, [4..10, 8..10]).await;
}

/// .NET leaves out what it does not know; an offset without a number is looked up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_net() {
    let (tens, theirs) = (Tens::set().await, TestContainer::create().await);
    let metadata = [
        ("sequencenumber", "4"),
        ("offset", "no offset"),
        ("clientidentifier", "681d365b"),
    ];
    position(&theirs, "localhost/logs/soc/checkpoint/0", &metadata).await;
    let metadata = [("sequencenumber", ""), ("offset", tens.offset(1, 6))];
    position(&theirs, "localhost/logs/soc/checkpoint/1", &metadata).await;
    imports(&tens, &theirs, EXACT, [5..10, 7..10]).await;
    let (sequence, offset) = tens.scene.checkpoint(1).unwrap();
    assert_eq!((sequence, offset.as_str()), (9, tens.offset(1, 9)));
}

fn net_lease(tens: &Tens, partition: usize, number: usize) -> serde_json::Value {
    json!({
        "PartitionId": partition.to_string(),
        "Owner": "681d365b-de1b-4288-9733-76294e17daf0",
        "Token": "2d0c4276-827d-4ca4-a345-729caeca3b82",
        "Epoch": 386,
        "Offset": tens.offset(partition, number),
        "SequenceNumber": number,
    })
}

/// A function that was upgraded: one partition is still where the old extension left it. The
/// checkpoint can be ahead of what was delivered, so it goes back three seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_functions() {
    let (tens, theirs) = (Tens::set().await, TestContainer::create().await);
    let old = net_lease(&tens, 0, 1);
    lease(&theirs, "localhost/logs/$Default/0", &old).await;
    let metadata = [
        ("sequencenumber", "8"),
        ("offset", tens.offset(0, 8)),
        ("clientidentifier", "host"),
    ];
    position(&theirs, "localhost/logs/$default/checkpoint/0", &metadata).await;
    let old = net_lease(&tens, 1, 6);
    lease(&theirs, "localhost/logs/$Default/1", &old).await;
    let arguments = ["--layout", "functions", "--rewind", "3s"];
    let shown = imports(&tens, &theirs, &arguments, [5..10, 3..10]).await;
    let cells: Vec<&str> = shown.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!(cells[1..3], ["functions-legacy", "6"], "{shown}");
    assert_eq!(cells[6..], ["2", "4"], "{shown}");
    // A quarter of an hour is the default, and all there is here.
    told(&tens.scene.settings(), &["set", "--to", "latest"])
        .await
        .done();
    let url = theirs.url();
    let import = ["import", "--from", &url, "--force"];
    told(&tens.scene.settings(), &import).await.done();
    assert_eq!(tens.scene.checkpoint(0), Some((-1, "-1".to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_functions_before_extension_5() {
    let (tens, theirs) = (Tens::set().await, TestContainer::create().await);
    let old = net_lease(&tens, 0, 2);
    lease(&theirs, "localhost/logs/$Default/0", &old).await;
    // Nothing was checkpointed here yet.
    let new = json!({"PartitionId": "1", "Owner": "o", "Token": "t", "Epoch": 1, "Offset": null,
        "SequenceNumber": 0});
    lease(&theirs, "localhost/logs/$Default/1", &new).await;
    let arguments = ["--layout", "functions-legacy", "--rewind", "0s"];
    let shown = imports(&tens, &theirs, &arguments, [3..10, 0..10]).await;
    assert!(
        shown.contains("partition 1: they have no position"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_logstash() {
    let (tens, theirs) = (Tens::set().await, TestContainer::create().await);
    for (partition, number) in [(0, 0), (1, 4)] {
        let written = json!({
            "offset": tens.offset(partition, number),
            "sequenceNumber": number,
            "partitionId": partition.to_string(),
            "epoch": 7,
            "owner": "logstash-f2b6",
            "token": "0b2e",
        });
        lease(&theirs, &format!("logstash/{partition}"), &written).await;
    }
    let arguments = [
        "--layout",
        "logstash",
        "--from-group",
        "logstash",
        "--rewind",
        "0s",
    ];
    imports(&tens, &theirs, &arguments, [1..10, 5..10]).await;
}

/// The shape is in the input's own README, also that of a partition that nothing was read from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_filebeat_v1() {
    let (tens, theirs) = (Tens::set().await, TestContainer::create().await);
    let written = |id: &str, offset: &str, number: usize, time: &str| {
        json!({
            "partitionID": id,
            "epoch": 1,
            "owner": "382ed56f-291c-4801-a70a-13ddbe131040",
            "checkpoint": {"offset": offset, "sequenceNumber": number, "enqueueTime": time},
            "state": "available",
            "token": "33cdc5d9-7e22-443a-bd6d-197c971967b3",
        })
    };
    let first = written("0", "-1", 0, "0001-01-01T00:00:00Z");
    lease(&theirs, "0", &first).await;
    let second = written("1", tens.offset(1, 8), 8, "2025-06-01T00:00:08Z");
    lease(&theirs, "1", &second).await;
    let shown = imports(&tens, &theirs, EXACT, [0..10, 9..10]).await;
    assert!(
        shown.contains("partition 0: they have read nothing yet"),
        "{shown}"
    );
}

/// Filebeat's migration to its second processor keeps the number 0 of what was never read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_filebeat_v2() {
    let (tens, theirs) = (Tens::set().await, TestContainer::create().await);
    let metadata = [("sequencenumber", "0"), ("offset", "-1")];
    position(&theirs, "localhost/logs/$Default/checkpoint/0", &metadata).await;
    let metadata = [("sequencenumber", "5"), ("offset", tens.offset(1, 5))];
    position(&theirs, "localhost/logs/$Default/checkpoint/1", &metadata).await;
    // What its first processor left behind does not count any more.
    lease(
        &theirs,
        "1",
        &json!({"checkpoint": {"offset": "0", "sequenceNumber": 0}}),
    )
    .await;
    imports(&tens, &theirs, EXACT, [0..10, 6..10]).await;
}
