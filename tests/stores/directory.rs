//! What only the directory store does: files that are private, whole, and inside their folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use entra_forwarder::checkpoint::directory::DirectoryStore;
use entra_forwarder::checkpoint::{CheckpointStore, Condition, GroupKey, StoreError};

use crate::conformance::{assert_conflict, checkpoint, group, partition};

const TIMEOUT: Duration = Duration::from_secs(30);

/// All files below a folder, without hidden ones, relative to it.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if !entry.file_name().to_str().unwrap().starts_with('.') {
                found.push(entry.path().strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn files_have_the_layout_and_keys_of_the_blobs() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryStore::new(root.path(), TIMEOUT);
    let group = GroupKey::new("NS.net", "Hub", "$Default");
    let etag = store
        .write(&group, &partition("3"), &checkpoint(1), Condition::Absent)
        .await;
    store
        .claim(&group, &partition("3"), "me", Condition::Absent)
        .await
        .unwrap();
    let expected = [
        "ns.net/hub/$default/checkpoint/3.json",
        "ns.net/hub/$default/ownership/3.json",
    ];
    assert_eq!(files(root.path()), expected.map(PathBuf::from));
    let text = fs::read(root.path().join(expected[0])).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let expected = serde_json::json!({
        "sequencenumber": "1",
        "offset": "100",
        "enqueuedtime": "2025-11-21T08:15:30.126Z",
        "hubcreatedon": "2023-11-14T22:13:20.000Z",
        "etag": etag.unwrap().as_str(),
    });
    assert_eq!(value, expected);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("store");
    let store = DirectoryStore::new(&root, TIMEOUT);
    store
        .claim(&group(), &partition("0"), "me", Condition::Absent)
        .await
        .unwrap();
    store.list_owners(&group()).await.unwrap();
    let mut pending = vec![root];
    while let Some(path) = pending.pop() {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            mode,
            if path.is_dir() { 0o700 } else { 0o600 },
            "{}",
            path.display()
        );
        if path.is_dir() {
            pending.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
}

#[tokio::test]
async fn a_torn_file_is_named_and_never_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryStore::new(root.path(), TIMEOUT);
    let (group, zero) = (group(), partition("0"));
    let etag = store
        .write(&group, &zero, &checkpoint(1), Condition::Absent)
        .await
        .unwrap();
    store
        .claim(&group, &zero, "me", Condition::Absent)
        .await
        .unwrap();
    let path = |name: String| root.path().join(name + ".json");
    let (position, owner) = (path(group.checkpoint(&zero)), path(group.ownership(&zero)));
    for torn in [
        "",
        "{\"sequencenumber\":\"1",
        "[]",
        "{\"sequencenumber\":\"1\"}",
    ] {
        fs::write(&position, torn).unwrap();
        fs::write(&owner, torn).unwrap();
        let matches = Condition::Matches(etag.clone());
        for (error, path) in [
            (store.read(&group, &zero).await.unwrap_err(), &position),
            (
                store
                    .write(&group, &zero, &checkpoint(2), matches)
                    .await
                    .unwrap_err(),
                &position,
            ),
            (store.list_owners(&group).await.unwrap_err(), &owner),
        ] {
            assert!(
                matches!(error, StoreError::Unreadable { .. }),
                "{torn}: {error}"
            );
            assert!(
                error.to_string().contains(path.to_str().unwrap()),
                "{error}"
            );
        }
        assert_conflict(
            store
                .write(&group, &zero, &checkpoint(2), Condition::Absent)
                .await,
        );
        assert_eq!(fs::read_to_string(&position).unwrap(), torn);
    }
}

#[tokio::test]
async fn hostile_names_stay_inside() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("store");
    let store = DirectoryStore::new(&root, TIMEOUT);
    let ids = [
        "../../../../up",
        "/etc/passwd",
        "a/b",
        "..",
        ".hidden",
        "a b\n\0",
        "%2E",
        "ü",
    ];
    let group = GroupKey::new("..", "../../..", "");
    for id in ids {
        let zero = partition(id);
        store
            .write(&group, &zero, &checkpoint(1), Condition::Absent)
            .await
            .unwrap();
        assert!(store.read(&group, &zero).await.unwrap().is_some(), "{id:?}");
    }
    let inside = files(&root).len();
    assert_eq!(inside, ids.len());
    assert_eq!(files(outer.path()).len(), inside);
    for id in ["..", ".hidden", "a b\n\0", "%2E", "ü"] {
        store
            .claim(&group, &partition(id), "me", Condition::Absent)
            .await
            .unwrap();
    }
    assert_eq!(store.list_owners(&group).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_lock_that_another_holds_costs_the_time_limit_only() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryStore::new(root.path(), Duration::from_millis(100));
    let lock = fs::File::create(root.path().join(".lock")).unwrap();
    lock.lock().unwrap();
    let (group, zero) = (group(), partition("0"));
    let claim = || store.claim(&group, &zero, "me", Condition::Absent);
    let began = tokio::time::Instant::now();
    let error = claim().await.unwrap_err();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(
        error.to_string().contains("another process holds it"),
        "{error}"
    );
    drop(lock);
    claim().await.unwrap();
}

#[tokio::test]
async fn what_a_crash_left_behind_is_no_obstacle() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryStore::new(root.path(), TIMEOUT);
    store
        .claim(&group(), &partition("0"), "me", Condition::Absent)
        .await
        .unwrap();
    let folder = root.path().join(group().prefix()).join("ownership");
    fs::write(folder.join(".1.json.new"), "{\"owner").unwrap();
    fs::write(folder.join("README.txt"), "not ours").unwrap();
    assert_eq!(store.list_owners(&group()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let store = DirectoryStore::new(file.join("store"), TIMEOUT);
    let result = store
        .claim(&group(), &partition("0"), "me", Condition::Absent)
        .await;
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(error.to_string().contains("file"), "{error}");
}
