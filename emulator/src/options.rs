//! What can be set when an emulator or a hub is made.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::log::Backlog;
use crate::sas::SharedKey;

/// Settings of one emulator (one namespace with its own port and keys).
#[derive(Clone)]
pub struct Options {
    /// Where to listen for plain AMQP; default `127.0.0.1:0`, a port chosen by the
    /// system.
    pub listen: SocketAddr,
    /// Shared access keys. Empty (the default) means one generated key named
    /// `RootManageSharedAccessKey` with all rights. The first key goes into the
    /// connection string.
    pub keys: Vec<SharedKey>,
    /// Hubs to create at the start.
    pub hubs: Vec<(String, HubOptions)>,
    /// The broker's time; default the machine's.
    pub clock: Arc<dyn Clock>,
    /// Audiences (`aud`) accepted in a JWT, compared without a trailing slash.
    pub jwt_audiences: Vec<String>,
    /// Largest message in bytes, announced as max-message-size; default 1 MiB,
    /// Dedicated and Premium allow up to 20 MiB.
    pub max_message_size: usize,
    /// Largest frame in bytes that is sent and accepted; default 64 KiB.
    pub max_frame_size: u32,
    /// Detach a link on which nothing has moved for so long; default never.
    pub link_idle: Option<Duration>,
    /// Close a connection that never had a link after this time; default 60 s
    /// (<https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-troubleshoot>).
    pub unused_connection: Duration,
    /// Close a connection whose links have all gone after this time; default 300 s.
    pub abandoned_connection: Duration,
    /// The most events sent that are remembered per partition; older ones are
    /// forgotten, the counts go on. Default 100,000.
    pub remember_sent: usize,
    /// How long `stop` waits for the connections to end; default 2 s.
    pub stop_wait: Duration,
    /// Oddities of the service that are imitated.
    pub quirks: Quirks,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            keys: Vec::new(),
            hubs: Vec::new(),
            clock: Arc::new(SystemClock),
            jwt_audiences: vec![
                "https://eventhubs.azure.net".into(),
                "https://servicebus.azure.net".into(),
            ],
            max_message_size: 1024 * 1024,
            max_frame_size: 64 * 1024,
            link_idle: None,
            unused_connection: Duration::from_secs(60),
            abandoned_connection: Duration::from_secs(300),
            remember_sent: 100_000,
            stop_wait: Duration::from_secs(2),
            quirks: Quirks::default(),
        }
    }
}

impl Options {
    /// The defaults with one hub.
    pub fn with_hub(name: &str, partitions: u32) -> Self {
        Self {
            hubs: vec![(name.to_owned(), HubOptions::new(partitions))],
            ..Self::default()
        }
    }
}

/// Oddities of the service, each switchable.
#[derive(Debug, Clone)]
pub struct Quirks {
    /// `x-opt-sequence-number > '-1'` on a never-used partition delivers nothing,
    /// ever (<https://github.com/Azure/azure-sdk-for-js/issues/20982>). On by default.
    pub minus_one_is_dead: bool,
    /// A reader that asks for what comes after the last event gets up to so many
    /// older ones first (<https://github.com/Azure/azure-sdk-for-java/issues/29502>).
    /// 0 (off) by default.
    pub older_events_after_last: u32,
    /// Refuse a second `$cbs` sender on one connection. Off by default.
    pub single_cbs_link: bool,
    /// Partition properties show the first number of the retained events only
    /// when this much time has passed since the trim; default none.
    pub begin_lags_ms: i64,
    /// How many management calls a hub answers in a second, over all its clients;
    /// the others get status 503 with error code 50002. `None` is no limit; 50,
    /// the service's, by default.
    pub management_calls: Option<u32>,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            minus_one_is_dead: true,
            older_events_after_last: 0,
            single_cbs_link: false,
            begin_lags_ms: 0,
            management_calls: Some(50),
        }
    }
}

/// Settings of one hub.
#[derive(Clone)]
pub struct HubOptions {
    /// How many partitions, at least 1; their ids are `0`, `1`, ...
    pub partitions: u32,
    /// Known consumer groups besides `$Default`.
    pub consumer_groups: Vec<String>,
    /// Sequence number of a partition's first event; default 0.
    pub first_sequence: i64,
    /// Keep at most so many events per partition; default all.
    pub retain_count: Option<u64>,
    /// Keep events for at most so long; default for ever.
    pub retain_age: Option<Duration>,
    /// Events that every partition holds from the start without costing memory.
    pub backlog: Option<Backlog>,
}

impl HubOptions {
    /// A hub with `partitions` empty partitions and `$Default` only.
    pub fn new(partitions: u32) -> Self {
        Self {
            partitions,
            consumer_groups: Vec::new(),
            first_sequence: 0,
            retain_count: None,
            retain_age: None,
            backlog: None,
        }
    }

    /// The same with one more consumer group.
    pub fn group(mut self, name: &str) -> Self {
        self.consumer_groups.push(name.to_owned());
        self
    }

    /// The same with another first sequence number.
    pub fn starting_at(mut self, first_sequence: i64) -> Self {
        self.first_sequence = first_sequence;
        self
    }
}

impl Default for HubOptions {
    fn default() -> Self {
        Self::new(4)
    }
}
