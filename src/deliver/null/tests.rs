use smallvec::smallvec;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::budget::Budget;
use crate::checkpoint::ledger::SinkId;
use crate::checkpoint::ledgers::Ledgers;
use crate::clock::{SharedRng, SystemClock};
use crate::compress::InlineCompressor;
use crate::config::{FileText, load};
use crate::deliver::condition::Condition;
use crate::deliver::dead_letter::memory::MemoryDeadLetters;
use crate::deliver::flow::Flow;
use crate::deliver::refusals::Refusals;
use crate::deliver::sink::SinkStats;
use crate::envelope;
use crate::event_hub::{Offset, PartitionId, Position, SequenceNumber};
use crate::record::{EventBody, Origin};

const CONFIG: &str = r#"
[sources.entra]
namespace = "contoso"
event_hub = "signins"
consumer_group = "forwarder"
[sinks.shadow]
type = "null"
[checkpoints]
store = "directory"
directory = "/var/lib/forwarder"
"#;

fn context(ledgers: &Arc<Ledgers>) -> Arc<SinkContext> {
    let file = FileText {
        name: "test".into(),
        text: CONFIG.into(),
    };
    let loaded = load(Some(file), []).unwrap_or_else(|problems| panic!("{problems}"));
    let config = loaded.config.sinks["shadow"].clone();
    Arc::new(SinkContext {
        id: SinkId(0),
        name: "shadow".into(),
        format: crate::format::of(&config, Arc::new(SystemClock)),
        config: config.clone(),
        transport: Arc::new(NullTransport),
        compressor: Arc::new(InlineCompressor),
        dead_letters: Arc::new(MemoryDeadLetters::default()),
        refusals: Arc::new(Refusals::new("shadow", Arc::default(), config.refusals)),
        status: Arc::default(),
        clock: Arc::new(SystemClock),
        ledgers: Arc::clone(ledgers),
        rng: Arc::new(SharedRng::seeded(1)),
        draining: CancellationToken::new(),
        condition: Arc::new(Condition::new("shadow", Arc::default())),
        stats: SinkStats::default(),
        bodies: Budget::new(64 << 20).bodies(1),
        flow: Arc::new(Flow::new(&config, Arc::new(SharedRng::seeded(2)))),
    })
}

#[tokio::test]
async fn everything_is_counted_and_settled() {
    let ledgers = Arc::new(Ledgers::new(1));
    let context = context(&ledgers);
    let id = ledgers.add("logs", &PartitionId::new("0"));
    let generation = ledgers.start(id, None);
    let (queue, slices) = mpsc::channel(4);
    let mut running = JoinSet::new();
    running.spawn(run(slices, Arc::clone(&context)));
    for sequence in 0..3 {
        let position = Position {
            sequence: SequenceNumber(sequence),
            offset: Offset::new("0"),
            enqueued_at: None,
        };
        let mut receipts = ledgers
            .open(id, generation, position, 1, 2, smallvec![2])
            .unwrap();
        let records = envelope::split(&Bytes::from_static(b"[{\"n\":1},{\"n\":22}]"), 0);
        let permit = Budget::new(1 << 20).reserve(1).await;
        let body = Arc::new(EventBody::new(records, Origin::any(), permit));
        let slice = Slice::whole(body, receipts.pop().unwrap());
        queue.send(slice).await.unwrap();
    }
    drop(queue);
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    let balance = ledgers.balance();
    assert_eq!((balance.error(), balance.sinks[0].delivered), (0, 6));
    assert_eq!(ledgers.dirty(id, generation).unwrap().1, 3);
    let count = |it: &std::sync::atomic::AtomicU64| it.load(Ordering::Relaxed);
    let stats = &context.stats;
    assert_eq!(count(&stats.records_accepted), 6);
    assert_eq!(count(&stats.bytes_plain), 3 * 17);
    assert_eq!((count(&stats.bytes_sent), count(&stats.requests)), (0, 0));
}
