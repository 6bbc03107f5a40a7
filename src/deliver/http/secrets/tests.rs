use super::*;

fn material() -> Material {
    Material {
        endpoint: Secret::new("https://siem.example.com/in"),
        headers: BTreeMap::from([("x-key".to_owned(), Secret::new("old"))]),
        connection: SinkConnection::default(),
    }
}

fn read(key: &str, value: &str) -> Read {
    Read {
        found: vec![(key.to_owned(), Secret::new(value))],
        wrong: Vec::new(),
    }
}

fn changed(watch: &mut Watch, key: &str, value: &str) -> bool {
    let looked = watch.settle(material(), read(key, value), Instant::now());
    !looked.changed.is_empty()
}

/// A URL that is being written is shorter first.
#[tokio::test(start_paused = true)]
async fn a_url_is_read_twice_before_it_is_used() {
    let mut watch = Watch::new(&material());
    let key = "endpoint";
    assert!(!changed(&mut watch, key, "https://siem"));
    tokio::time::advance(SETTLED_AFTER).await;
    let whole = "https://siem.example.com/new";
    assert!(!changed(&mut watch, key, whole), "it is another one");
    tokio::time::advance(SETTLED_AFTER / 2).await;
    assert!(!changed(&mut watch, key, whole), "too soon");
    tokio::time::advance(SETTLED_AFTER / 2).await;
    assert!(changed(&mut watch, key, whole));
    assert!(changed(&mut watch, "headers.x-key", "new"), "at once");
    assert!(!changed(&mut watch, "headers.x-key", "old"), "known");
}

/// Many refusals of one moment make one look.
#[tokio::test(start_paused = true)]
async fn a_look_is_for_all_whose_requests_began_before_it() {
    let mut watch = Watch::new(&material());
    watch.has_files = true;
    let began = Instant::now();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(watch.is_due(Some(began)));
    watch.look(&material(), Some(began)).await.unwrap();
    assert!(!watch.is_due(Some(began)));
    assert!(!watch.is_due(None));
    tokio::time::advance(Duration::from_millis(1)).await;
    let later = Instant::now();
    assert!(watch.is_due(Some(later)));
}

/// A look that began before the request was refused may not have seen what changed since.
#[tokio::test]
async fn a_look_from_before_is_not_believed() {
    let mut watch = Watch::new(&material());
    let stale = tokio::task::spawn_blocking(|| read("headers.x-key", "stale"));
    watch.under_way = Some((Instant::now(), stale));
    let since = Instant::now() + Duration::from_nanos(1);
    let looked = watch.look(&material(), Some(since)).await.unwrap();
    assert!(looked.changed.is_empty());
}
