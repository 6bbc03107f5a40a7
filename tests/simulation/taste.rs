//! What a sink does not take, ever: a few records by their place, others by their size.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use entra_forwarder::compress::{Compression, Compressor, InlineCompressor};
use entra_forwarder::config::{Encoding, SinkConfig};
use futures::FutureExt;
use xxhash_rust::xxh3::xxh3_64;

use super::dice::Dice;
use super::operations::Setup;
use super::oracle::RecordKey;
use super::records::{JSON_ARRAY, NDJSON};

/// Why a sink does not take a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dislike {
    /// Its content: this status.
    Content(u16),
    /// It alone is larger than the endpoint takes.
    Size,
    /// It alone is larger than `batch.compressed_bytes`: the endpoint is never asked.
    Oversize,
    /// Whatever holds it fails: with this status, or a reset without one.
    Poison(Option<u16>),
}

impl Dislike {
    /// The reason that its dead letter must give.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Content(_) => "refused",
            Self::Size | Self::Oversize => "oversize",
            Self::Poison(_) => "poison",
        }
    }
}

/// What one sink dislikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taste {
    /// Of a thousand records, so many have a bad content.
    pub(crate) content: u64,
    /// Of a thousand records, so many are poison.
    pub(crate) poison: u64,
    /// Most bytes of a body.
    pub(crate) body_bytes: Option<u64>,
    /// It takes everything once the faults have ceased.
    pub(crate) mends: bool,
}

/// Most records of one sink with a bad content, and most that are poison.
const CONTENT_MAX: u64 = 30;
const POISON_MAX: u64 = 2;

/// One sink, for whoever asks what it would do with a record.
struct Sink {
    config: SinkConfig,
    taste: Taste,
    /// How many it dislikes so far: for content, and as poison.
    found: Mutex<(u64, u64)>,
}

/// What all sinks dislike.
#[derive(Default)]
pub(crate) struct Tastes {
    seed: u64,
    sinks: Vec<Sink>,
    /// The faults have ceased: nothing new is disliked, and some endpoints are mended.
    is_peace: Mutex<bool>,
}

impl Tastes {
    pub(crate) fn new(seed: u64, setup: &Setup, configs: &[SinkConfig]) -> Self {
        let sinks = setup.sinks.iter().zip(configs).map(|(sink, config)| Sink {
            config: config.clone(),
            taste: sink.demands.taste,
            found: Mutex::default(),
        });
        Self {
            seed,
            sinks: sinks.collect(),
            is_peace: Mutex::new(false),
        }
    }

    pub(crate) fn calm_down(&self) {
        *self.is_peace.lock().unwrap() = true;
    }

    /// Whether a sink has begun to take what it did not take before.
    pub(crate) fn is_mended(&self, sink: usize) -> bool {
        self.sinks[sink].taste.mends && *self.is_peace.lock().unwrap()
    }

    /// Most bytes of a body that the endpoint of a sink takes now.
    pub(crate) fn body_bytes_max(&self, sink: usize) -> Option<u64> {
        let max = self.sinks[sink].taste.body_bytes;
        max.filter(|_| !self.is_mended(sink))
    }

    /// What a sink will have against a record that comes into being.
    pub(crate) fn judge(
        &self,
        sink: usize,
        (key, index): RecordKey,
        wires: &[Vec<u8>; 2],
    ) -> Option<Dislike> {
        let it = self.sinks.get(sink)?;
        let alone = it.bytes_alone(wires);
        let is_above = |most: Option<u64>| most.is_some_and(|most| alone() > most);
        if is_above(it.config.batch.compressed_bytes) {
            return Some(Dislike::Oversize);
        }
        if is_above(it.taste.body_bytes) {
            return Some(Dislike::Size);
        }
        let draw = xxh3_64(format!("{} {sink} {key:?} {index}", self.seed).as_bytes());
        let (lot, kind) = (draw % 1_000, draw / 1_000 % 6);
        let mut found = it.found.lock().unwrap();
        if *self.is_peace.lock().unwrap() {
            None
        } else if lot < it.taste.content && found.0 < CONTENT_MAX {
            found.0 += 1;
            Some(Dislike::Content(if kind < 3 { 400 } else { 422 }))
        } else if lot >= 1_000 - it.taste.poison && found.1 < POISON_MAX {
            found.1 += 1;
            Some(Dislike::Poison(match kind {
                // Where it is in the way of all others, a sink that says 403 for long is left to
                // another replica, which then meets the same.
                0 | 1 if it.config.concurrency > POISON_MAX as usize => Some(403),
                0..=3 => Some(500),
                _ => None,
            }))
        } else {
            None
        }
    }
}

impl Sink {
    /// Bytes of a body that holds this record alone, when asked.
    fn bytes_alone<'a>(&'a self, wires: &'a [Vec<u8>; 2]) -> impl Fn() -> u64 + 'a {
        move || alone(&self.config, wires).len() as u64
    }
}

/// The body that holds one record alone.
fn alone(config: &SinkConfig, wires: &[Vec<u8>; 2]) -> Bytes {
    let record = match config.encoding {
        Encoding::Ndjson => [wires[NDJSON].as_slice(), b"\n"].concat(),
        Encoding::JsonArray => [b"[", wires[JSON_ARRAY].as_slice(), b"]"].concat(),
    };
    let (prefix, suffix) = (config.prefix.as_bytes(), config.suffix.as_bytes());
    let plain = [prefix, &record, suffix].concat();
    compress(plain, config.compression)
}

fn compress(plain: Vec<u8>, compression: Compression) -> Bytes {
    let write = Box::new(move |out: &mut Vec<u8>| out.extend_from_slice(&plain));
    let compressed = InlineCompressor.compress(write, 0, compression);
    let compressed = compressed.now_or_never().expect("it waits for nothing");
    compressed.expect("it is compressed").bytes
}

/// What a user demands of a sink, and an endpoint of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Demands {
    pub(crate) is_null: bool,
    pub(crate) compressed_bytes: Option<u64>,
    pub(crate) requests_per_second: Option<u64>,
    pub(crate) bytes_per_second: Option<u64>,
    pub(crate) burst_ms: u64,
    pub(crate) refusals_max: u64,
    pub(crate) taste: Taste,
}

impl Default for Demands {
    fn default() -> Self {
        Self {
            is_null: false,
            compressed_bytes: None,
            requests_per_second: None,
            bytes_per_second: None,
            burst_ms: 1_000,
            refusals_max: 100,
            taste: Taste::default(),
        }
    }
}

impl Setup {
    /// Lets sinks have demands.
    pub(crate) fn demand(&mut self, dice: &Dice) {
        let count = self.sinks.len();
        for (index, sink) in self.sinks.iter_mut().enumerate() {
            let mut demands = Demands {
                is_null: count > 1 && index + 1 == count && dice.chance(20),
                compressed_bytes: dice.chance(15).then(|| dice.between(400, 1_500)),
                requests_per_second: dice.chance(15).then(|| dice.between(20, 60)),
                bytes_per_second: dice.chance(15).then(|| dice.between(20_000, 60_000)),
                burst_ms: dice.between(100, 2_000),
                ..Demands::default()
            };
            demands.taste.content = if dice.chance(40) { 25 } else { 0 };
            demands.taste.body_bytes = dice.chance(20).then(|| dice.between(700, 5_000));
            if dice.chance(10) {
                demands.taste.poison = 20;
            }
            if dice.chance(20) {
                demands.refusals_max = dice.between(0, 3);
                demands.taste.mends = true;
            }
            sink.demands = demands;
        }
        let mut tastes = self.sinks.iter().map(|it| it.demands.taste);
        if tastes.any(|it| it.content > 0 || it.poison > 0 || it.body_bytes.is_some()) {
            // Whatever stands behind what is not taken must find room: it is the witness.
            self.memory_budget = 1 << 20;
            self.open_events_max = 2_000;
            self.uncommitted_max = 2_000;
        }
    }
}

/// What the sinks of a run demand.
pub(crate) fn tastes(seed: u64, setup: &Setup, configs: &[SinkConfig]) -> Arc<Tastes> {
    Arc::new(Tastes::new(seed, setup, configs))
}
