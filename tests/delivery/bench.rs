//! A sink as the program runs it, on the real transport, and the oracle.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entra_forwarder::clock::SystemClock;
use entra_forwarder::config::{BatchConfig, RetryConfig, Secret, SinkConfig, SinkProxy};
use entra_forwarder::deliver::http::HttpTransport;
use entra_forwarder::deliver::response::TransportError;
use entra_forwarder::event_hub::{Offset, PartitionId, Position, SequenceNumber};
use entra_forwarder::record::{HubName, Origin};

use crate::books::Client;
use crate::endpoint::Script;
use crate::sink::Sink;
use crate::trust::Trust;

/// For an answer, longer than any may take.
const LONG: Duration = Duration::from_secs(20);
/// For an answer, where some never come: each costs this much.
const SHORT: Duration = Duration::from_millis(700);

/// Both ways to reach an endpoint.
pub(crate) const WAYS: [Way; 2] = [Way::Clear, Way::Tls];

/// How an endpoint is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Clear,
    Tls,
}

impl Way {
    pub(crate) fn url(self, address: SocketAddr) -> String {
        match self {
            Self::Clear => format!("http://{address}/in"),
            Self::Tls => format!("https://localhost:{}/in", address.port()),
        }
    }
}

/// Small batches and short waits.
pub(crate) fn config(records: usize, concurrency: usize) -> SinkConfig {
    SinkConfig {
        batch: BatchConfig {
            records,
            age: Duration::from_millis(20),
            ..BatchConfig::default()
        },
        concurrency,
        timeout: LONG,
        retry: RetryConfig {
            initial: Duration::from_millis(10),
            max: Duration::from_millis(50),
            retry_after_max: Duration::from_millis(50),
        },
        ..SinkConfig::default()
    }
}

/// The same that does not wait long for an answer. What is only slow then counts as lost, too.
pub(crate) fn impatient(records: usize, concurrency: usize) -> SinkConfig {
    SinkConfig {
        timeout: SHORT,
        ..config(records, concurrency)
    }
}

/// A record that no other is like, with bytes that a parser would not give back.
pub(crate) fn record(number: usize, mark: &str) -> Bytes {
    format!("{{\"n\": {number}e0, \"mark\":\"{mark}\",  \"f\":1.50}}").into()
}

/// The records of one test, some of them with marks.
pub(crate) fn marked(count: usize, marks: &[(usize, &str)]) -> Vec<Bytes> {
    let mark = |number| marks.iter().find(|(at, _)| *at == number);
    (0..count)
        .map(|number| record(number, mark(number).map_or("", |(_, mark)| mark)))
        .collect()
}

/// The running sink.
pub(crate) struct Bench {
    sink: Sink,
    client: Arc<Client>,
    given: Vec<Bytes>,
    events: i64,
}

/// How it went.
pub(crate) struct Ended {
    pub(crate) client: Arc<Client>,
    /// The reasons of the dead letters by their records.
    pub(crate) letters: BTreeMap<Bytes, String>,
}

impl Bench {
    /// Starts it on the endpoint at this address.
    pub(crate) fn start(way: Way, address: SocketAddr, trust: &Trust, config: SinkConfig) -> Self {
        let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut config = config;
        config.endpoint = Secret::new(way.url(address));
        config.connection.tls.ca = Some(Secret::new(trust.pem()));
        config.connection.proxy = Some(SinkProxy::None);
        let http = HttpTransport::new("siem", &config, None).unwrap();
        let format = entra_forwarder::format::of(&config, Arc::new(SystemClock));
        let client = Arc::new(Client::new(http, Arc::clone(&format)));
        Self {
            sink: Sink::start("siem", config, format, Arc::clone(&client) as _),
            client,
            given: Vec::new(),
            events: 0,
        }
    }

    /// Gives it an event with these records.
    pub(crate) async fn give(&mut self, records: &[Bytes]) {
        let body = [b"{\"records\":[", &records.join(&b","[..])[..], b"]}"].concat();
        let position = Position {
            sequence: SequenceNumber(self.events),
            offset: Offset::new(self.events.to_string()),
            enqueued_at: None,
        };
        self.events += 1;
        let origin = Origin {
            hub: Arc::new(HubName::new("contoso.servicebus.windows.net", "logs")),
            partition: PartitionId::new("0"),
            position,
        };
        self.given.extend_from_slice(records);
        self.sink.give(origin, body.into()).await;
    }

    /// What every attempt so far has led to.
    pub(crate) fn results(&self) -> Vec<Result<u16, TransportError>> {
        self.client.results()
    }

    /// What the sink last said of the endpoint.
    pub(crate) fn waiting(&self) -> Vec<(String, String)> {
        self.sink.waiting()
    }

    /// Ends it when everything is settled, and holds what the endpoint has against what the rules
    /// say: `fate` gives the reason for which a record must become a dead letter.
    pub(crate) async fn end(
        mut self,
        script: &Script,
        fate: impl Fn(&Bytes) -> Option<&'static str>,
    ) -> Ended {
        if !self.sink.end().await {
            let mut results = BTreeMap::<String, usize>::new();
            for result in self.client.results() {
                *results.entry(format!("{result:?}")).or_default() += 1;
            }
            panic!(
                "not everything is settled: {results:#?}, {:?}",
                self.sink.waiting()
            );
        }
        let seen = script.seen();
        assert_eq!(self.client.wrong(), Vec::<String>::new());
        let mut accepted = HashMap::<&Bytes, u64>::new();
        let (mut by_id, mut by_wire) = (HashMap::new(), HashMap::new());
        for request in &seen {
            let first = *by_id.entry(&request.id).or_insert(&request.wire);
            assert_eq!(first, &request.wire, "other bytes under one id");
            let first = *by_wire.entry(&request.wire).or_insert(&request.id);
            assert_eq!(first, &request.id, "the same bytes under another id");
            for record in &request.records {
                assert!(self.given.contains(record), "altered: {record:?}");
                *accepted.entry(record).or_default() += u64::from(request.is_accepted);
            }
        }
        let stored = self.sink.letters();
        let letters: BTreeMap<_, _> = stored
            .iter()
            .map(|letter| (letter.body.clone(), letter.facts.reason.clone()))
            .collect();
        assert_eq!(letters.len(), stored.len(), "a letter is there twice");
        for record in &self.given {
            let (known, times) = (self.client.known(record), accepted.get(record));
            let (times, letter) = (times.copied().unwrap_or(0), letters.get(record));
            match fate(record) {
                Some(reason) => {
                    assert_eq!(letter.map(String::as_str), Some(reason), "{record:?}");
                    assert_eq!((times, known.is_accepted), (0, false), "{record:?}");
                }
                None => {
                    assert_eq!(letter, None, "{record:?}");
                    assert!(known.is_accepted && times >= 1, "lost: {record:?}");
                    // More often only where the client did not get to know.
                    assert!(times <= 1 + known.lost, "{times} times: {record:?}");
                }
            }
        }
        let balance = self.sink.balance();
        let (given, dead) = (self.given.len() as u64, letters.len() as u64);
        assert_eq!(balance.delivered, given - dead);
        assert_eq!((balance.dead_lettered, balance.in_flight), (dead, 0));
        assert_eq!(balance.error(), 0);
        Ended {
            client: self.client,
            letters,
        }
    }
}

/// An endpoint and a sink: gives it these records, a few per event, and ends it.
pub(crate) async fn delivered(
    way: Way,
    script: &Script,
    config: SinkConfig,
    records: &[Bytes],
    fate: impl Fn(&Bytes) -> Option<&'static str>,
) -> Ended {
    let trust = Trust::new();
    let acceptor = (way == Way::Tls).then(|| trust.acceptor("localhost"));
    let server = script.serve(acceptor).await;
    let mut bench = Bench::start(way, server.address, &trust, config);
    for event in records.chunks(7) {
        bench.give(event).await;
    }
    bench.end(script, fate).await
}

/// No record is given up.
pub(crate) fn all(_record: &Bytes) -> Option<&'static str> {
    None
}
