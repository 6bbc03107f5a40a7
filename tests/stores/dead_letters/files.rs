//! What only the directory does.

use std::fs;
use std::path::PathBuf;

use entra_forwarder::deliver::dead_letter::{DeadLetterStore, Which};

use super::*;
use crate::directory::files;

fn assert_fields(fields: &BTreeMap<String, String>) {
    let expected = letter(Some(7), "body");
    let expected: BTreeMap<_, _> = [
        ("reason", "refused"),
        ("sink", "siem"),
        ("source", "entra"),
        ("namespace", "contoso.servicebus.windows.net"),
        ("hub", "logs"),
        ("partition", "3"),
        ("sequence", "42"),
        ("offset", "4200"),
        ("index", "7"),
        ("enqueuedtime", "2025-11-21T08:15:30.167Z"),
        ("firstseen", "2025-11-21T08:15:30.125Z"),
        ("answer", "status 400: \"nö\"\r\n"),
        ("id", &expected.id().to_string()),
        ("size", "4"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    assert_eq!(*fields, expected);
}

#[tokio::test]
async fn bytes_and_fields_are_files_beside_each_other() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryDeadLetters::new(root.path(), TIMEOUT);
    let one = letter(Some(7), "body");
    store.write(std::slice::from_ref(&one)).await.unwrap();
    let name = one.name();
    let names = [format!("{name}.bin"), format!("{name}.json")].map(PathBuf::from);
    assert_eq!(files(root.path()), names);
    assert_eq!(fs::read(root.path().join(&names[0])).unwrap(), b"body");
    let sidecar = fs::read(root.path().join(&names[1])).unwrap();
    assert_fields(&serde_json::from_slice(&sidecar).unwrap());
}

#[tokio::test]
async fn a_batch_is_a_file_of_lines() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryDeadLetters::new(root.path(), TIMEOUT);
    store.write(&many()).await.unwrap();
    let names = files(root.path());
    assert_eq!(names.len(), 1);
    assert_eq!(names[0].extension().unwrap(), "ndjson");
    let text = fs::read_to_string(root.path().join(&names[0])).unwrap();
    let lines: Vec<BTreeMap<String, String>> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 20);
    for (line, letter) in lines.iter().zip(many()) {
        assert_eq!(line["id"], letter.id().to_string());
        match std::str::from_utf8(&letter.body) {
            Ok(text) => assert_eq!(line["body"], text),
            Err(_) => assert!(line["body_base64"].starts_with("/wA")),
        }
    }
}

#[tokio::test]
async fn a_sidecar_lost_in_a_crash_is_told_and_written_again() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryDeadLetters::new(root.path(), TIMEOUT);
    let one = letter(Some(7), "body");
    store.write(std::slice::from_ref(&one)).await.unwrap();
    let file = |suffix: &str| root.path().join(one.name() + suffix);
    fs::remove_file(file(".json")).unwrap();
    let found = listed(&store).await;
    let Content::Unreadable(problem) = &found[0].content else {
        panic!("{found:?}");
    };
    assert!(problem.contains("fields are not there"), "{problem}");
    let read = store.read(&one.name()).await.unwrap().unwrap();
    assert_eq!((read.letters.len(), read.damaged.len()), (0, 1));
    store.write(std::slice::from_ref(&one)).await.unwrap();
    holds(&store, std::slice::from_ref(&one)).await;
    // The other way round: removing was cut off.
    fs::remove_file(file(".json")).unwrap();
    let found = listed(&store).await.remove(0);
    store
        .remove(&found.name, &found.version, Which::All)
        .await
        .unwrap();
    assert_eq!(files(root.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_is_foreign_or_damaged_is_told_and_hinders_nothing() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryDeadLetters::new(root.path(), TIMEOUT);
    let one = letter(Some(7), "body");
    let damaged: Vec<_> = (0..4)
        .map(|it| of_event(it, letter(None, "body")))
        .collect();
    store.write(std::slice::from_ref(&one)).await.unwrap();
    for letter in &damaged {
        store.write(std::slice::from_ref(letter)).await.unwrap();
    }
    let file = |number: usize, suffix: &str| root.path().join(damaged[number].name() + suffix);
    fs::write(file(0, ".json"), "{\"reason\":").unwrap();
    fs::write(file(1, ".bin"), "bod").unwrap();
    fs::write(file(2, ".bin"), "bady").unwrap();
    fs::remove_file(file(3, ".bin")).unwrap();
    fs::write(root.path().join("notes.txt"), "foreign").unwrap();
    fs::write(root.path().join("entra/a name.json"), "{}").unwrap();
    let found = listed(&store).await;
    assert_eq!(found.len(), 7);
    let readable = |listed: &&Listed| !matches!(listed.content, Content::Unreadable(_));
    // Bytes that were changed and are as many show when they are read.
    assert_eq!(found.iter().filter(readable).count(), 2);
    for letter in &damaged {
        let read = store.read(&letter.name()).await.unwrap().unwrap();
        assert_eq!((read.letters.len(), read.damaged.len()), (0, 1));
    }
    let read = store.read(&one.name()).await.unwrap().unwrap();
    assert_eq!(read.letters[0].body, one.body);
}

#[tokio::test]
async fn what_the_previous_layout_wrote_is_read_and_removed() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryDeadLetters::new(root.path(), TIMEOUT);
    let folder = root.path().join("entra/-/2025-11-21");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("3-42-7.bin"), "body").unwrap();
    let sidecar = "{\"digest\":\"00ff\",\"index\":\"7\",\"offset\":\"4200\",\"partition\":\"3\",\
                   \"reason\":\"text\",\"sequence\":\"42\",\"source\":\"entra\"}";
    fs::write(folder.join("3-42-7.json"), sidecar).unwrap();
    let found = listed(&store).await.remove(0);
    let Content::One(facts) = &found.content else {
        panic!("{found:?}");
    };
    assert_eq!((facts.id.as_str(), facts.size), ("00ff", 4));
    assert_eq!(facts.first_seen, found.modified_at);
    assert_eq!(facts.index, Some(7));
    let read = store.read("entra/-/2025-11-21/3-42-7").await.unwrap();
    assert_eq!(read.unwrap().letters[0].body, "body");
    let these = BTreeSet::from(["00ff".to_owned()]);
    let which = Which::These(&these);
    store
        .remove(&found.name, &found.version, which)
        .await
        .unwrap();
    assert_eq!(files(root.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_for_a_while_is_an_error_for_a_while() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("entra"), "in the way").unwrap();
    let store = DirectoryDeadLetters::new(root.path(), TIMEOUT);
    let all = many();
    for _ in 0..2 {
        let error = store.write(&all).await.unwrap_err();
        assert!(error.to_string().contains("entra"), "{error}");
    }
    fs::remove_file(root.path().join("entra")).unwrap();
    store.write(&all).await.unwrap();
    holds(&store, &all).await;
}
