//! `replay`.

use std::sync::Mutex;

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::*;
use crate::azurite::TestContainer;
use crate::endpoint::Reply;
use crate::server::{FREE, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replayed_from_a_directory() {
    replayed(&Desk::with_directory().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replayed_from_a_container() {
    replayed(&Desk::with_container().await).await;
}

/// Everything is delivered as the sink wants it, and removed; what has no sink or no bytes stays.
async fn replayed(desk: &Desk) {
    let all = [singles(12), batch(30)].concat();
    for letter in &all[..12] {
        desk.write(std::slice::from_ref(letter)).await;
    }
    desk.write(&all[12..]).await;
    let dry = desk.told(&["replay", "--dry-run"]).await.done();
    assert!(dry.starts_with("42 records of 42 dead letters"), "{dry}");
    assert_eq!(desk.endpoint.count(), 0);
    let told = desk.told(&["replay"]).await.done();
    assert_eq!(told, "42 records accepted by main\n42 dead letters removed");
    assert_eq!(desk.endpoint.taken(), bodies(&all));
    for arrival in desk.endpoint.arrivals() {
        assert_eq!(arrival.line, "POST /ingest");
        assert_eq!(arrival.headers["content-type"], "application/x-ndjson");
        assert_eq!(arrival.headers["content-encoding"], "gzip");
    }
    assert_eq!(desk.stored().await, Bag::default());
    let told = desk.told(&["replay"]).await.done();
    assert_eq!(told, "no dead letter fits");

    let event = "{\"records\":[{\"a\":1.0},{\"records\":[{\"b\":2}]}]}";
    let unasked = [
        DeadLetter {
            index: None,
            ..unasked(1, "internal", event)
        },
        unasked(2, "text", "plain text"),
        unasked(3, "other", "{\"records\":[{\"c\":1},{\"c\":2}]}"),
        unasked(4, "undecodable", ""),
    ];
    desk.write(&unasked).await;
    let told = desk.told(&["replay"]).await;
    told.refused(1, &["4 dead letters stay", "give --to", "and others"]);
    let told = desk.told(&["replay", "--to", "main"]).await;
    assert_eq!(told.code, Some(1));
    assert!(
        told.sentences[0].contains("no bytes"),
        "{:?}",
        told.sentences
    );
    let mut expected = bodies(&all);
    expected.extend(
        [
            "{\"a\":1.0}",
            "{\"records\":[{\"b\":2}]}",
            "{\"message\":\"plain text\"}",
            "{\"records\":[{\"c\":1},{\"c\":2}]}",
        ]
        .map(Bytes::from),
    );
    assert_eq!(desk.endpoint.taken(), expected);
    assert_eq!(desk.stored().await.total(), 1);
    desk.told(&["replay", "--to", "nobody"])
        .await
        .refused(2, &["--to", "main"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_named_or_fits_is_sent_and_to_another_sink_if_so() {
    let mut desk = Desk::with_directory().await;
    let other = Endpoint::start().await;
    desk.settings = desk
        .settings
        .sink("other", &other.url())
        .set("sinks.other.encoding", "json_array")
        .set("sinks.other.headers.X-Api-Key", "abc 123");
    let all = [singles(5), batch(20)].concat();
    for letter in &all[..5] {
        desk.write(std::slice::from_ref(letter)).await;
    }
    desk.write(&all[5..]).await;
    let batch = desk.store.list("", None, 100).await.unwrap().objects;
    let batch = batch.iter().find(|it| it.name.contains("batch")).unwrap();
    let names = [
        all[0].name(),
        all[1].id().to_string(),
        format!("{}#7", batch.name),
        all[13].id().to_string(),
    ];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let told = desk
        .told(&[&["replay", "--to", "other"], &names[..]].concat())
        .await;
    assert_eq!(
        told.done(),
        "4 records accepted by other\n4 dead letters removed"
    );
    let sent = [0, 1, 12, 13].map(|place| all[place].clone());
    assert_eq!(other.taken(), bodies(&sent));
    assert_eq!(other.arrivals()[0].headers["x-api-key"], "abc 123");
    assert_eq!(desk.stored().await.total(), 21);
    // What was sent is nowhere now.
    let told = desk.told(&[&["replay"], &names[..]].concat()).await;
    assert_eq!((told.code, told.sentences.len()), (Some(1), 4));
    let told = desk.told(&["replay", "--reason", "text"]).await.done();
    assert_eq!(told, "no dead letter fits");
    let told = desk
        .told(&["replay", "--reason", "refused", "--category", "SignInLogs"])
        .await;
    assert!(told.done().contains("21 dead letters removed"));
    assert_eq!(desk.endpoint.taken().total(), 21);
}

/// A record that the endpoint finds fault with stays alone, also within an object of many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_stays_and_the_rest_goes() {
    for status in [400, 413, 422] {
        let desk = Desk::with_directory().await;
        desk.endpoint.behave(Reply::Refuse("BAD", status));
        let mut all = [singles(20), batch(20)].concat();
        all.push(letter(77, 0, "{\"number\":\"BAD\"}"));
        all.push(letter(1_000_000, 99, "{\"index\":\"BAD\"}"));
        let (of_batch, alone): (Vec<_>, Vec<_>) = all
            .iter()
            .cloned()
            .partition(|it| it.origin.position.sequence.0 == 1_000_000);
        desk.write(&of_batch).await;
        for letter in &alone {
            desk.write(std::slice::from_ref(letter)).await;
        }
        let told = desk.told(&["replay"]).await;
        assert_eq!(told.code, Some(1));
        assert_eq!(told.sentences.len(), 2, "{:?}", told.sentences);
        for sentence in &told.sentences {
            assert!(sentence.contains("refuses it: status"), "{sentence}");
            assert!(!sentence.contains("BAD"), "{sentence}");
        }
        assert!(told.out.contains("40 dead letters removed"), "{}", told.out);
        let stored = bodies(&all[40..]);
        assert_eq!(desk.stored().await, stored);
        assert_eq!(desk.endpoint.accepted(), bodies(&all[..40]));
        // Mended, it is accepted too.
        desk.endpoint.behave(Reply::Status(200));
        desk.told(&["replay"]).await.done();
        assert_eq!(desk.endpoint.accepted(), bodies(&all));
        assert_eq!(desk.stored().await, Bag::default());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_sink_is_noticed_soon_and_nothing_is_lost() {
    let mut desk = Desk::with_directory().await;
    desk.settings = desk.settings.set("sinks.main.batch.records", "10");
    let all = batch(400);
    desk.write(&all).await;
    desk.endpoint.behave(Reply::Status(400));
    let told = desk.told(&["replay"]).await;
    assert_eq!(told.code, Some(1));
    assert!(desk.endpoint.count() < 250, "{}", desk.endpoint.count());
    let last = told.sentences.last().unwrap();
    assert!(
        last.contains("refused 100 records and accepted none"),
        "{last}"
    );
    desk.endpoint.behave(Reply::Status(401));
    let told = desk.told(&["replay"]).await;
    told.refused(1, &["status 401", "the rest stays"]);
    assert_eq!(desk.stored().await, bodies(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_has_no_time_is_asked_again_for_a_while() {
    let mut desk = Desk::with_directory().await;
    desk.settings = desk.settings.set("sinks.main.batch.records", "10");
    let all = batch(30);
    desk.write(&all).await;
    desk.endpoint.behave(Reply::Status(503));
    let told = desk.told(&["replay", "--timeout", "300ms"]).await;
    told.refused(1, &["status 503", "300ms", "the rest stays"]);
    assert_eq!(desk.stored().await, bodies(&all));
    let before = desk.endpoint.count();
    desk.endpoint.script(move |number| match number - before {
        0 => Reply::Status(200),
        _ => Reply::Status(503),
    });
    let told = desk.told(&["replay", "--timeout", "300ms"]).await;
    assert_eq!(told.code, Some(1));
    assert!(told.out.contains("10 dead letters removed"), "{}", told.out);
    assert_eq!(desk.stored().await, bodies(&all[10..]));
    let before = desk.endpoint.count();
    desk.endpoint.script(move |number| match number - before {
        0 | 2 => Reply::Status(503),
        1 => Reply::Close,
        3 => Reply::With(429, "retry-after", "0".to_owned()),
        _ => Reply::Status(200),
    });
    desk.told(&["replay"]).await.done();
    assert_eq!(desk.endpoint.count() - before, 6);
    assert_eq!(desk.endpoint.accepted(), bodies(&all));
}

/// Whoever may write and not remove would deliver the same again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_permission_to_remove_nothing_is_sent() {
    let mut desk = Desk::with_container().await;
    desk.write(&singles(3)).await;
    let url = desk.container.as_ref().unwrap().url();
    desk.settings = desk.settings.set("dead_letters.container_url", &url);
    desk.told(&["replay"])
        .await
        .refused(77, &["permission `d`"]);
    assert_eq!(desk.endpoint.count(), 0);
    assert_eq!(desk.stored().await, bodies(&singles(3)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_of_an_archive_become_objects_of_one_folder_each() {
    let desk = Desk::with_container().await;
    let archive = TestContainer::create().await;
    let settings = desk
        .settings
        .clone()
        .without("sinks.main.endpoint")
        .set("sinks.main.type", "azure_blob")
        .set(
            "sinks.main.azure_blob.container_url",
            &archive.url_with("cw", 3600),
        )
        .set("sinks.main.azure_blob.path", "{{ kind }}");
    let desk = Desk { settings, ..desk };
    let record = |number: i64| format!("{{\"kind\":\"k{}\",\"n\":{number}}}", number % 3);
    let all: Vec<_> = (0..30)
        .map(|number| letter(number, 0, record(number)))
        .collect();
    desk.write(&all).await;
    let told = desk.told(&["replay"]).await.done();
    assert_eq!(told, "30 records accepted by main\n30 dead letters removed");
    let blobs = archive.blobs("", "Content-Encoding").await;
    let folder = |kind: u32| format!("k{kind}/contoso.servicebus.windows.net/logs/0-{kind}.0-");
    assert_eq!(blobs.len(), 3);
    for (kind, name) in blobs.keys().enumerate() {
        assert!(name.starts_with(&folder(kind as u32)), "{name}");
        assert!(name.contains(&format!("-{}.0-", 27 + kind)), "{name}");
    }
    assert_eq!(desk.stored().await, Bag::default());
}

/// The sink's own limits hold here too, as they are set when letters are sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limits_of_records_hold_as_they_are_set_now() {
    let mut desk = Desk::with_directory().await;
    let large = format!("{{\"n\":1.50,\"x\":\"{}\"}}", "x".repeat(2_000));
    let letters = [
        unasked(1, "oversize", large),
        unasked(2, "oversize", "{\"n\":2}"),
    ];
    desk.write(&letters).await;
    desk.settings = desk.settings.set("sinks.main.max_record_bytes", "1KiB");
    let told = desk.told(&["replay", "--to", "main"]).await;
    assert_eq!(told.code, Some(1));
    let said = told.sentences.join("\n");
    assert!(said.contains("max_record_bytes"), "{said}");
    assert_eq!(desk.endpoint.taken().total(), 1);
    assert_eq!(desk.stored().await.total(), 1);
    desk.settings = desk.settings.set("sinks.main.on_oversize", "truncate");
    desk.told(&["replay", "--to", "main"]).await.done();
    assert_eq!(desk.endpoint.taken().total(), 2);
    assert_eq!(desk.stored().await.total(), 0);
    let arrival = desk.endpoint.arrivals().pop().unwrap();
    let body = String::from_utf8_lossy(&arrival.body).into_owned();
    assert!(body.starts_with("{\"n\":1.50,\"entra_forwarder_truncated\""));
}

/// Splunk takes what stands before an event whose index is wrong: so a request has one index only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_format_keeps_apart_travels_apart() {
    let mut desk = Desk::with_directory().await;
    let bodies = Arc::new(Mutex::new(Vec::<String>::new()));
    let kept = Arc::clone(&bodies);
    let serve = move |request: Request<Incoming>| {
        let kept = Arc::clone(&kept);
        async move {
            let body = request.into_body().collect().await?.to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            // A probe holds nothing.
            if !body.is_empty() {
                kept.lock().unwrap().push(body);
            }
            let success = Full::from("{\"text\":\"Success\",\"code\":0}");
            Ok::<_, hyper::Error>(Response::new(success))
        }
    };
    let server = Server::http(FREE, None, serve).await;
    desk.settings = desk
        .settings
        .sink("main", &format!("http://{}", server.address))
        .set("sinks.main.type", "splunk_hec")
        .set("sinks.main.splunk_hec.token", "token")
        .set("sinks.main.splunk_hec.index", "{{ category | lower }}")
        .set("sinks.main.compression", "none");
    let letters: Vec<_> = (0..9)
        .map(|n| {
            let category = ["A", "B", "C"][n % 3];
            letter(
                7,
                n as u32,
                format!("{{\"category\":\"{category}\",\"n\":{n}}}"),
            )
        })
        .collect();
    desk.write(&letters).await;
    let told = desk.told(&["replay"]).await.done();
    assert_eq!(told, "9 records accepted by main\n9 dead letters removed");
    let bodies = bodies.lock().unwrap();
    let indexes = ["\"index\":\"a\"", "\"index\":\"b\"", "\"index\":\"c\""];
    let counts: Vec<_> = bodies
        .iter()
        .map(|body| indexes.map(|index| body.matches(index).count()))
        .collect();
    assert_eq!(counts, [[3, 0, 0], [0, 3, 0], [0, 0, 3]]);
}
