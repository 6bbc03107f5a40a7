//! What the `$management` node knows
//! (the keys are those of <https://github.com/Azure/azure-sdk-for-net>, `AmqpManagement.cs`).

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::broker::Broker;
use crate::hub::{Hub, Partition};
use crate::request::Request;
use crate::wire;

/// 0001-01-01 in milliseconds since 1970: the time of a partition without events.
const NEVER_MS: i64 = -62_135_596_800_000;

/// Status, its text, and the encoded body.
pub(crate) type Answer = (u16, String, Bytes);

/// Answers a READ with the values of `stale_ms` milliseconds ago (0 is now).
pub(crate) fn read(broker: &Broker, request: &Request, stale_ms: i64) -> Answer {
    let name = request.text("name").unwrap_or_default();
    let not_found = |what: &str| {
        let text = format!("The messaging entity 'sb://localhost/{what}' could not be found.");
        (404, text, Bytes::new())
    };
    if !request
        .text("operation")
        .is_some_and(|operation| operation.eq_ignore_ascii_case("READ"))
    {
        return (400, "The operation is not known.".into(), Bytes::new());
    }
    let Some(hub) = broker.find_hub(name) else {
        return not_found(name);
    };
    match request.text("type") {
        Some("com.microsoft:eventhub") => (200, "OK".into(), hub_body(&hub)),
        Some("com.microsoft:partition") => {
            let id = request.text("partition").unwrap_or_default();
            match id.parse().ok().and_then(|id| hub.partition(id)) {
                Some(partition) => {
                    let body = partition_body(&partition, broker, stale_ms);
                    (200, "OK".into(), body)
                }
                None => not_found(&format!("{name}/Partitions/{id}")),
            }
        }
        _ => (400, "The type is not known.".into(), Bytes::new()),
    }
}

/// A map of string keys being written.
#[derive(Default)]
struct Map {
    pairs: BytesMut,
    count: u32,
}

impl Map {
    fn put(&mut self, key: &str, value: impl FnOnce(&mut BytesMut)) {
        wire::put_string(&mut self.pairs, key);
        value(&mut self.pairs);
        self.count += 2;
    }

    fn text(&mut self, key: &str, text: &str) {
        self.put(key, |out| wire::put_string(out, text));
    }

    fn long(&mut self, key: &str, number: i64) {
        self.put(key, |out| wire::put_long(out, number));
    }

    fn time(&mut self, key: &str, ms: i64) {
        self.put(key, |out| wire::put_timestamp(out, ms));
    }

    fn finish(self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_u8(0xd1);
        out.put_u32(wire::len32(4 + self.pairs.len()));
        out.put_u32(self.count);
        out.put_slice(&self.pairs);
        out.freeze()
    }
}

fn hub_body(hub: &Arc<Hub>) -> Bytes {
    let partitions = hub.partitions();
    let mut map = Map::default();
    map.text("name", &hub.name);
    map.text("type", "com.microsoft:eventhub");
    map.time("created_at", hub.created_ms());
    map.put("partition_count", |out| {
        out.put_u8(0x71);
        out.put_i32(i32::try_from(partitions.len()).unwrap_or(i32::MAX));
    });
    map.put("partition_ids", |out| {
        let mut items = BytesMut::new();
        for partition in &partitions {
            let id = partition.id.to_string();
            items.put_u32(wire::len32(id.len()));
            items.put_slice(id.as_bytes());
        }
        // array32 of str32
        out.put_u8(0xf0);
        out.put_u32(wire::len32(4 + 1 + items.len()));
        out.put_u32(wire::len32(partitions.len()));
        out.put_u8(0xb1);
        out.put_slice(&items);
    });
    map.finish()
}

fn partition_body(partition: &Partition, broker: &Broker, stale_ms: i64) -> Bytes {
    let now_ms = broker.now_ms();
    let state = {
        let mut log = partition.log.lock();
        log.retain(now_ms);
        log.shown(now_ms, stale_ms, broker.options.quirks.begin_lags_ms)
    };
    let mut map = Map::default();
    map.text("name", &partition.hub);
    map.text("type", "com.microsoft:partition");
    map.text("partition", &partition.id.to_string());
    map.long("begin_sequence_number", state.begin_sequence);
    map.long("begin_sequence_number_epoch", 0);
    map.long("last_enqueued_sequence_number", state.last_sequence);
    map.long("last_enqueued_sequence_number_epoch", 0);
    map.text("last_enqueued_offset", &state.last_offset);
    map.time(
        "last_enqueued_time_utc",
        state.last_enqueued_ms.unwrap_or(NEVER_MS),
    );
    map.time("runtime_info_retrieval_time_utc", now_ms);
    map.put("is_partition_empty", |out| {
        wire::put_bool(out, state.is_empty)
    });
    map.finish()
}
