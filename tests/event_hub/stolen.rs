//! A receiver that another one has thrown off, and that learns of it only while it is closed.
//!
//! AMQP asks who wants to suspend a link that the other end wants to end to attach it once more
//! (2.6.6), and with an epoch that attach would throw the rightful reader off.

use std::time::Duration;

use entra_forwarder::event_hub::{EventStream, OpenAt, SequenceNumber, SourceErrorKind};
use entra_forwarder_emulator::{Action, Emulator, Fault};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn closed_before_it_reads_anything() {
    thrown_off(&emulator().await, async |_| {}, bounded_close).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_before_it_reads_anything() {
    let drop_it = async |stream: Box<dyn EventStream>| drop(stream);
    thrown_off(&emulator().await, async |_| {}, drop_it).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_between_two_events() {
    let emulator = emulator().await;
    append(&emulator, 0, 5);
    let one = async |stream: &mut Box<dyn EventStream>| {
        assert_eq!(next_number(stream).await, 0);
    };
    thrown_off(&emulator, one, bounded_close).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_while_it_waits() {
    let wait = async |stream: &mut Box<dyn EventStream>| {
        let moment = Duration::from_millis(10);
        while let Ok(event) = tokio::time::timeout(moment, stream.next()).await {
            assert!(event.is_ok());
        }
    };
    thrown_off(&emulator().await, wait, bounded_close).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_after_what_it_cannot_decode() {
    let emulator = emulator().await;
    append(&emulator, 0, 3);
    let fault = Fault::always(Action::Undecodable).sequence(1);
    emulator.faults().inject(fault);
    let two = async |stream: &mut Box<dyn EventStream>| {
        assert_eq!(next_number(stream).await, 0);
        assert_eq!(kind(next(stream).await), SourceErrorKind::Undecodable);
    };
    thrown_off(&emulator, two, bounded_close).await;
}

async fn bounded_close(stream: Box<dyn EventStream>) {
    bounded(stream.close()).await;
}

/// Opens a receiver, lets it `read`, has it thrown off by another one, and lets it `end`: the
/// other one must keep the partition.
async fn thrown_off(
    emulator: &Emulator,
    read: impl AsyncFn(&mut Box<dyn EventStream>),
    end: impl AsyncFn(Box<dyn EventStream>),
) {
    let [old, new] = [source(emulator), source(emulator)];
    // A library that attaches again does so every other time.
    for round in 1..=4 {
        let mut thrown = open_first(&old).await;
        read(&mut thrown).await;
        let last = emulator.last_sequence(HUB, 0).unwrap();
        let at = OpenAt::FromSequence(SequenceNumber(last));
        let mut rightful = open(&new, 0, at).await.unwrap();
        // The news is on its way or has come; nobody has read it.
        tokio::time::sleep(Duration::from_millis(20) * (round - 1)).await;
        end(thrown).await;
        eventually("the close", || emulator.open_connections() == 1).await;
        append(emulator, last + 1, last + 2);
        assert_eq!(next_number(&mut rightful).await, last.max(0));
        let attaches = emulator.attach_log();
        assert_eq!(attaches.len() as u32, 2 * round, "{attaches:?}");
        bounded(rightful.close()).await;
    }
    for source in [old, new] {
        bounded(source.shutdown()).await;
        assert_eq!(source.abandoned_clients(), 0);
    }
    eventually("the last close", || emulator.open_connections() == 0).await;
}
