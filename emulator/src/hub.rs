//! A hub, its partitions, and who waits for their events.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::epoch::{Condition, Kick, Reader, Readers};
use crate::log::{Content, PartitionLog, Position, Read};
use crate::observe::SentRecord;
use crate::options::HubOptions;

/// One partition. It outlives the deletion of its hub for those who hold it.
pub(crate) struct Partition {
    pub(crate) hub: Arc<str>,
    pub(crate) id: u32,
    pub(crate) log: Mutex<PartitionLog>,
    readers: Mutex<HashMap<String, Readers>>,
    watchers: Mutex<Vec<(u64, Arc<Notify>)>>,
    sent: Mutex<Sent>,
}

/// What was sent to whom.
#[derive(Default)]
struct Sent {
    records: VecDeque<SentRecord>,
    count: u64,
}

impl Partition {
    fn new(hub: &Arc<str>, id: u32, options: &HubOptions) -> Arc<Self> {
        let age = options
            .retain_age
            .map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        Arc::new(Self {
            hub: hub.clone(),
            id,
            log: Mutex::new(PartitionLog::new(
                options.first_sequence,
                options.backlog.clone(),
                options.retain_count,
                age,
            )),
            readers: Mutex::default(),
            watchers: Mutex::default(),
            sent: Mutex::default(),
        })
    }

    pub(crate) fn append(&self, content: Content, now_ms: i64) -> Position {
        let position = self.log.lock().append(content, now_ms);
        self.wake();
        position
    }

    /// Wakes the connections that read here.
    pub(crate) fn wake(&self) {
        for (_, waker) in self.watchers.lock().iter() {
            waker.notify_one();
        }
    }

    pub(crate) fn read(&self, sequence: i64) -> Option<Read> {
        self.log.lock().read(sequence)
    }

    /// Lets a reader in and keeps it until its seat is dropped.
    pub(crate) fn admit(
        self: &Arc<Self>,
        group: &str,
        reader: Reader,
        waker: Arc<Notify>,
    ) -> Result<Seat, Condition> {
        let id = reader.id;
        let group = group.to_ascii_lowercase();
        let kick = reader.kick.clone();
        self.readers
            .lock()
            .entry(group.clone())
            .or_default()
            .admit(reader)?;
        self.watchers.lock().push((id, waker));
        Ok(Seat {
            partition: self.clone(),
            group,
            id,
            kick,
        })
    }

    pub(crate) fn kick_all(&self, reason: &Condition) {
        for readers in self.readers.lock().values_mut() {
            readers.kick_all(reason);
        }
    }

    pub(crate) fn readers(&self) -> usize {
        self.readers.lock().values().map(Readers::len).sum()
    }

    pub(crate) fn note_sent(&self, record: SentRecord, remember: usize) {
        let mut sent = self.sent.lock();
        sent.count += 1;
        if remember == 0 {
            return;
        }
        if sent.records.len() >= remember {
            sent.records.pop_front();
        }
        sent.records.push_back(record);
    }

    pub(crate) fn sent(&self) -> (u64, Vec<SentRecord>) {
        let sent = self.sent.lock();
        (sent.count, sent.records.iter().cloned().collect())
    }

    pub(crate) fn sent_count(&self) -> u64 {
        self.sent.lock().count
    }
}

/// A reader's place; it is free again when this is dropped.
pub(crate) struct Seat {
    pub(crate) partition: Arc<Partition>,
    group: String,
    id: u64,
    pub(crate) kick: Arc<Kick>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(readers) = self.partition.readers.lock().get_mut(&self.group) {
            readers.leave(self.id);
        }
        self.partition
            .watchers
            .lock()
            .retain(|(id, _)| *id != self.id);
    }
}

/// What changes when a hub is deleted and created again.
struct Life {
    created_ms: i64,
    partitions: Vec<Arc<Partition>>,
}

/// One hub.
pub(crate) struct Hub {
    pub(crate) name: Arc<str>,
    options: HubOptions,
    life: RwLock<Life>,
    round_robin: AtomicU32,
}

impl Hub {
    pub(crate) fn new(name: &str, options: HubOptions, now_ms: i64) -> Self {
        let name: Arc<str> = name.into();
        let life = RwLock::new(Life {
            created_ms: now_ms,
            partitions: fresh(&name, &options, options.partitions),
        });
        Self {
            name,
            options,
            life,
            round_robin: AtomicU32::new(0),
        }
    }

    /// Throws all readers off and begins anew with empty partitions.
    pub(crate) fn recreate(&self, now_ms: i64) {
        let mut life = self.life.write();
        let count = u32::try_from(life.partitions.len()).unwrap_or(self.options.partitions);
        let old = std::mem::replace(
            &mut life.partitions,
            fresh(&self.name, &self.options, count),
        );
        life.created_ms = now_ms.max(life.created_ms.saturating_add(1));
        drop(life);
        self.gone(&old);
    }

    /// Throws all readers off because the hub is deleted.
    pub(crate) fn delete(&self) {
        let old = std::mem::take(&mut self.life.write().partitions);
        self.gone(&old);
    }

    fn gone(&self, partitions: &[Arc<Partition>]) {
        let reason = Condition::new(
            "amqp:not-found",
            format!("The messaging entity '{}' could not be found.", self.name),
        );
        for partition in partitions {
            partition.kick_all(&reason);
        }
    }

    pub(crate) fn add_partitions(&self, count: u32) -> u32 {
        let mut life = self.life.write();
        let have = u32::try_from(life.partitions.len()).unwrap_or(u32::MAX);
        let options = HubOptions {
            backlog: None,
            ..self.options.clone()
        };
        for id in have..have.saturating_add(count) {
            life.partitions
                .push(Partition::new(&self.name, id, &options));
        }
        have.saturating_add(count)
    }

    pub(crate) fn created_ms(&self) -> i64 {
        self.life.read().created_ms
    }

    pub(crate) fn partitions(&self) -> Vec<Arc<Partition>> {
        self.life.read().partitions.clone()
    }

    pub(crate) fn partition(&self, id: u32) -> Option<Arc<Partition>> {
        let index = usize::try_from(id).ok()?;
        self.life.read().partitions.get(index).cloned()
    }

    /// The name of a known group in its own spelling.
    pub(crate) fn group(&self, name: &str) -> Option<&str> {
        const DEFAULT: &str = "$Default";
        std::iter::once(DEFAULT)
            .chain(self.options.consumer_groups.iter().map(String::as_str))
            .find(|known| known.eq_ignore_ascii_case(name))
    }

    /// The partition for a produced event: by the hash of its key, else in turn.
    pub(crate) fn pick(&self, key: Option<&str>) -> Option<Arc<Partition>> {
        let life = self.life.read();
        let count = u32::try_from(life.partitions.len()).ok()?;
        let number = match key {
            Some(key) => fnv(key.as_bytes()),
            None => self.round_robin.fetch_add(1, Ordering::Relaxed),
        };
        let index = usize::try_from(number.checked_rem(count)?).ok()?;
        life.partitions.get(index).cloned()
    }
}

fn fresh(name: &Arc<str>, options: &HubOptions, count: u32) -> Vec<Arc<Partition>> {
    (0..count)
        .map(|id| Partition::new(name, id, options))
        .collect()
}

/// FNV-1a. The service's own hash is its secret; only "equal keys, equal
/// partition" is promised.
fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}
