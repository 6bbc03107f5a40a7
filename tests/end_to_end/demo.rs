//! The demo balances, notices damage, and proves an endpoint of one's own.

use std::time::Duration;

use tokio::time::Instant;

use crate::endpoint::{Endpoint, Reply};
use crate::forwarder::Forwarder;

async fn demo(arguments: &[&str]) -> (Option<i32>, String) {
    let base = ["demo", "--seconds", "2", "--rate", "500", "--patience", "3"];
    let arguments: Vec<_> = base.iter().chain(arguments).copied().collect();
    let temporary = std::env::temp_dir().to_string_lossy().into_owned();
    // A proxy that is not there: nothing on this machine is asked for through it.
    let variables = [
        ("TMPDIR", temporary.as_str()),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("http_proxy", "http://127.0.0.1:9"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut demo = Forwarder::start(&arguments, variables.to_vec());
    let code = demo.exit().await;
    (code, demo.text())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_balances() {
    let (code, text) = demo(&[]).await;
    assert_eq!(code, Some(0), "{text}");
    for line in [
        "produced               1000 records",
        "missing                   0",
        "The books balance",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_notices_damage() {
    for damage in ["drop", "alter"] {
        let (code, text) = demo(&["--break", damage]).await;
        assert_eq!(code, Some(1), "{damage}: {text}");
        assert!(text.contains("THE BOOKS DO NOT BALANCE"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_proves_an_endpoint_and_its_key() {
    let endpoint = Endpoint::start().await;
    let url = endpoint.url();
    let with = |key| {
        [
            "--sink".to_owned(),
            url.clone(),
            "--header".to_owned(),
            format!("Authorization: Bearer {key}"),
        ]
    };
    let right = with("right");
    let right: Vec<_> = right.iter().map(String::as_str).collect();
    let (code, text) = demo(&right).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(endpoint.accepted().total(), 1_000);
    for arrival in endpoint.arrivals() {
        assert_eq!(arrival.headers["authorization"], "Bearer right");
        assert!(!arrival.body.is_empty());
    }
    endpoint.behave(Reply::Status(401));
    let wrong = with("wrong");
    let wrong: Vec<_> = wrong.iter().map(String::as_str).collect();
    let start = Instant::now();
    let (code, text) = demo(&wrong).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("status 401 (credentials missing or wrong"),
        "{text}"
    );
    assert!(!text.contains("Bearer"), "{text}");
    assert!(
        start.elapsed() < Duration::from_secs(25),
        "{:?}",
        start.elapsed()
    );
}
