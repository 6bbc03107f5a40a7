//! Scripted faults.

use crate::support::*;
use entra_forwarder_emulator::{Action, Fault};

#[tokio::test]
async fn a_link_is_detached_after_n_events() {
    let emulator = emulator(1).await;
    for _ in 0..1000 {
        emulator.append(HUB, 0, "x").unwrap();
    }
    emulator
        .faults()
        .inject(Fault::once(Action::detach()).partition(0).after(700));
    let client = consumer(&emulator).await;
    let one = receiver(&client, 0, earliest()).await.unwrap();
    let (numbers, error) = receive_to_end(&one).await;
    assert_eq!(numbers, (0..700).collect::<Vec<_>>());
    assert!(
        error.contains("DetachForced") || error.contains("detach-forced"),
        "{error}"
    );
}
