//! What an event carries.

use entra_forwarder::event_hub::Body;
use entra_forwarder_emulator::{Body as Sent, Emulator, HubOptions, Options};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn bytes_come_from_data_and_from_values() {
    let emulator = emulator().await;
    let source = source(&emulator);
    let large = "0123456789".repeat(90_000);
    for (body, _) in sent(&large) {
        emulator.append_event(HUB, 0, body.into()).unwrap();
    }
    let mut stream = open_first(&source).await;
    for (body, expected) in sent(&large) {
        let event = next(&mut stream).await.unwrap();
        assert!(text(&event.body) == expected, "{:.80}", format!("{body:?}"));
    }
    bounded(stream.close()).await;
    leave(source, emulator).await;
}

/// The limit of the Premium and Dedicated tiers.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_event_of_all() {
    const LARGEST: usize = 20 << 20;
    let hub = HubOptions::new(1).group(GROUP);
    let options = Options {
        hubs: vec![(HUB.to_owned(), hub)],
        max_message_size: LARGEST,
        ..Options::default()
    };
    let emulator = Emulator::start(options).await.unwrap();
    let source = source(&emulator);
    let body = "0123456789abcdef".repeat(LARGEST / 16 - 8);
    emulator.append(HUB, 0, body.clone()).unwrap();
    emulator.append(HUB, 0, "after").unwrap();
    let mut stream = open_first(&source).await;
    let event = next(&mut stream).await.unwrap();
    assert!(text(&event.body) == body, "{:?}", event.body);
    assert_eq!(text(&next(&mut stream).await.unwrap().body), "after");
    bounded(stream.close()).await;
    leave(source, emulator).await;
}

fn sent(large: &str) -> Vec<(Sent, String)> {
    let sections = ["{\"records\":", "", "[]}"]
        .map(|part| part.to_owned().into())
        .to_vec();
    vec![
        (Sent::Data("one".into()), "one".to_owned()),
        (Sent::Data("".into()), String::new()),
        (Sent::Sections(sections), "{\"records\":[]}".to_owned()),
        (Sent::ValueText("text".to_owned()), "text".to_owned()),
        (Sent::ValueBinary("binary".into()), "binary".to_owned()),
        (Sent::Data(large.to_owned().into()), large.to_owned()),
    ]
}

/// The decoder recurses once per level, on a worker's stack.
#[test]
fn a_deep_value_is_no_crash() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(256 << 20)
        .enable_all()
        .build()
        .unwrap();
    let test = runtime.spawn(async {
        let emulator = emulator().await;
        let source = source(&emulator);
        emulator
            .append_event(HUB, 0, Sent::NestedList(5_000).into())
            .unwrap();
        append(&emulator, 1, 2);
        let mut stream = open_first(&source).await;
        match next(&mut stream).await.unwrap().body {
            Body::Unsupported(kind, _) => assert_eq!(kind, "list"),
            Body::Bytes(_) => panic!("bytes"),
        }
        assert_eq!(next_number(&mut stream).await, 1);
        bounded(stream.close()).await;
        leave(source, emulator).await;
    });
    runtime.block_on(test).unwrap();
}
