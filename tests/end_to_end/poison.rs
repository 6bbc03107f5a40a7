//! Messages that are made to break a reader.

use std::time::Duration;

use entra_forwarder_emulator::Body;

use crate::scene::Scene;

/// 45 KB and 1 MB of lists in lists, on which a decoder recurses.
const DEPTHS: [usize; 2] = [5_000, 111_000];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_lists_go_to_the_dead_letters() {
    let scene = Scene::set(2).await;
    let mut sequences = Vec::new();
    for depth in DEPTHS {
        scene.hub.produce(0, 5, 3);
        let position = scene.hub.append_event(0, Body::NestedList(depth));
        sequences.push(position.sequence);
    }
    scene.produce(5, 3);
    let mut forwarder = scene.settings().start();
    scene.everything_arrives().await;
    assert!(forwarder.is_running());
    let said = forwarder.logged("unsupported_body");
    let named: Vec<_> = said.iter().map(|line| line["sequence"].clone()).collect();
    assert_eq!(named, sequences);
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
    scene.assert_orderly();
    let letters = scene.dead_letters();
    assert_eq!(letters.len(), DEPTHS.len(), "{letters:?}");
    for (fields, _) in letters {
        assert!(fields.to_string().contains("unsupported_body"), "{fields}");
    }
    // They do not come back.
    let forwarder = scene.settings().start();
    scene.produce(1, 1);
    scene.everything_arrives().await;
    let forwarder = forwarder.stop().await;
    assert!(forwarder.logged("unsupported_body").is_empty());
    assert_eq!(scene.duplicates(), 0);
}

/// An endpoint that closes connections and answers with nonsense gets the same bytes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_breaks_off_gets_the_same_bytes_again() {
    use crate::endpoint::Reply;
    let scene = Scene::set(1).await;
    scene.produce(40, 5);
    scene.endpoint.script(|number| match number {
        0 => Reply::Close,
        1 => Reply::Status(500),
        2 => Reply::With(503, "retry-after", "1".to_owned()),
        3 => Reply::After(Duration::from_millis(700), 200),
        4 => Reply::Status(429),
        _ => Reply::Status(200),
    });
    let forwarder = scene
        .settings()
        .set("sinks.main.timeout", "500ms")
        .set("sinks.main.connect_timeout", "500ms")
        .set("sinks.main.concurrency", "1")
        .start();
    scene.everything_arrives().await;
    forwarder.stop().await;
    let arrivals = scene.endpoint.arrivals();
    for arrival in &arrivals[..6] {
        assert_eq!(arrival.wire, arrivals[0].wire);
    }
    scene.assert_orderly();
}
