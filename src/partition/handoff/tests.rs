//! What is counted, what becomes a dead letter, and that the watermark moves.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

use super::*;
use crate::checkpoint::ledger::Settlement;
use crate::clock::{SharedRng, SystemClock};
use crate::deliver::dead_letter::memory::MemoryDeadLetters;
use crate::envelope::Unparsable;
use crate::event_hub::{Offset, SequenceNumber};

struct Case {
    stages: Stages,
    letters: MemoryDeadLetters,
    slices: Receiver<Slice>,
    ledger: (LedgerId, Generation),
    next: i64,
}

impl Case {
    fn new(on_unparsable: OnUnparsable) -> Self {
        let ledgers = Arc::new(Ledgers::new(1));
        let id = ledgers.add("logs", &PartitionId::new("0"));
        let ledger = (id, ledgers.start(id, None));
        let (queue, slices) = mpsc::channel(16);
        let letters = MemoryDeadLetters::new();
        let stages = Stages {
            source: "logs".into(),
            hub: Arc::new(HubName::new("contoso.servicebus.windows.net", "logs")),
            on_unparsable,
            expansion_max: 1 << 20,
            ledgers,
            budget: Budget::new(1 << 20),
            filter: Filter::none(1),
            sinks: vec![queue],
            dead_letters: Arc::new(letters.clone()),
            status: Arc::default(),
            rng: Arc::new(SharedRng::seeded(1)),
            clock: Arc::new(SystemClock),
            stats: Arc::default(),
            categories: Arc::default(),
            oddities: Oddities::default(),
        };
        Self {
            stages,
            letters,
            slices,
            ledger,
            next: 0,
        }
    }

    /// Hands an event on; gives the indices of the records that the sink gets, which are settled.
    async fn hand_on(&mut self, body: Body) -> Vec<u32> {
        let position = Position {
            sequence: SequenceNumber(self.next),
            offset: Offset::new(self.next.to_string()),
            enqueued_at: None,
        };
        self.next += 1;
        let event = ReceivedEvent { position, body };
        let partition = PartitionId::new("0");
        let handed = self.stages.hand_on(&partition, self.ledger, event).await;
        handed.unwrap();
        let mut indices = Vec::new();
        while let Ok(slice) = self.slices.try_recv() {
            indices.extend(slice.records().map(|record| record.index()));
            let receipts = slice.into_receipts();
            self.stages.ledgers.settle(receipts, Settlement::Delivered);
        }
        // Whatever it was, the watermark is behind it.
        let (watermark, _) = self
            .stages
            .ledgers
            .dirty(self.ledger.0, self.ledger.1)
            .unwrap();
        assert_eq!(watermark.sequence, SequenceNumber(self.next - 1));
        indices
    }

    async fn hand_on_text(&mut self, text: &'static str) -> Vec<u32> {
        let body = Bytes::from_static(text.as_bytes());
        self.hand_on(Body::Bytes(body)).await
    }

    fn count(&self, of: fn(&ReadStats) -> &AtomicU64) -> u64 {
        of(&self.stages.stats).load(Ordering::Relaxed)
    }

    fn unparsable(&self, kind: Unparsable) -> u64 {
        self.stages.stats.unparsable[kind.index()].load(Ordering::Relaxed)
    }
}

const MIXED: &str = "{\"a\":1}\nno json\n{'b':2}\n{\"c\":3";

#[tokio::test]
async fn events_without_records_settle_at_once_and_are_counted() {
    let mut case = Case::new(OnUnparsable::Wrap);
    for text in ["", " \r\n", "{\"records\":[]}", "{\"records\":null}"] {
        assert!(case.hand_on_text(text).await.is_empty());
    }
    assert_eq!(case.count(|it| &it.empty), 4);
    assert_eq!(case.hand_on_text("{\"records\":[{}]}").await, [0]);
    assert_eq!(case.count(|it| &it.empty), 4);
}

#[tokio::test]
async fn what_is_mended_or_no_json_is_counted_by_kind() {
    let mut case = Case::new(OnUnparsable::Wrap);
    assert_eq!(case.hand_on_text(MIXED).await, [0, 1, 2, 3]);
    assert_eq!(case.count(|it| &it.repaired), 1);
    assert_eq!(case.unparsable(Unparsable::Text), 1);
    assert_eq!(case.unparsable(Unparsable::Truncated), 1);
    assert_eq!(case.count(|it| &it.dead_lettered), 0);
    let utf16: Vec<u8> = "{\"a\":1}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(case.hand_on(Body::Bytes(utf16.into())).await, [0]);
    assert_eq!(case.count(|it| &it.encoded), 1);
}

#[tokio::test]
async fn text_becomes_dead_letters_and_records_keep_their_indices() {
    let mut case = Case::new(OnUnparsable::DeadLetter);
    assert_eq!(case.hand_on_text(MIXED).await, [0, 2]);
    assert_eq!(case.count(|it| &it.dead_lettered), 2);
    let letters: Vec<_> = case
        .letters
        .all()
        .into_iter()
        .map(|letter| (letter.facts.index, letter.facts.reason, letter.body))
        .collect();
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    assert_eq!(
        letters,
        [
            (Some(1), "text".into(), text("no json")),
            (Some(3), "truncated".into(), text("{\"c\":3")),
        ]
    );
}

#[tokio::test]
async fn an_event_without_bytes_is_kept_whole() {
    let mut case = Case::new(OnUnparsable::Wrap);
    let body = Body::Unsupported("list", Bytes::from_static(b"[1]"));
    assert!(case.hand_on(body).await.is_empty());
    let letters = case.letters.all();
    assert_eq!(letters[0].body, "[1]");
    assert_eq!(case.count(|it| &it.dead_lettered), 1);
}
