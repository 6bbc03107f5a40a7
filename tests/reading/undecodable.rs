//! A message that the decoder refuses again and again.

use entra_forwarder::event_hub::{Position, SourceErrorKind};
use entra_forwarder::partition::resume::ResumeAt;

use crate::bench::Bench;
use crate::hub::Hub;

/// It expires in the end, and what comes behind it ends the stall.
#[tokio::test(start_paused = true)]
async fn what_comes_behind_it_ends_the_stall() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let at = ResumeAt::Behind(Position::before_first());
    let reader = bench.read(0, at).await;
    hub.produce(0, 3);
    bench.wait(2).await;
    for _ in 0..4 {
        hub.end_link(0, SourceErrorKind::Undecodable);
        bench.wait(20).await;
    }
    let waiting = bench.status.waiting();
    assert!(waiting[0].1.contains("cannot be decoded"), "{waiting:?}");
    hub.produce(0, 1);
    bench.wait(2).await;
    assert_eq!(bench.delivered(), 4);
    assert!(bench.status.waiting().is_empty(), "{:?}", bench.status);
    bench.end([reader]).await;
}
