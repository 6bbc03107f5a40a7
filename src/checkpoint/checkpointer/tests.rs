use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use async_trait::async_trait;
use smallvec::smallvec;

use super::*;
use crate::checkpoint::Ownership;
use crate::checkpoint::ledger::Settlement;
use crate::checkpoint::memory::MemoryStore;
use crate::checkpoint::receipts::Receipts;
use crate::event_hub::{Offset, SequenceNumber};

mod pace;

/// What happens to the next write.
const AS_USUAL: u8 = 0;
const NOT_DONE: u8 = 1;
const DONE_AND_NOT_ANSWERED: u8 = 2;

/// A store whose next write can go wrong, and that counts writes.
struct Flaky {
    inner: MemoryStore,
    next: AtomicU8,
    writes: AtomicUsize,
}

#[async_trait]
impl CheckpointStore for Flaky {
    async fn list_owners(&self, group: &GroupKey) -> Result<Vec<Ownership>, StoreError> {
        self.inner.list_owners(group).await
    }

    async fn claim(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        owner: &str,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        self.inner.claim(group, partition, owner, condition).await
    }

    async fn release(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        etag: ETag,
    ) -> Result<(), StoreError> {
        self.inner.release(group, partition, etag).await
    }

    async fn read(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
    ) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.inner.read(group, partition).await
    }

    async fn write(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        checkpoint: &Checkpoint,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        match self.next.swap(AS_USUAL, Ordering::Relaxed) {
            NOT_DONE => return Err(StoreError::Unavailable("away".into())),
            DONE_AND_NOT_ANSWERED => {
                self.inner
                    .write(group, partition, checkpoint, condition)
                    .await?;
                return Err(StoreError::Unavailable("no answer".into()));
            }
            _ => {}
        }
        self.inner
            .write(group, partition, checkpoint, condition)
            .await
    }
}

struct Case {
    store: Arc<Flaky>,
    ledgers: Arc<Ledgers>,
    checkpointer: Checkpointer,
    group: GroupKey,
    partition: PartitionId,
    ledger: (LedgerId, Generation),
    lost: CancellationToken,
}

fn position(sequence: i64) -> Position {
    Position {
        sequence: SequenceNumber(sequence),
        offset: Offset::new(format!("o{sequence}")),
        enqueued_at: Some(Timestamp(sequence)),
    }
}

impl Case {
    /// A partition that is held, with a checkpoint before its first event.
    async fn held() -> Self {
        let store = Arc::new(Flaky {
            inner: MemoryStore::new(),
            next: AtomicU8::new(AS_USUAL),
            writes: AtomicUsize::new(0),
        });
        let ledgers = Arc::new(Ledgers::new(1));
        let checkpointer = Checkpointer::new(
            Arc::clone(&store) as _,
            Arc::clone(&ledgers),
            Arc::default(),
        );
        let group = GroupKey::new("ns", "hub", "group");
        let partition = PartitionId::new("0");
        let id = ledgers.add("logs", &partition);
        let ledger = (id, ledgers.start(id, None));
        let first = Checkpoint {
            position: Position::before_first(),
            hub_created_at: None,
        };
        let etag = checkpointer
            .create(&group, &partition, &first)
            .await
            .unwrap();
        store
            .claim(&group, &partition, "me", Condition::Absent)
            .await
            .unwrap();
        let lost = CancellationToken::new();
        checkpointer.hold(Holding {
            source: "logs".to_owned(),
            group: group.clone(),
            partition: partition.clone(),
            ledger,
            hub_created_at: Timestamp(7),
            owner_id: "me".to_owned(),
            etag,
            lost: lost.clone(),
        });
        Self {
            store,
            ledgers,
            checkpointer,
            group,
            partition,
            ledger,
            lost,
        }
    }

    fn open(&self, sequence: i64) -> Receipts {
        let (id, generation) = self.ledger;
        let mut receipts = self
            .ledgers
            .open(id, generation, position(sequence), 1, 1, smallvec![1])
            .unwrap();
        receipts.pop().unwrap()
    }

    fn settle(&self, sequence: i64) {
        let receipts = self.open(sequence);
        self.ledgers.settle(receipts, Settlement::Delivered);
    }

    async fn stored(&self) -> i64 {
        let stored = self
            .store
            .read(&self.group, &self.partition)
            .await
            .unwrap()
            .unwrap();
        stored.checkpoint().unwrap().position.sequence.0
    }

    fn fail_next(&self, how: u8) {
        self.store.next.store(how, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn only_what_has_moved_is_written() {
    let case = Case::held().await;
    let writes = || case.store.writes.load(Ordering::Relaxed);
    let before = writes();
    assert!(case.checkpointer.store_all().await);
    assert_eq!(writes(), before);
    case.settle(0);
    case.settle(1);
    assert!(case.checkpointer.store_all().await);
    assert!(case.checkpointer.store_all().await);
    assert_eq!((writes(), case.stored().await), (before + 1, 1));
    let stored = case
        .store
        .read(&case.group, &case.partition)
        .await
        .unwrap()
        .unwrap();
    let checkpoint = stored.checkpoint().unwrap();
    assert_eq!(checkpoint.position, position(1));
    assert_eq!(checkpoint.hub_created_at, Some(Timestamp(7)));
    let (id, generation) = case.ledger;
    assert_eq!(case.ledgers.backlog(id, generation).uncommitted, 0);
}

#[tokio::test]
async fn a_write_that_failed_is_repeated() {
    let case = Case::held().await;
    case.settle(0);
    case.fail_next(NOT_DONE);
    assert!(!case.checkpointer.store_all().await);
    assert_eq!(case.stored().await, -1);
    assert!(case.checkpointer.store_all().await);
    assert_eq!(case.stored().await, 0);
    assert!(!case.lost.is_cancelled());
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_does_not_lose_the_partition() {
    let case = Case::held().await;
    case.settle(0);
    case.fail_next(DONE_AND_NOT_ANSWERED);
    assert!(!case.checkpointer.store_all().await);
    assert_eq!(case.stored().await, 0);
    case.settle(1);
    assert!(case.checkpointer.store_all().await);
    assert_eq!(case.stored().await, 1);
    assert!(!case.lost.is_cancelled());
}

#[tokio::test]
async fn a_new_owner_ends_the_writes_of_the_former_one() {
    let case = Case::held().await;
    case.settle(0);
    assert!(case.checkpointer.store_all().await);
    let other = Checkpointer::new(
        Arc::clone(&case.store) as _,
        Arc::new(Ledgers::new(1)),
        Arc::default(),
    );
    let stored = other.read(&case.group, &case.partition).await;
    let stored = stored.unwrap().unwrap();
    let checkpoint = stored.checkpoint().unwrap();
    assert_eq!(checkpoint.position, position(0));
    let (group, partition) = (&case.group, &case.partition);
    let taken = other.take_over(group, partition, checkpoint, stored.etag.clone());
    taken.await.unwrap();
    case.settle(1);
    assert!(
        case.checkpointer.store_all().await,
        "what is lost is its new owner's to store"
    );
    assert!(case.lost.is_cancelled());
    assert!(case.checkpointer.store_all().await, "also later");
    let id = case.ledger.0;
    assert!(!case.checkpointer.store_now(id).await, "it is not stored");
    assert_eq!(case.stored().await, 0);
    case.checkpointer.let_go(case.ledger.0).await;
    assert_eq!(
        case.stored().await,
        0,
        "nothing of a lost partition is stored, also at its end"
    );
}

#[tokio::test]
async fn the_last_watermark_is_stored_when_a_partition_is_let_go() {
    let case = Case::held().await;
    case.settle(0);
    case.checkpointer.let_go(case.ledger.0).await;
    assert_eq!(case.stored().await, 0);
    case.settle(1);
    assert!(case.checkpointer.store_all().await);
    assert_eq!(case.stored().await, 0, "it is not held any more");
}

#[tokio::test]
async fn a_new_generation_is_stored_at_once_with_its_own_hub() {
    let case = Case::held().await;
    case.settle(5);
    assert!(case.checkpointer.store_all().await);
    let id = case.ledger.0;
    let generation = case.ledgers.start(id, None);
    case.ledgers.pass(id, generation, position(2)).unwrap();
    assert!(
        case.checkpointer.store_all().await,
        "the former generation has nothing more"
    );
    assert_eq!(case.stored().await, 5);
    let renewed = case.checkpointer.renew(id, generation, Timestamp(8));
    renewed.await;
    case.fail_next(NOT_DONE);
    assert!(!case.checkpointer.store_now(id).await);
    assert!(case.checkpointer.store_now(id).await);
    assert_eq!(case.stored().await, 2);
    let read = case.store.read(&case.group, &case.partition).await;
    let stored = read.unwrap().unwrap();
    let checkpoint = stored.checkpoint().unwrap();
    assert_eq!(checkpoint.hub_created_at, Some(Timestamp(8)));
    assert_eq!(case.ledgers.balance().events, 1, "a position is no event");
    assert!(!case.lost.is_cancelled());
}

#[tokio::test]
async fn a_first_checkpoint_does_not_replace_one_that_is_there() {
    let case = Case::held().await;
    let first = Checkpoint {
        position: position(9),
        hub_created_at: None,
    };
    let again = case
        .checkpointer
        .create(&case.group, &case.partition, &first)
        .await;
    assert!(matches!(again, Err(StoreError::Conflict)));
    let other = PartitionId::new("1");
    let none = case.checkpointer.read(&case.group, &other).await;
    assert!(none.unwrap().is_none());
}
