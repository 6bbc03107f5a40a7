//! What all connections of one emulator share.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::faults::Faults;
use crate::hub::{Hub, Partition};
use crate::observe::Observed;
use crate::options::{HubOptions, Options};
use crate::sas::SharedKey;
use crate::throttle::Throttle;

/// The wakers of all open connections.
#[derive(Clone, Default)]
pub(crate) struct Wakers(Arc<Mutex<HashMap<u64, Arc<Notify>>>>);

impl Wakers {
    pub(crate) fn add(&self, connection: u64) -> Arc<Notify> {
        let waker = Arc::<Notify>::default();
        self.0.lock().insert(connection, waker.clone());
        waker
    }

    pub(crate) fn remove(&self, connection: u64) {
        self.0.lock().remove(&connection);
    }

    pub(crate) fn wake_all(&self) {
        for waker in self.0.lock().values() {
            waker.notify_one();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

/// The shared state.
pub(crate) struct Broker {
    pub(crate) options: Options,
    pub(crate) keys: Vec<SharedKey>,
    pub(crate) wakers: Wakers,
    pub(crate) faults: Faults,
    pub(crate) observed: Observed,
    pub(crate) throttle: Throttle,
    /// Ask the connections to close.
    pub(crate) stopping: CancellationToken,
    /// Cut what has not closed by then.
    pub(crate) cutting: CancellationToken,
    hubs: RwLock<BTreeMap<String, Arc<Hub>>>,
    numbers: AtomicU64,
}

impl Broker {
    pub(crate) fn new(options: Options) -> Result<Self> {
        let wakers = Wakers::default();
        let keys = match options.keys.is_empty() {
            true => vec![SharedKey::generate()],
            false => options.keys.clone(),
        };
        let broker = Self {
            keys,
            faults: Faults::new(wakers.clone()),
            wakers,
            observed: Observed::default(),
            throttle: Throttle::default(),
            stopping: CancellationToken::new(),
            cutting: CancellationToken::new(),
            hubs: RwLock::default(),
            numbers: AtomicU64::new(0),
            options,
        };
        for (name, hub) in broker.options.hubs.clone() {
            broker.create_hub(&name, hub)?;
        }
        Ok(broker)
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.options.clock.now_ms()
    }

    /// A number that nobody else has.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn create_hub(&self, name: &str, options: HubOptions) -> Result<()> {
        if options.partitions == 0 || name.is_empty() || name.contains('/') {
            return Err(Error::Invalid(format!(
                "hub '{name}' needs a name without '/' and at least one partition"
            )));
        }
        let hub = Arc::new(Hub::new(name, options, self.now_ms()));
        let mut hubs = self.hubs.write();
        let key = name.to_ascii_lowercase();
        if hubs.contains_key(&key) {
            return Err(Error::HubExists(name.to_owned()));
        }
        hubs.insert(key, hub);
        Ok(())
    }

    pub(crate) fn delete_hub(&self, name: &str) -> Result<()> {
        let hub = self
            .hubs
            .write()
            .remove(&name.to_ascii_lowercase())
            .ok_or_else(|| Error::UnknownHub(name.to_owned()))?;
        hub.delete();
        Ok(())
    }

    pub(crate) fn find_hub(&self, name: &str) -> Option<Arc<Hub>> {
        self.hubs.read().get(&name.to_ascii_lowercase()).cloned()
    }

    pub(crate) fn hub(&self, name: &str) -> Result<Arc<Hub>> {
        self.find_hub(name)
            .ok_or_else(|| Error::UnknownHub(name.to_owned()))
    }

    pub(crate) fn hubs(&self) -> Vec<Arc<Hub>> {
        self.hubs.read().values().cloned().collect()
    }

    pub(crate) fn partition(&self, hub: &str, partition: u32) -> Result<Arc<Partition>> {
        self.hub(hub)?
            .partition(partition)
            .ok_or_else(|| Error::UnknownPartition {
                hub: hub.to_owned(),
                partition,
            })
    }
}
