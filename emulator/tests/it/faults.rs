//! Scripted faults.

use std::time::{Duration, Instant};

use entra_forwarder_emulator::{Action, Fault};

use crate::support::*;

async fn filled(count: usize) -> entra_forwarder_emulator::Emulator {
    let emulator = emulator(1).await;
    for n in 0..count {
        emulator.append(HUB, 0, format!("{n}")).unwrap();
    }
    emulator
}

/// Reads until the stream fails with `action` after 7 events.
async fn after_seven(action: Action) -> (Vec<i64>, String) {
    let emulator = filled(20).await;
    let id = emulator
        .faults()
        .inject(Fault::once(action).partition(0).after(7));
    let client = consumer(&emulator).await;
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    let ended = receive_to_end(&reading).await;
    assert_eq!(emulator.faults().fired(id), 1);
    assert!(emulator.faults().armed().is_empty());
    ended
}

#[tokio::test]
async fn a_link_is_detached_after_n_events() {
    let emulator = filled(1000).await;
    let fault = Fault::once(Action::detach()).partition(0).after(700);
    emulator.faults().inject(fault);
    let client = consumer(&emulator).await;
    let one = receiver(&client, 0, earliest()).await.unwrap();
    let (numbers, error) = receive_to_end(&one).await;
    assert_eq!(numbers, (0..700).collect::<Vec<_>>());
    assert!(
        error.contains("DetachForced") || error.contains("detach-forced"),
        "{error}"
    );
}

#[tokio::test]
async fn conditions_arrive() {
    let (numbers, error) = after_seven(Action::server_busy()).await;
    assert_eq!(numbers.len(), 7);
    assert!(
        error.contains("server-busy") || error.contains("ServerBusy"),
        "{error}"
    );
    let polite = Action::DetachLink {
        condition: None,
        description: None,
    };
    assert_eq!(after_seven(polite).await.0.len(), 7);
}

#[tokio::test]
async fn connections_end_in_many_ways() {
    let close = Action::CloseConnection {
        condition: Some("amqp:connection:forced".into()),
        description: Some("bye".into()),
    };
    // What the client still hands on after the end of its connection is its own
    // affair, so only the end itself is certain.
    for action in [
        close,
        Action::Reset,
        Action::GarbageFrame,
        Action::OversizedFrame,
    ] {
        let (numbers, error) = after_seven(action.clone()).await;
        assert!(numbers.len() <= 7, "{action:?} {error}");
    }
}

#[tokio::test]
async fn an_immediate_fault_needs_no_event() {
    let emulator = emulator(1).await;
    let client = consumer(&emulator).await;
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    let (ended, ()) = tokio::join!(receive_to_end(&reading), async {
        until("the attach", || emulator.readers(HUB, 0).unwrap() == 1).await;
        emulator
            .faults()
            .inject(Fault::once(Action::detach()).hub(HUB));
    });
    assert!(ended.0.is_empty());
    assert_eq!(emulator.readers(HUB, 0).unwrap(), 0);
}

#[tokio::test]
async fn frozen_and_thawed() {
    let emulator = filled(20).await;
    let faults = emulator.faults();
    faults.inject(Fault::once(Action::Freeze { ms: None }).after(5));
    let client = consumer(&emulator).await;
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    assert_eq!(sequences(&receive(&reading, 5).await), [0, 1, 2, 3, 4]);
    let waiting = tokio::time::timeout(Duration::from_millis(200), receive(&reading, 1)).await;
    assert!(waiting.is_err());
    faults.thaw();
    assert_eq!(sequences(&receive(&reading, 15).await)[14], 19);

    faults.freeze_all();
    emulator.append(HUB, 0, "late").unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(200), receive(&reading, 1)).await;
    assert!(waiting.is_err());
    assert_eq!(emulator.open_connections(), 1);
    faults.clear();
    assert_eq!(bodies(&receive(&reading, 1).await), ["late"]);
}

#[tokio::test]
async fn a_frozen_client_is_reported_as_leaked() {
    let emulator = filled(1).await;
    let client = consumer(&emulator).await;
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    receive(&reading, 1).await;
    emulator.faults().freeze_all();
    let report = in_time(emulator.stop()).await;
    assert_eq!((report.open, report.leaked), (1, 1));
}

#[tokio::test]
async fn slow_in_two_ways() {
    let emulator = filled(10).await;
    let faults = emulator.faults();
    let id = faults.inject(Fault::always(Action::DelayEvent { ms: 20 }));
    let client = consumer(&emulator).await;
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    let start = Instant::now();
    receive(&reading, 10).await;
    assert!(start.elapsed() >= Duration::from_millis(200));
    faults.remove(id);

    emulator.append(HUB, 0, vec![7; 100_000]).unwrap();
    faults.inject(Fault::always(Action::BytesPerSecond { rate: 400_000 }));
    let start = Instant::now();
    receive(&reading, 1).await;
    // A tenth of a second's worth may have been saved up.
    assert!(
        start.elapsed() >= Duration::from_millis(140),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn refused_attach_token_and_open() {
    let emulator = filled(1).await;
    let faults = emulator.faults();
    faults.inject(Fault::once(Action::refuse_busy()).partition(0));
    let client = consumer(&emulator).await;
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    let (_, error) = receive_to_end(&reading).await;
    assert!(
        error.contains("server-busy") || error.contains("ServerBusy"),
        "{error}"
    );

    faults.inject(Fault::once(Action::RefuseToken {
        status: 401,
        description: "no".into(),
    }));
    let client = consumer(&emulator).await;
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    let (_, error) = receive_to_end(&reading).await;
    assert!(error.contains("401"), "{error}");

    faults.inject(Fault::once(Action::RefuseOpen {
        condition: "amqp:connection:forced".into(),
        description: "closed for today".into(),
    }));
    let string = emulator.connection_string(Some(HUB));
    match consumer_of(&emulator, &string, "$Default").await {
        Err(error) => assert!(format!("{error:?}").contains("today"), "{error:?}"),
        Ok(client) => {
            let reading = receiver(&client, 0, earliest()).await.unwrap();
            assert!(receive_to_end(&reading).await.0.is_empty());
        }
    }
}

#[tokio::test]
async fn undecodable_and_rewound() {
    let emulator = filled(5).await;
    let faults = emulator.faults();
    faults.inject(Fault::once(Action::Undecodable).sequence(2));
    let client = consumer(&emulator).await;
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    let (numbers, error) = receive_to_end(&reading).await;
    assert_eq!(numbers, [0, 1], "{error}");

    let client = consumer(&emulator).await;
    faults.inject(Fault::once(Action::RewindAttach { events: 2 }));
    let start = azure_messaging_eventhubs::StartLocation::SequenceNumber(3);
    let reading = receiver(&client, 0, from(start, false)).await.unwrap();
    assert_eq!(sequences(&receive(&reading, 3).await), [2, 3, 4]);
}

#[tokio::test]
async fn rejected_sends() {
    let emulator = emulator(1).await;
    emulator.faults().inject(Fault::once(Action::RejectSend {
        condition: "com.microsoft:server-busy".into(),
        description: "later".into(),
    }));
    let client = producer(&emulator).await;
    let send = |body: &str| client.send_event(body.to_owned(), None);
    let error = in_time(send("a"))
        .await
        .err()
        .map(|error| format!("{error:?}"));
    assert_eq!(emulator.last_sequence(HUB, 0).unwrap(), -1, "{error:?}");
    in_time(send("b")).await.unwrap();
    assert_eq!(emulator.last_sequence(HUB, 0).unwrap(), 0);
}

#[tokio::test]
async fn fail_over_and_deletion_detach() {
    let emulator = filled(5).await;
    let client = consumer(&emulator).await;
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    receive(&reading, 5).await;
    emulator.lose_last(HUB, 0, 2).unwrap();
    let (_, error) = receive_to_end(&reading).await;
    assert!(error.contains("etach"), "{error}");
    assert_eq!(emulator.append(HUB, 0, "again").unwrap().sequence, 3);

    let client = consumer(&emulator).await;
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    receive(&reading, 4).await;
    emulator.delete_hub(HUB).unwrap();
    let (_, error) = receive_to_end(&reading).await;
    assert!(
        error.contains("NotFound") || error.contains("not-found"),
        "{error}"
    );
}
