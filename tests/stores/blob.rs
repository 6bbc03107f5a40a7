//! What only the blob store does: the layout of the Azure SDKs, and the service's clock.

use std::collections::BTreeMap;
use std::time::Duration;

use entra_forwarder::checkpoint::blob::{BlobStore, Container};
use entra_forwarder::checkpoint::{
    Checkpoint, CheckpointStore, Condition, GroupKey, Recorded, StoreError, StoredCheckpoint,
};
use entra_forwarder::config::Secret;
use entra_forwarder::event_hub::{Offset, Position, SequenceNumber};
use tokio::task::JoinSet;

use crate::azurite::TestContainer;
use crate::conformance::{checkpoint, group, partition};
use crate::stub::{Stub, put_exactly};

pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) fn open(url: &str, timeout: Duration) -> BlobStore {
    BlobStore::new(Container::new(&Secret::new(url), None, timeout).unwrap())
}

fn foreign(sequence: i64, offset: Offset) -> Checkpoint {
    let sequence = SequenceNumber(sequence);
    Checkpoint {
        position: Position {
            sequence,
            offset,
            enqueued_at: None,
        },
        hub_created_at: None,
    }
}

#[tokio::test]
async fn the_layout_is_that_of_the_azure_sdks() {
    let container = TestContainer::create().await;
    let store = open(&container.url(), TIMEOUT);
    let group = GroupKey::new("Logs.servicebus.windows.net", "Hub", "$Default");
    let etag = store
        .claim(&group, &partition("7"), "me", Condition::Absent)
        .await
        .unwrap();
    store
        .write(&group, &partition("7"), &checkpoint(42), Condition::Absent)
        .await
        .unwrap();

    let prefix = "logs.servicebus.windows.net/hub/$default";
    let path = format!("{prefix}/ownership/7");
    let owned = container.metadata(&path).await.unwrap();
    assert_eq!(
        owned,
        BTreeMap::from([("ownerid".to_owned(), "me".to_owned())])
    );
    let stored = container
        .metadata(&format!("{prefix}/checkpoint/7"))
        .await
        .unwrap();
    let expected = [
        ("enqueuedtime", "2025-11-21T08:15:30.167Z"),
        ("hubcreatedon", "2023-11-14T22:13:20.000Z"),
        ("offset", "4200"),
        ("sequencenumber", "42"),
    ];
    assert_eq!(
        stored,
        expected
            .map(|(name, value)| (name.into(), value.into()))
            .into()
    );

    store.release(&group, &partition("7"), etag).await.unwrap();
    let released = container.metadata(&path).await.unwrap();
    assert_eq!(released.get("ownerid").map_or("", String::as_str), "");
}

#[tokio::test]
async fn checkpoints_of_other_sdks_are_read() {
    let container = TestContainer::create().await;
    let store = open(&container.url(), TIMEOUT);
    let group = group();
    let number_only = Recorded::Checkpoint(foreign(8, Offset::beginning()));
    for (id, metadata, expected) in [
        (
            "java",
            vec![("SequenceNumber", "7"), ("Offset", "700")],
            Some(Recorded::Checkpoint(foreign(7, Offset::new("700")))),
        ),
        (
            "empty",
            vec![("sequencenumber", "8"), ("offset", "")],
            Some(number_only.clone()),
        ),
        (
            "old",
            vec![("sequencenumber", "8"), ("offset", "no offset")],
            Some(number_only),
        ),
        (
            "offset",
            vec![("sequencenumber", ""), ("offset", "700")],
            Some(Recorded::OffsetOnly(Offset::new("700"))),
        ),
        ("nothing", vec![], None),
    ] {
        let id = partition(id);
        put_exactly(&container.blob_url(&group.checkpoint(&id)), &metadata).await;
        let stored = store.read(&group, &id).await;
        match expected {
            Some(expected) => {
                let StoredCheckpoint { recorded, etag, .. } = stored.unwrap().unwrap();
                assert_eq!(recorded, expected, "{id}");
                store
                    .write(&group, &id, &checkpoint(9), Condition::Matches(etag))
                    .await
                    .unwrap();
            }
            None => {
                let error = stored.unwrap_err();
                assert!(
                    matches!(error, StoreError::Unreadable { .. }),
                    "{id}: {error}"
                );
                assert!(
                    error.to_string().contains(&group.checkpoint(&id)),
                    "{error}"
                );
            }
        }
    }
}

#[tokio::test]
async fn owners_of_other_sdks_are_read() {
    let container = TestContainer::create().await;
    let store = open(&container.url(), TIMEOUT);
    let group = group();
    for (id, metadata) in [
        ("java", vec![("OwnerId", "someone")]),
        ("released", vec![("ownerid", "")]),
        ("bare", vec![]),
    ] {
        put_exactly(
            &container.blob_url(&group.ownership(&partition(id))),
            &metadata,
        )
        .await;
    }
    let mut owners = store.list_owners(&group).await.unwrap();
    owners.sort_by_key(|owner| owner.partition.clone());
    let found: Vec<_> = owners
        .iter()
        .map(|owner| (owner.partition.as_str(), owner.owner.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            ("bare", None),
            ("java", Some("someone")),
            ("released", None)
        ]
    );
    for owner in owners {
        let condition = Condition::Matches(owner.etag);
        store
            .claim(&group, &owner.partition, "me", condition)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_checkpoint_on_a_path_of_other_case_is_taken_over_once() {
    let container = TestContainer::create().await;
    let group = GroupKey::new("NS.servicebus.windows.net", "Hub", "$Default");
    let zero = partition("0");
    let path = format!("{}/checkpoint/0", group.case_kept_prefix());
    let written = [("sequencenumber", "5"), ("offset", "500")];
    put_exactly(&container.blob_url(&path), &written).await;

    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (store, group, zero) = (open(&container.url(), TIMEOUT), group.clone(), zero.clone());
        tasks.spawn(async move { store.read(&group, &zero).await.unwrap().unwrap() });
    }
    let mut read = tasks.join_all().await;
    read.dedup();
    let [stored] = &read[..] else {
        panic!("not all read the same: {read:?}")
    };
    assert_eq!(stored.checkpoint(), Some(&foreign(5, Offset::new("500"))));

    let store = open(&container.url(), TIMEOUT);
    let condition = Condition::Matches(stored.etag.clone());
    store
        .write(&group, &zero, &checkpoint(6), condition)
        .await
        .unwrap();
    // From now on the other one does not count any more.
    let stored = store.read(&group, &zero).await.unwrap().unwrap();
    assert_eq!(stored.checkpoint(), Some(&checkpoint(6)));
    assert_eq!(
        container.metadata(&path).await.unwrap()["sequencenumber"],
        "5"
    );
}

#[tokio::test]
async fn an_owner_on_a_path_of_other_case_is_seen_apart() {
    let container = TestContainer::create().await;
    let group = GroupKey::new("NS.servicebus.windows.net", "Hub", "$Default");
    let path = format!("{}/ownership/3", group.case_kept_prefix());
    put_exactly(&container.blob_url(&path), &[("ownerid", "a Go program")]).await;
    let store = open(&container.url(), TIMEOUT);
    assert_eq!(store.list_owners(&group).await.unwrap(), []);
    let unseen = store.list_unseen_owners(&group).await.unwrap();
    let [owner] = &unseen[..] else {
        panic!("{unseen:?}")
    };
    assert_eq!(
        (owner.partition.as_str(), owner.owner.as_deref()),
        ("3", Some("a Go program"))
    );
    let lower = GroupKey::new("ns.servicebus.windows.net", "hub", "$default");
    assert_eq!(store.list_unseen_owners(&lower).await.unwrap(), []);
}

#[tokio::test]
async fn ages_come_from_the_service_clock_alone() {
    let name = format!("{}/ownership/0", group().prefix());
    let body = format!(
        "<?xml version=\"1.0\"?><EnumerationResults><Blobs><Blob><Name>{name}</Name><Properties>\
         <Last-Modified>Wed, 02 Jan 2030 03:04:05 GMT</Last-Modified><Etag>0x1</Etag></Properties>\
         <Metadata><ownerid>a</ownerid></Metadata></Blob></Blobs><NextMarker/></EnumerationResults>"
    );
    for (date, seconds) in [
        ("Wed, 02 Jan 2030 03:05:15 GMT", 70),
        ("Wed, 02 Jan 2030 03:04:05 GMT", 0),
        ("Wed, 02 Jan 2030 03:04:00 GMT", 0),
    ] {
        let stub = Stub::start(Stub::answer("200 OK", &format!("date: {date}\r\n"), &body)).await;
        let owners = open(&stub.url, TIMEOUT)
            .list_owners(&group())
            .await
            .unwrap();
        assert_eq!(owners[0].age, Duration::from_secs(seconds), "{date}");
    }
}
