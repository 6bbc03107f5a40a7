//! Producing and consuming.

use azure_core_amqp::{AmqpValue, message::AmqpMessageBody};
use azure_messaging_eventhubs::EventDataBatchOptions;
use azure_messaging_eventhubs::models::EventData;
use entra_forwarder_emulator::{Body, Event};

use crate::support::*;

#[tokio::test]
async fn appended_events_arrive_in_order() {
    let emulator = emulator(2).await;
    for n in 0..100 {
        emulator.append(HUB, 1, format!("event {n}")).unwrap();
    }
    let client = consumer(&emulator).await;
    let receiver = receiver(&client, 1, earliest()).await.unwrap();
    let events = receive(&receiver, 100).await;
    assert_eq!(sequences(&events), (0..100).collect::<Vec<_>>());
    assert_eq!(bodies(&events)[99], "event 99");
    assert_ne!(events[7].offset().as_deref(), Some("7"));
    assert!(events[7].enqueued_time().is_some());
    let live = emulator.append(HUB, 1, "live").unwrap();
    let more = receive(&receiver, 1).await;
    assert_eq!(more[0].sequence_number(), Some(live.sequence));
    assert_eq!(more[0].offset(), &Some(live.offset));
    in_time(receiver.close()).await.unwrap();
    in_time(client.close()).await.unwrap();
    assert_eq!(emulator.sent_count(HUB, 1).unwrap(), 101);
    let report = emulator.stop().await;
    assert_eq!(report.leaked, 0);
}

#[tokio::test]
async fn large_events_are_cut_into_frames() {
    let emulator = emulator(1).await;
    let body: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
    emulator.append(HUB, 0, body.clone()).unwrap();
    emulator.append(HUB, 0, "small").unwrap();
    let client = consumer(&emulator).await;
    let receiver = receiver(&client, 0, earliest()).await.unwrap();
    let events = receive(&receiver, 2).await;
    assert_eq!(events[0].event_data().body().unwrap(), &body[..]);
    assert_eq!(events[1].event_data().body().unwrap(), b"small");
    assert!(emulator.append(HUB, 0, vec![0; 2_000_000]).is_err());
}

#[tokio::test]
async fn produced_events_arrive() {
    let emulator = emulator(3).await;
    let client = producer(&emulator).await;
    let event = EventData::builder()
        .with_body("one")
        .with_content_type("text/plain".to_owned())
        .add_property("p".to_owned(), "v")
        .build();
    in_time(client.send_event(event, None)).await.unwrap();

    let options = EventDataBatchOptions {
        partition_id: Some("2".into()),
        ..EventDataBatchOptions::default()
    };
    let batch = in_time(client.create_batch(Some(options))).await.unwrap();
    for n in 0..10 {
        assert!(batch.try_add_event_data(format!("b{n}"), None).unwrap());
    }
    in_time(client.send_batch(batch, None)).await.unwrap();
    assert_eq!(emulator.last_sequence(HUB, 0).unwrap(), 0);
    assert_eq!(emulator.last_sequence(HUB, 2).unwrap(), 9);

    let reader = consumer(&emulator).await;
    let one = receiver(&reader, 0, earliest()).await.unwrap();
    let events = receive(&one, 1).await;
    assert_eq!(events[0].event_data().body().unwrap(), b"one");
    assert_eq!(events[0].event_data().content_type(), Some("text/plain"));
    assert_eq!(events[0].event_data().properties().unwrap().len(), 1);
    let two = receiver(&reader, 2, earliest()).await.unwrap();
    assert_eq!(bodies(&receive(&two, 10).await)[9], "b9");
}

#[tokio::test]
async fn equal_keys_share_a_partition() {
    let emulator = emulator(4).await;
    let client = producer(&emulator).await;
    for _ in 0..3 {
        let options = EventDataBatchOptions {
            partition_key: Some("tenant-7".into()),
            ..EventDataBatchOptions::default()
        };
        let batch = in_time(client.create_batch(Some(options))).await.unwrap();
        assert!(batch.try_add_event_data("x", None).unwrap());
        in_time(client.send_batch(batch, None)).await.unwrap();
    }
    let used: Vec<u32> = (0..4)
        .filter(|id| emulator.last_sequence(HUB, *id).unwrap() == 2)
        .collect();
    assert_eq!(used.len(), 1);
    let reader = consumer(&emulator).await;
    let receiver = receiver(&reader, used[0], earliest()).await.unwrap();
    let events = receive(&receiver, 3).await;
    assert_eq!(events[0].partition_key().as_deref(), Some("tenant-7"));
}

#[tokio::test]
async fn odd_bodies() {
    let emulator = emulator(1).await;
    let odd = [
        Body::Sections(vec!["a".into(), "b".into()]),
        Body::ValueText("text".into()),
        Body::ValueBinary("binary".into()),
        Body::NestedList(50),
        Body::Sections(vec![]),
    ];
    for body in odd {
        emulator.append_event(HUB, 0, Event::from(body)).unwrap();
    }
    let keyed = Event {
        partition_key: Some("k".into()),
        properties: vec![("n".into(), "v".into())],
        ..Event::from(Body::Data("c".into()))
    };
    emulator.append_event(HUB, 0, keyed).unwrap();
    let client = consumer(&emulator).await;
    let receiver = receiver(&client, 0, earliest()).await.unwrap();
    let events = receive(&receiver, 6).await;
    let body = |n: usize| &events[n].raw_amqp_message().body;
    assert_eq!(
        body(0),
        &AmqpMessageBody::Binary(vec![b"a".to_vec(), b"b".to_vec()])
    );
    assert_eq!(body(1), &AmqpMessageBody::Value(AmqpValue::from("text")));
    assert_eq!(
        body(2),
        &AmqpMessageBody::Value(AmqpValue::Binary(b"binary".to_vec()))
    );
    assert!(matches!(
        body(3),
        AmqpMessageBody::Value(AmqpValue::List(_))
    ));
    assert_eq!(events[5].partition_key().as_deref(), Some("k"));
}

#[tokio::test]
async fn several_emulators_and_hubs() {
    let one = emulator(1).await;
    let two = emulator(1).await;
    assert_ne!(one.address(), two.address());
    one.create_hub(
        "other",
        entra_forwarder_emulator::HubOptions::new(2).group("g"),
    )
    .unwrap();
    one.append("OTHER", 1, "x").unwrap();
    let string = one.connection_string(Some("other"));
    let client = consumer_of(&one, &string, "G").await.unwrap();
    let receiver = receiver(&client, 1, earliest()).await.unwrap();
    assert_eq!(bodies(&receive(&receiver, 1).await), ["x"]);
    // The other emulator has another key.
    let refused = consumer_of(&two, &string, "$Default").await.unwrap();
    let refused = crate::support::receiver(&refused, 0, earliest())
        .await
        .unwrap();
    let (_, error) = receive_to_end(&refused).await;
    assert!(error.contains("401"), "{error}");
}
