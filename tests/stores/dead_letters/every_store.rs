//! One function per property, for all three stores.

use entra_forwarder::checkpoint::ETag;
use entra_forwarder::deliver::dead_letter::{DeadLetterError, DeadLetterStore, Which};
use tokio::task::JoinSet;

use super::*;

macro_rules! for_every_store {
    ($($property:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $property() {
                super::$property(std::sync::Arc::new(super::MemoryDeadLetters::new())).await;
            })*
        }

        mod directory {
            $(#[tokio::test]
            async fn $property() {
                let root = tempfile::tempdir().unwrap();
                let store = super::DirectoryDeadLetters::new(root.path(), super::TIMEOUT);
                super::$property(std::sync::Arc::new(store)).await;
            })*
        }

        mod blob {
            $(#[tokio::test]
            async fn $property() {
                let container = super::TestContainer::create().await;
                let store = super::blob(&container.url_with(super::WITH_DELETE, 3600));
                super::$property(std::sync::Arc::new(store)).await;
            })*
        }
    };
}

for_every_store!(
    an_empty_store_holds_nothing,
    each_is_kept_once_with_everything,
    many_of_one_event_are_one_object,
    the_first_write_counts,
    large_ones_stand_alone,
    odd_names_come_back,
    pages_hold_all_in_order,
    folders_are_looked_into_alone,
    what_is_removed_is_gone_and_the_rest_stays,
    what_was_changed_is_not_removed,
    writers_and_removers_do_not_hinder_each_other,
);

async fn an_empty_store_holds_nothing(store: Archive) {
    assert_eq!(listed(store.as_ref()).await, []);
    assert!(store.read("entra/-/2025-11-21/3").await.unwrap().is_none());
    store.reach().await.unwrap();
    let version = ETag::new("0x1");
    for name in ["entra/-/2025-11-21/3", "nothing"] {
        for which in [Which::All, Which::These(&BTreeSet::new())] {
            store.remove(name, &version, which).await.unwrap();
        }
    }
}

async fn each_is_kept_once_with_everything(store: Archive) {
    let all = [
        letter(Some(7), &b"\x00\xff not text \r\n"[..]),
        letter(Some(7), "another hub's"),
        letter(None, ""),
    ];
    for _ in 0..3 {
        for one in &all {
            store.write(std::slice::from_ref(one)).await.unwrap();
        }
    }
    holds(store.as_ref(), &all).await;
    assert_eq!(listed(store.as_ref()).await.len(), 3);
    let read = store.read(&all[0].name()).await.unwrap().unwrap();
    assert_eq!(read.letters[0].body, all[0].body);
}

async fn many_of_one_event_are_one_object(store: Archive) {
    let eight = &many()[..8];
    store.write(eight).await.unwrap();
    assert_eq!(listed(store.as_ref()).await.len(), 8);
    holds(store.as_ref(), eight).await;
    let others: Vec<_> = many().into_iter().map(|it| of_event(43, it)).collect();
    for _ in 0..2 {
        store.write(&others).await.unwrap();
    }
    let objects = listed(store.as_ref()).await;
    assert_eq!(objects.len(), 9);
    let batch = objects.last().unwrap();
    let start = "entra/siem/2025-11-21/3-43-batch-";
    assert!(batch.name.starts_with(start), "{}", batch.name);
    let Content::Batch { letters, first } = &batch.content else {
        panic!("{batch:?}");
    };
    assert_eq!((*letters, first.reason.as_str()), (20, "refused"));
    holds(store.as_ref(), &[eight, &others].concat()).await;
}

async fn the_first_write_counts(store: Archive) {
    let first = [many(), vec![of_event(1, letter(None, "alone"))]].concat();
    store.write(&first).await.unwrap();
    let versions = listed(store.as_ref()).await;
    let mut again = first.clone();
    for letter in &mut again {
        letter.first_seen = Timestamp(1_763_999_999_999);
        letter.answer = Some("another answer".to_owned());
    }
    store.write(&again).await.unwrap();
    holds(store.as_ref(), &first).await;
    assert_eq!(listed(store.as_ref()).await, versions);
}

async fn large_ones_stand_alone(store: Archive) {
    let large = |index: u32, size: usize| letter(Some(index), vec![index as u8; size]);
    // Ten that are divided among batches, and two that are too large for any.
    let mut all: Vec<_> = (0..10).map(|it| large(it, 1_000_000)).collect();
    all.push(large(10, 1 << 20));
    all.push(large(11, 20 << 20));
    store.write(&all).await.unwrap();
    let objects = listed(store.as_ref()).await;
    assert_eq!(objects.len(), 4);
    assert!(objects.iter().all(|it| it.size < 32 << 20));
    holds(store.as_ref(), &all).await;
}

async fn odd_names_come_back(store: Archive) {
    let mut all = Vec::new();
    for (sequence, name) in (0..).zip([
        "../Zürich\n",
        "a b%2F:c",
        ".hidden",
        "-",
        "é".repeat(20).as_str(),
    ]) {
        let mut odd = of_event(sequence, letter(Some(0), "body"));
        odd.source = name.to_owned();
        odd.sink = Some(format!("{name}x"));
        odd.answer = Some("\u{10ffff}%41".repeat(300));
        all.push(odd);
    }
    for one in &all {
        store.write(std::slice::from_ref(one)).await.unwrap();
    }
    let found = stored(store.as_ref()).await;
    for one in &all {
        let answer = found[&one.id().to_string()].facts.answer.clone().unwrap();
        assert!((990..=1_000).contains(&answer.len()), "{}", answer.len());
        assert!("\u{10ffff}%41".repeat(300).starts_with(&answer));
        assert_eq!(found[&one.id().to_string()].facts.source, one.source);
        let folder = format!("{}/{}/", one.source, one.sink.as_ref().unwrap());
        let names = pages(store.as_ref(), &folder, 10).await;
        assert_eq!(names.len(), 1, "{folder}");
        assert_eq!(names[0].name, one.name());
    }
}

async fn pages_hold_all_in_order(store: Archive) {
    let mut names = BTreeSet::new();
    for sequence in 0..23 {
        let mut one = of_event(sequence, letter(Some(0), "{}"));
        one.source = ["entra", "entra-2", "e", "z"][sequence as usize % 4].to_owned();
        one.sink = (sequence % 3 != 0).then(|| "siem".to_owned());
        store.write(std::slice::from_ref(&one)).await.unwrap();
        names.insert(one.name());
    }
    for most in [1, 2, 7, 23, 24, 10_000] {
        let found = pages(store.as_ref(), "", most).await;
        let found: Vec<_> = found.into_iter().map(|listed| listed.name).collect();
        assert!(found.iter().eq(&names), "{most}: {found:?}");
    }
}

async fn folders_are_looked_into_alone(store: Archive) {
    let mut all = vec![letter(Some(1), "1"), letter(None, "2")];
    all.push(letter(Some(1), "3"));
    all[2].source = "entra-2".to_owned();
    for one in &all {
        store.write(std::slice::from_ref(one)).await.unwrap();
    }
    for (folder, expected) in [
        ("entra/", &all[..2]),
        ("entra/siem/", &all[..1]),
        ("entra/-/", &all[1..2]),
        ("entra/siem/2025-11-21/", &all[..1]),
        ("entra/siem/2025-11-22/", &[]),
        ("entra-2/", &all[2..]),
        ("other/", &[]),
    ] {
        let found = pages(store.as_ref(), folder, 1).await;
        let found: BTreeSet<_> = found.into_iter().map(|listed| listed.name).collect();
        let expected: BTreeSet<_> = expected.iter().map(DeadLetter::name).collect();
        assert_eq!(found, expected, "{folder}");
    }
}

async fn what_is_removed_is_gone_and_the_rest_stays(store: Archive) {
    let single = of_event(1, letter(None, "alone"));
    let all = [many(), vec![single.clone()]].concat();
    store.write(&all).await.unwrap();
    let removed = ids(&all[3..15]);
    for object in listed(store.as_ref()).await {
        let these = match object.content {
            Content::One(_) => ids(std::slice::from_ref(&single)),
            _ => removed.clone(),
        };
        let which = Which::These(&these);
        store
            .remove(&object.name, &object.version, which)
            .await
            .unwrap();
    }
    let rest = [&all[..3], &all[15..20]].concat();
    holds(store.as_ref(), &rest).await;
    // The rest piece by piece, with what is not there among it.
    let object = listed(store.as_ref()).await.remove(0);
    let which = &ids(&rest[..7]) | &removed;
    store
        .remove(&object.name, &object.version, Which::These(&which))
        .await
        .unwrap();
    holds(store.as_ref(), &rest[7..]).await;
    let object = listed(store.as_ref()).await.remove(0);
    let which = ids(&rest);
    store
        .remove(&object.name, &object.version, Which::These(&which))
        .await
        .unwrap();
    assert_eq!(listed(store.as_ref()).await, []);
    // Gone already is no error.
    store
        .remove(&object.name, &object.version, Which::All)
        .await
        .unwrap();
    store
        .remove(&object.name, &object.version, Which::These(&which))
        .await
        .unwrap();
    // And it can come back.
    store.write(&all).await.unwrap();
    holds(store.as_ref(), &all).await;
    for object in listed(store.as_ref()).await {
        store
            .remove(&object.name, &object.version, Which::All)
            .await
            .unwrap();
    }
    assert_eq!(listed(store.as_ref()).await, []);
}

async fn what_was_changed_is_not_removed(store: Archive) {
    let all = many();
    store.write(&all).await.unwrap();
    let seen = listed(store.as_ref()).await.remove(0);
    let (first, second) = (ids(&all[..1]), ids(&all[1..2]));
    store
        .remove(&seen.name, &seen.version, Which::These(&first))
        .await
        .unwrap();
    for which in [Which::All, Which::These(&second)] {
        let error = store.remove(&seen.name, &seen.version, which).await;
        assert!(matches!(error, Err(DeadLetterError::Changed)), "{error:?}");
    }
    holds(store.as_ref(), &all[1..]).await;
}

/// Writers repeat themselves while others remove what they see: nothing fails, no letter is ever
/// seen half, and what nobody removes is there at the end.
async fn writers_and_removers_do_not_hinder_each_other(store: Archive) {
    let events: Vec<Vec<DeadLetter>> = (0..4)
        .map(|event| {
            let letters = many().into_iter().map(|it| of_event(event, it));
            letters.take(if event % 2 == 0 { 20 } else { 3 }).collect()
        })
        .collect();
    let mut tasks = JoinSet::new();
    for letters in events.clone() {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for _ in 0..10 {
                store.write(&letters).await.unwrap();
            }
        });
    }
    for _ in 0..2 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for round in 0..10 {
                let page = store.list("", None, 100).await.unwrap();
                for object in page.objects {
                    let Some(read) = store.read(&object.name).await.unwrap() else {
                        continue;
                    };
                    // Those of even places go; a file that is being written is not yet a letter.
                    let these = read.letters.iter().step_by(2 - round % 2);
                    let these = these.map(|it| it.facts.id.clone()).collect();
                    let which = Which::These(&these);
                    match store.remove(&object.name, &read.version, which).await {
                        Ok(()) | Err(DeadLetterError::Changed) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let all = events.concat();
    for letters in &events {
        store.write(letters).await.unwrap();
    }
    let found = stored(store.as_ref()).await;
    for (id, letter) in &found {
        let written = all.iter().find(|it| it.id().to_string() == *id).unwrap();
        assert_eq!(written.body, letter.body);
    }
    // A batch of which a part was removed is not written again; a letter of its own is.
    for letters in events.iter().filter(|letters| letters.len() == 3) {
        assert!(ids(letters).iter().all(|id| found.contains_key(id)));
    }
}

/// The number that the stores must bear.
#[tokio::test]
async fn ten_thousand_are_listed_in_pages() {
    let root = tempfile::tempdir().unwrap();
    let store = MemoryDeadLetters::new();
    let files = DirectoryDeadLetters::new(root.path(), TIMEOUT);
    let sample = letter(Some(0), "{}");
    files.write(std::slice::from_ref(&sample)).await.unwrap();
    let path = root.path().join(sample.name());
    let read = |suffix: &str| std::fs::read(format!("{}{suffix}", path.display())).unwrap();
    let (body, sidecar) = (read(".bin"), String::from_utf8(read(".json")).unwrap());
    for sequence in 0..10_000 {
        let one = of_event(sequence, sample.clone());
        // By hand: ten thousand writes that outlast a loss of power take a while.
        let sidecar = sidecar
            .replace(&sample.id().to_string(), &one.id().to_string())
            .replace("\"42\"", &format!("\"{sequence}\""));
        let path = root.path().join(one.name());
        std::fs::write(format!("{}.bin", path.display()), &body).unwrap();
        std::fs::write(format!("{}.json", path.display()), sidecar).unwrap();
        store.write(&[one]).await.unwrap();
    }
    let stores: [&dyn DeadLetterArchive; 2] = [&store, &files];
    for store in stores {
        let found = pages(store, "entra/siem/", 1_000).await;
        assert_eq!(found.len(), 10_000);
        assert!(found.iter().all(|it| matches!(it.content, Content::One(_))));
    }
}
