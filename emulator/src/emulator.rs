//! Starting and stopping a broker, and everything a test does to it in process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::broker::Broker;
use crate::connection;
use crate::epoch::Condition;
use crate::error::{Error, Result};
use crate::faults::Faults;
use crate::log::{Backlog, Content, Event, PartitionState, Position};
use crate::observe::{AttachRecord, PartitionOverview, SentRecord, StopReport};
use crate::options::{HubOptions, Options};
use crate::sas::SharedKey;
use crate::transport::{Layers, Transport, handshake};

/// A running broker. Dropping it cuts everything at once; `stop` is polite.
pub struct Emulator {
    broker: Arc<Broker>,
    tasks: TaskTracker,
    address: SocketAddr,
}

impl Emulator {
    /// Binds the socket and serves plain AMQP on it.
    ///
    /// # Errors
    /// [`Error::Listen`] when the address cannot be bound; [`Error::Invalid`]
    /// or [`Error::HubExists`] for the hubs in `options`.
    pub async fn start(options: Options) -> Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let emulator = Self {
            broker: Arc::new(Broker::new(options)?),
            tasks: TaskTracker::new(),
            address,
        };
        emulator.accept(listener, Layers::plain());
        Ok(emulator)
    }

    /// Listens on one more address, for clients that come over these layers;
    /// gives the address with its port.
    ///
    /// # Errors
    /// [`Error::Listen`] when the address cannot be bound.
    pub async fn listen(&self, address: SocketAddr, layers: Layers) -> Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        self.accept(listener, layers);
        Ok(address)
    }

    fn accept(&self, listener: TcpListener, layers: Layers) {
        let (broker, tasks) = (self.broker.clone(), self.tasks.clone());
        self.tasks
            .spawn(handshake::accept(listener, layers, broker, tasks));
    }

    /// Where it listens for plain AMQP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connection string for its first key, as Event Hubs clients take it;
    /// with an `EntityPath` when a hub is given.
    pub fn connection_string(&self, hub: Option<&str>) -> String {
        let mut text = format!("Endpoint=sb://localhost:{};", self.address.port());
        if let Some(key) = self.broker.keys.first() {
            text += &format!(
                "SharedAccessKeyName={};SharedAccessKey={};",
                key.name, key.key
            );
        }
        text += "UseDevelopmentEmulator=true;";
        if let Some(hub) = hub {
            text += &format!("EntityPath={hub};");
        }
        text
    }

    /// The shared access keys in force.
    pub fn keys(&self) -> &[SharedKey] {
        &self.broker.keys
    }

    /// Serves one more connection over a transport of one's own, such as an
    /// in-memory pipe.
    pub fn serve(&self, transport: impl Transport) {
        let broker = self.broker.clone();
        self.tasks.spawn(connection::serve(transport, broker));
    }

    /// Creates a hub.
    ///
    /// # Errors
    /// [`Error::HubExists`], or [`Error::Invalid`] without name or partitions.
    pub fn create_hub(&self, name: &str, options: HubOptions) -> Result<()> {
        self.broker.create_hub(name, options)
    }

    /// Deletes a hub; its links are detached with `amqp:not-found`.
    ///
    /// # Errors
    /// [`Error::UnknownHub`].
    pub fn delete_hub(&self, name: &str) -> Result<()> {
        self.broker.delete_hub(name)
    }

    /// Deletes a hub and creates it again: empty, numbers from its first
    /// sequence number, a later `created_at`. Links are detached.
    ///
    /// # Errors
    /// [`Error::UnknownHub`].
    pub fn recreate_hub(&self, name: &str) -> Result<()> {
        self.broker.hub(name)?.recreate(self.broker.now_ms());
        Ok(())
    }

    /// Adds empty partitions to a hub and gives the new number of them.
    ///
    /// # Errors
    /// [`Error::UnknownHub`].
    pub fn add_partitions(&self, hub: &str, count: u32) -> Result<u32> {
        Ok(self.broker.hub(hub)?.add_partitions(count))
    }

    /// Appends an event of one data section; the bytes are shared, not copied.
    ///
    /// # Errors
    /// [`Error::UnknownHub`], [`Error::UnknownPartition`], [`Error::TooLarge`].
    pub fn append(
        &self,
        hub: &str,
        partition: u32,
        body: impl Into<bytes::Bytes>,
    ) -> Result<Position> {
        self.append_event(hub, partition, Event::from(body.into()))
    }

    /// Appends any event, such as one that cannot be decoded.
    ///
    /// # Errors
    /// As for [`Emulator::append`].
    pub fn append_event(&self, hub: &str, partition: u32, event: Event) -> Result<Position> {
        let content = Content::from(event);
        let (size, limit) = (content.size(), self.broker.options.max_message_size);
        if size > limit {
            return Err(Error::TooLarge { size, limit });
        }
        let partition = self.broker.partition(hub, partition)?;
        Ok(partition.append(content, self.broker.now_ms()))
    }

    /// Puts generated events at the start of a never-used partition.
    ///
    /// # Errors
    /// [`Error::PartitionInUse`], and those of an unknown hub or partition.
    pub fn set_backlog(&self, hub: &str, partition: u32, backlog: Backlog) -> Result<()> {
        let partition = self.broker.partition(hub, partition)?;
        if !partition.log.lock().set_backlog(backlog) {
            return Err(Error::PartitionInUse);
        }
        partition.wake();
        Ok(())
    }

    /// Forgets the events before `sequence`, as retention does.
    ///
    /// # Errors
    /// Those of an unknown hub or partition.
    pub fn trim_before(&self, hub: &str, partition: u32, sequence: i64) -> Result<()> {
        let partition = self.broker.partition(hub, partition)?;
        partition.log.lock().trim_before(sequence);
        Ok(())
    }

    /// A forced fail-over: the last `count` appended events are lost and their
    /// numbers used again; the readers are detached. Generated events stay.
    ///
    /// # Errors
    /// Those of an unknown hub or partition.
    pub fn lose_last(&self, hub: &str, partition: u32, count: u64) -> Result<()> {
        let partition = self.broker.partition(hub, partition)?;
        partition.log.lock().lose_last(count);
        partition.kick_all(&Condition::new(
            "amqp:link:detach-forced",
            "The link is force detached because of a fail-over.",
        ));
        Ok(())
    }

    /// Number of the last event ever appended; -1 when there was none.
    ///
    /// # Errors
    /// Those of an unknown hub or partition.
    pub fn last_sequence(&self, hub: &str, partition: u32) -> Result<i64> {
        Ok(self.partition_state(hub, partition)?.last_sequence)
    }

    /// What the management node would tell about a partition.
    ///
    /// # Errors
    /// Those of an unknown hub or partition.
    pub fn partition_state(&self, hub: &str, partition: u32) -> Result<PartitionState> {
        let partition = self.broker.partition(hub, partition)?;
        let mut log = partition.log.lock();
        log.retain(self.broker.now_ms());
        Ok(log.state())
    }

    /// The scripted faults.
    pub fn faults(&self) -> Faults {
        self.broker.faults.clone()
    }

    /// Every consumer link that asked to be attached, in order.
    pub fn attach_log(&self) -> Vec<AttachRecord> {
        self.broker.observed.attach_log()
    }

    /// The events sent from a partition, in order (as far as remembered, see
    /// [`Options::remember_sent`]).
    ///
    /// # Errors
    /// Those of an unknown hub or partition.
    pub fn sent(&self, hub: &str, partition: u32) -> Result<Vec<SentRecord>> {
        Ok(self.broker.partition(hub, partition)?.sent().1)
    }

    /// How many events were sent from a partition, repetitions included.
    ///
    /// # Errors
    /// Those of an unknown hub or partition.
    pub fn sent_count(&self, hub: &str, partition: u32) -> Result<u64> {
        Ok(self.broker.partition(hub, partition)?.sent_count())
    }

    /// How many readers a partition has, over all groups.
    ///
    /// # Errors
    /// Those of an unknown hub or partition.
    pub fn readers(&self, hub: &str, partition: u32) -> Result<usize> {
        Ok(self.broker.partition(hub, partition)?.readers())
    }

    /// Connections open now.
    pub fn open_connections(&self) -> usize {
        self.broker.wakers.len()
    }

    /// Events that clients have settled so far.
    pub fn dispositions(&self) -> u64 {
        self.broker.observed.dispositions.load(Ordering::Relaxed)
    }

    /// Tokens accepted so far.
    pub fn tokens(&self) -> u64 {
        self.broker.observed.tokens.load(Ordering::Relaxed)
    }

    /// For what tokens have been accepted, as the clients wrote it; each once, in
    /// alphabetical order.
    pub fn audiences(&self) -> Vec<String> {
        self.broker.observed.audiences()
    }

    /// Messages that producers sent without credit.
    pub fn credit_violations(&self) -> u64 {
        self.broker
            .observed
            .credit_violations
            .load(Ordering::Relaxed)
    }

    /// Makes every connection look at the clock and the faults now.
    pub fn wake(&self) {
        self.broker.wakers.wake_all();
    }

    /// Closes all connections, waits for them (see [`Options::stop_wait`]), cuts
    /// the rest, and joins every task.
    pub async fn stop(self) -> StopReport {
        let open = self.open_connections();
        self.broker.stopping.cancel();
        self.tasks.close();
        let wait = self.broker.options.stop_wait;
        let leaked = match tokio::time::timeout(wait, self.tasks.wait()).await {
            Ok(()) => 0,
            Err(_) => self.open_connections(),
        };
        self.broker.cutting.cancel();
        self.tasks.wait().await;
        StopReport {
            open,
            leaked,
            served: self.broker.observed.connections.load(Ordering::Relaxed),
        }
    }

    /// All partitions of all hubs.
    pub fn overview(&self) -> Vec<PartitionOverview> {
        let now_ms = self.broker.now_ms();
        let hubs = self.broker.hubs();
        let partitions = hubs.iter().flat_map(|hub| hub.partitions());
        partitions
            .map(|partition| {
                let state = {
                    let mut log = partition.log.lock();
                    log.retain(now_ms);
                    log.state()
                };
                PartitionOverview {
                    hub: partition.hub.to_string(),
                    partition: partition.id,
                    state,
                    readers: partition.readers(),
                    sent: partition.sent_count(),
                }
            })
            .collect()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.broker.stopping.cancel();
        self.broker.cutting.cancel();
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}
