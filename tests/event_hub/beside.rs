//! A hub that is read beside its forwarder: in a group of its own, without epoch.

use std::time::Duration;

use entra_forwarder::config::{Config, FileText, Start, load};
use entra_forwarder::event_hub::SequenceNumber;
use entra_forwarder::tools::{Gone, Reader, ToolsError, ToolsHub, Until, Wanted, Window, windows};
use entra_forwarder_emulator::{Action, Emulator, Fault, HubOptions};

use super::support::{
    GROUP, HUB, append, emulator, emulator_of, next, open_first, runtime, settings, source,
    source_with,
};

const MIB: u64 = 1 << 20;

fn config(emulator: &Emulator, more: &str) -> Config {
    let text = format!(
        "[sources.logs]\nconnection_string = \"{}\"\nconsumer_group = \"{GROUP}\"\n{more}\n\
         [sinks.main]\ntype = \"null\"\n[checkpoints]\nstore = \"memory\"\n",
        emulator.connection_string(Some(HUB)),
    );
    let file = FileText {
        name: "forwarder.toml".to_owned(),
        text,
    };
    load(Some(file), []).unwrap().config
}

async fn reach(config: &Config) -> Result<ToolsHub, ToolsError> {
    let source = config.sources.iter().next().unwrap();
    ToolsHub::reach(config, source, None, runtime(), Duration::from_secs(3)).await
}

/// Reads windows to their end: sequence numbers by partition, and what was passed over.
async fn read(hub: &ToolsHub, windows: &[Window]) -> (Vec<Vec<i64>>, u64) {
    let wanted = [Wanted {
        hub,
        windows: windows.to_vec(),
        event_bytes_max: MIB,
    }];
    let mut reader = Reader::open(&wanted, Duration::from_secs(20)).unwrap();
    let mut found = vec![Vec::new(); 4];
    while let Some(read) = reader.next().await {
        let read = read.unwrap();
        let partition: usize = read.partition.as_str().parse().unwrap();
        found[partition].push(read.event.position.sequence.0);
    }
    let passed = reader.passed();
    reader.close().await;
    (found, passed)
}

async fn all(hub: &ToolsHub, from: Start, until: Until) -> Vec<Window> {
    let partitions = hub.partitions(&[]).unwrap();
    let found = windows(hub, &partitions, from, until, Duration::from_secs(5)).await;
    found.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_thrown_off_and_every_event_comes_once() {
    let groups = HubOptions::new(4).group(GROUP).group("forwarder-tools");
    let emulator = emulator_of(groups).await;
    for number in 0..40 {
        emulator.append(HUB, number % 4, "{}").unwrap();
    }
    // The forwarder's own, which must not notice anything.
    let forwarder = source(&emulator);
    let mut exclusive = open_first(&forwarder).await;
    let config = config(&emulator, "");
    let hub = reach(&config).await.unwrap();
    assert_eq!(hub.group, "forwarder-tools");
    let whole = all(&hub, Start::Earliest, Until::End).await;
    // A receiver that ends half way is opened again where it ended.
    for partition in 1..4 {
        let detach = Fault::once(Action::detach()).partition(partition);
        emulator.faults().inject(detach.after(5));
    }
    let expected: Vec<i64> = (0..10).collect();
    assert_eq!(read(&hub, &whole).await, (vec![expected; 4], 0));
    let part = all(
        &hub,
        Start::Sequence(SequenceNumber(3)),
        Until::Sequence(SequenceNumber(5)),
    )
    .await;
    assert_eq!(read(&hub, &part).await, (vec![vec![3, 4, 5]; 4], 0));
    assert!(part.iter().all(|it| it.gone == Gone::Nothing));
    // Nothing is there yet.
    let none = all(&hub, Start::Latest, Until::End).await;
    assert_eq!(read(&hub, &none).await, (vec![vec![]; 4], 0));
    hub.close().await;
    for _ in 0..10 {
        next(&mut exclusive).await.unwrap();
    }
    exclusive.close().await;
    let attaches = emulator.attach_log();
    let own = attaches.iter().filter(|it| it.group == GROUP);
    assert_eq!(own.count(), 1);
    for attach in attaches.iter().filter(|it| it.group != GROUP) {
        assert_eq!(
            (attach.epoch, attach.group.as_str()),
            (None, "forwarder-tools")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_group_of_its_own_the_default_one_is_read() {
    let emulator = emulator().await;
    append(&emulator, 0, 1);
    let hub = reach(&config(&emulator, "")).await.unwrap();
    assert_eq!(hub.group, "$Default");
    let whole = all(&hub, Start::Earliest, Until::End).await;
    let (found, passed) = read(&hub, &whole).await;
    assert_eq!((found[0].as_slice(), passed), (&[0][..], 0));
    hub.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_group_it_says_which_to_create() {
    let emulator = emulator().await;
    let missing = config(&emulator, "tools_consumer_group = \"look\"");
    let error = reach(&missing).await.err().unwrap().to_string();
    assert!(
        error.contains("tried `look`") && error.contains("--name look`"),
        "{error}"
    );
    // Somebody else reads the default group exclusively.
    let other = source_with(entra_forwarder::event_hub::client::Settings {
        consumer_group: "$Default".to_owned(),
        ..settings(&emulator)
    });
    let stream = open_first(&other).await;
    let error = reach(&config(&emulator, ""))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("`$Default` somebody reads exclusively"),
        "{error}"
    );
    assert!(error.contains("--name forwarder-tools`"), "{error}");
    stream.close().await;
}
