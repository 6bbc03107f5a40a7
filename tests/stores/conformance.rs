//! What every checkpoint store must do: one function per property.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use entra_forwarder::checkpoint::{
    Checkpoint, CheckpointStore, Condition, ETag, GroupKey, Ownership, StoreError,
};
use entra_forwarder::event_hub::{Offset, PartitionId, Position, SequenceNumber, Timestamp};
use tokio::task::JoinSet;

pub(crate) type Store = Arc<dyn CheckpointStore>;

pub(crate) fn group() -> GroupKey {
    GroupKey::new(
        "logs.servicebus.windows.net",
        "insights-activity-logs",
        "$Default",
    )
}

pub(crate) fn partition(id: &str) -> PartitionId {
    PartitionId::new(id)
}

pub(crate) fn checkpoint(sequence: i64) -> Checkpoint {
    Checkpoint {
        position: Position {
            sequence: SequenceNumber(sequence),
            offset: Offset::new(format!("{}", sequence * 100)),
            enqueued_at: Some(Timestamp(1_763_712_930_125 + sequence)),
        },
        hub_created_at: Some(Timestamp(1_700_000_000_000)),
    }
}

#[track_caller]
pub(crate) fn assert_conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(
        matches!(result, Err(StoreError::Conflict)),
        "expected a conflict: {result:?}"
    );
}

async fn only_owner(store: &Store) -> Ownership {
    let mut owners = store.list_owners(&group()).await.unwrap();
    assert_eq!(owners.len(), 1, "{owners:?}");
    owners.remove(0)
}

pub(crate) async fn an_empty_store_holds_nothing(store: Store) {
    assert_eq!(store.list_owners(&group()).await.unwrap(), []);
    assert_eq!(store.read(&group(), &partition("0")).await.unwrap(), None);
}

pub(crate) async fn a_partition_is_claimed_once(store: Store) {
    let (group, zero) = (group(), partition("0"));
    let etag = store
        .claim(&group, &zero, "a", Condition::Absent)
        .await
        .unwrap();
    assert_conflict(store.claim(&group, &zero, "b", Condition::Absent).await);
    let owner = only_owner(&store).await;
    assert_eq!((owner.partition, owner.owner.as_deref()), (zero, Some("a")));
    assert_eq!(owner.etag, etag);
}

pub(crate) async fn a_claim_is_renewed_with_the_last_version_only(store: Store) {
    let (group, zero) = (group(), partition("0"));
    let first = store
        .claim(&group, &zero, "a", Condition::Absent)
        .await
        .unwrap();
    let renew = |etag: &ETag| store.claim(&group, &zero, "a", Condition::Matches(etag.clone()));
    let second = renew(&first).await.unwrap();
    assert_ne!(first, second);
    assert_conflict(renew(&first).await);
    let third = renew(&second).await.unwrap();
    // Whoever saw the last version may take over.
    store
        .claim(&group, &zero, "b", Condition::Matches(third.clone()))
        .await
        .unwrap();
    assert_conflict(renew(&third).await);
    assert_eq!(only_owner(&store).await.owner.as_deref(), Some("b"));
}

pub(crate) async fn a_released_partition_is_free(store: Store) {
    let (group, zero) = (group(), partition("0"));
    let etag = store
        .claim(&group, &zero, "a", Condition::Absent)
        .await
        .unwrap();
    store.release(&group, &zero, etag.clone()).await.unwrap();
    let released = only_owner(&store).await;
    assert_eq!(released.owner, None);
    assert_conflict(store.release(&group, &zero, etag).await);
    assert_conflict(store.claim(&group, &zero, "b", Condition::Absent).await);
    store
        .claim(&group, &zero, "b", Condition::Matches(released.etag))
        .await
        .unwrap();
    assert_eq!(only_owner(&store).await.owner.as_deref(), Some("b"));
}

pub(crate) async fn a_lost_partition_cannot_be_released(store: Store) {
    let (group, zero) = (group(), partition("0"));
    let old = store
        .claim(&group, &zero, "a", Condition::Absent)
        .await
        .unwrap();
    store
        .claim(&group, &zero, "b", Condition::Matches(old.clone()))
        .await
        .unwrap();
    assert_conflict(store.release(&group, &zero, old).await);
    assert_eq!(only_owner(&store).await.owner.as_deref(), Some("b"));
}

pub(crate) async fn ages_grow_and_begin_anew_at_renewal(store: Store) {
    let (group, zero) = (group(), partition("0"));
    let etag = store
        .claim(&group, &zero, "a", Condition::Absent)
        .await
        .unwrap();
    assert!(only_owner(&store).await.age <= Duration::from_secs(2));
    let mut aged = Duration::ZERO;
    for _ in 0..200 {
        aged = only_owner(&store).await.age;
        if aged >= Duration::from_secs(1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        aged >= Duration::from_secs(1),
        "after ten seconds the age is {aged:?}"
    );
    store
        .claim(&group, &zero, "a", Condition::Matches(etag))
        .await
        .unwrap();
    assert!(only_owner(&store).await.age < aged);
}

pub(crate) async fn a_checkpoint_is_created_once(store: Store) {
    let (group, zero) = (group(), partition("0"));
    let etag = store
        .write(&group, &zero, &checkpoint(1), Condition::Absent)
        .await
        .unwrap();
    assert_conflict(
        store
            .write(&group, &zero, &checkpoint(2), Condition::Absent)
            .await,
    );
    let stored = store.read(&group, &zero).await.unwrap().unwrap();
    assert_eq!(stored.checkpoint(), Some(&checkpoint(1)));
    assert_eq!(stored.etag, etag);
}

pub(crate) async fn a_checkpoint_is_replaced_in_its_last_version_only(store: Store) {
    let (group, zero) = (group(), partition("0"));
    let (one, two) = (checkpoint(1), checkpoint(2));
    let first = store
        .write(&group, &zero, &one, Condition::Absent)
        .await
        .unwrap();
    let second = store
        .write(&group, &zero, &two, Condition::Matches(first.clone()))
        .await
        .unwrap();
    assert_conflict(
        store
            .write(&group, &zero, &one, Condition::Matches(first))
            .await,
    );
    let stored = store.read(&group, &zero).await.unwrap().unwrap();
    assert_eq!(stored.checkpoint(), Some(&two));
    assert_eq!(stored.etag, second);
}

pub(crate) async fn writing_the_same_checkpoint_again_fences_others_off(store: Store) {
    let (group, zero) = (group(), partition("0"));
    let same = checkpoint(1);
    let former = store
        .write(&group, &zero, &same, Condition::Absent)
        .await
        .unwrap();
    let touched = store
        .write(&group, &zero, &same, Condition::Matches(former.clone()))
        .await
        .unwrap();
    assert_ne!(former, touched);
    assert_conflict(
        store
            .write(&group, &zero, &checkpoint(9), Condition::Matches(former))
            .await,
    );
}

pub(crate) async fn a_condition_on_nothing_does_not_hold(store: Store) {
    let (group, zero) = (group(), partition("0"));
    let etag = store
        .claim(&group, &partition("1"), "a", Condition::Absent)
        .await
        .unwrap();
    let matches = Condition::Matches(etag.clone());
    assert_conflict(store.claim(&group, &zero, "a", matches.clone()).await);
    assert_conflict(store.write(&group, &zero, &checkpoint(1), matches).await);
    assert_conflict(store.release(&group, &zero, etag).await);
}

pub(crate) async fn every_field_of_a_checkpoint_comes_back(store: Store) {
    let (group, zero) = (group(), partition("0"));
    let mut condition = Condition::Absent;
    let offsets = [
        "-1",
        "0",
        "8589934592",
        "007",
        "0:3:8591964920",
        "@latest",
        "a b=c;d,e",
    ];
    let moments = [None, Some(Timestamp(0)), Some(Timestamp(1_763_712_930_125))];
    for (index, offset) in offsets.into_iter().enumerate() {
        for sequence in [-1, 0, i64::MAX] {
            let written = Checkpoint {
                position: Position {
                    sequence: SequenceNumber(sequence),
                    offset: Offset::new(offset),
                    enqueued_at: moments[index % 3],
                },
                hub_created_at: moments[(index + 1) % 3],
            };
            let etag = store
                .write(&group, &zero, &written, condition)
                .await
                .unwrap();
            let stored = store.read(&group, &zero).await.unwrap().unwrap();
            assert_eq!((stored.checkpoint(), &stored.etag), (Some(&written), &etag));
            condition = Condition::Matches(etag);
        }
    }
}

pub(crate) async fn groups_do_not_see_each_other(store: Store) {
    let zero = partition("0");
    let names = ["logs", "logs2"];
    for (index, name) in (0..).zip(names) {
        let group = GroupKey::new("ns", name, "g");
        store
            .claim(&group, &zero, name, Condition::Absent)
            .await
            .unwrap();
        store
            .write(&group, &zero, &checkpoint(index), Condition::Absent)
            .await
            .unwrap();
    }
    for (index, name) in (0..).zip(names) {
        let group = GroupKey::new("ns", name, "g");
        let owners = store.list_owners(&group).await.unwrap();
        assert_eq!(owners.len(), 1);
        assert_eq!(owners[0].owner.as_deref(), Some(name));
        let stored = store.read(&group, &zero).await.unwrap().unwrap();
        assert_eq!(stored.checkpoint(), Some(&checkpoint(index)));
    }
    for other in [
        GroupKey::new("ns", "log", "g"),
        GroupKey::new("ns", "logs", "other"),
    ] {
        assert_eq!(store.list_owners(&other).await.unwrap(), []);
        assert_eq!(store.read(&other, &zero).await.unwrap(), None);
    }
}

pub(crate) async fn the_case_of_names_does_not_matter(store: Store) {
    let (upper, lower) = (
        GroupKey::new("NS", "Hub", "$Default"),
        GroupKey::new("ns", "hub", "$default"),
    );
    let zero = partition("0");
    store
        .claim(&upper, &zero, "a", Condition::Absent)
        .await
        .unwrap();
    assert_conflict(store.claim(&lower, &zero, "b", Condition::Absent).await);
    store
        .write(&upper, &zero, &checkpoint(1), Condition::Absent)
        .await
        .unwrap();
    assert_eq!(
        store.list_owners(&lower).await.unwrap()[0].owner.as_deref(),
        Some("a")
    );
    let stored = store.read(&lower, &zero).await.unwrap().unwrap();
    assert_eq!(Some(stored), store.read(&upper, &zero).await.unwrap());
}

pub(crate) async fn of_concurrent_claims_one_wins(store: Store) {
    let zero = partition("0");
    let mut condition = Condition::Absent;
    for _ in 0..3 {
        let mut tasks = JoinSet::new();
        for index in 0..16 {
            let (store, zero, condition) = (Arc::clone(&store), zero.clone(), condition.clone());
            tasks.spawn(async move {
                let owner = format!("replica-{index}");
                let result = store.claim(&group(), &zero, &owner, condition).await;
                (owner, result)
            });
        }
        let mut winners = Vec::new();
        for (owner, result) in tasks.join_all().await {
            match result {
                Ok(etag) => winners.push((owner, etag)),
                conflict => assert_conflict(conflict),
            }
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        let (owner, etag) = winners.remove(0);
        let listed = only_owner(&store).await;
        assert_eq!((listed.owner, &listed.etag), (Some(owner), &etag));
        condition = Condition::Matches(etag);
    }
}

pub(crate) async fn of_concurrent_writes_one_wins(store: Store) {
    let zero = partition("0");
    let etag = store
        .write(&group(), &zero, &checkpoint(0), Condition::Absent)
        .await
        .unwrap();
    let mut tasks = JoinSet::new();
    for index in 1..=16 {
        let (store, zero, etag) = (Arc::clone(&store), zero.clone(), etag.clone());
        tasks.spawn(async move {
            let condition = Condition::Matches(etag);
            (
                index,
                store
                    .write(&group(), &zero, &checkpoint(index), condition)
                    .await,
            )
        });
    }
    let mut winners = Vec::new();
    for (index, result) in tasks.join_all().await {
        match result {
            Ok(etag) => winners.push((index, etag)),
            conflict => assert_conflict(conflict),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let stored = store.read(&group(), &zero).await.unwrap().unwrap();
    assert_eq!(stored.checkpoint(), Some(&checkpoint(winners[0].0)));
    assert_eq!(stored.etag, winners[0].1);
}

pub(crate) async fn many_partitions_are_all_listed(store: Store, partitions: u32) {
    for index in 0..partitions {
        let id = partition(&index.to_string());
        let etag = store
            .claim(&group(), &id, &format!("owner-{index}"), Condition::Absent)
            .await;
        if index % 10 == 3 {
            store.release(&group(), &id, etag.unwrap()).await.unwrap();
        }
    }
    let owners = store.list_owners(&group()).await.unwrap();
    let found: HashSet<_> = owners
        .iter()
        .map(|owner| (owner.partition.to_string(), owner.owner.clone()))
        .collect();
    let expected: HashSet<_> = (0..partitions)
        .map(|index| {
            let owner = (index % 10 != 3).then(|| format!("owner-{index}"));
            (index.to_string(), owner)
        })
        .collect();
    assert_eq!(owners.len(), expected.len());
    assert_eq!(found, expected);
}
