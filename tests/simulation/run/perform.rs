//! Does what an operation says.

use std::sync::Arc;
use std::time::Duration;

use entra_forwarder::checkpoint::Condition;
use entra_forwarder::event_hub::{PartitionId, SourceErrorKind};

use super::World;
use super::replicas::Replica;
use crate::foreigner;
use crate::journal::Violation;
use crate::operations::{Operation, ms};
use crate::records::Kind;
use crate::store::TOOL;

/// After this time without an event, an emptied partition is passed over.
const EXPIRED_AFTER: Duration = Duration::from_secs(33 * 60);
/// Most events that a hub gets at once when it grows past the old numbers.
const GROWS_MAX: i64 = 100;

impl World {
    pub(super) async fn perform(&mut self, operation: Operation) -> Result<(), Violation> {
        let name = format!("{operation:?}");
        let name = name.split([' ', '{']).next().unwrap_or_default();
        self.journal
            .note(&format!("operation {name}"), format_args!("{operation:?}"));
        let partitions = self.hub.lock().partitions.len();
        let partition = |partition: u8| usize::from(partition) % partitions;
        match operation {
            Operation::Wait { ms: time } => self.wait(ms(time)).await?,
            Operation::Expire { partition: id } => {
                self.hub.trim(partition(id), 0);
                self.wait(EXPIRED_AFTER).await?;
            }
            Operation::Touch { partition: id } => self.touch(partition(id)),
            Operation::Steal {
                partition: id,
                stay,
            } => {
                self.seized += 1;
                let name = format!("foreign-{}", self.seized);
                let (hub, store) = (Arc::clone(&self.hub), Arc::clone(&self.store));
                let id = partition(id);
                self.foreigners
                    .spawn(foreigner::live(name, hub, store, id, stay));
            }
            Operation::Crash { replica, down_ms } => {
                self.crash(replica);
                self.wait(ms(down_ms)).await?;
                self.start();
            }
            Operation::Stop {
                replica,
                grace_ms,
                down_ms,
            } => {
                self.stop(replica, ms(grace_ms)).await;
                self.wait(ms(down_ms)).await?;
                self.start();
            }
            Operation::Produce {
                partition: id,
                kind,
                times,
            } => (0..times).for_each(|_| self.hub.produce(partition(id), kind)),
            Operation::Hole {
                partition: id,
                numbers,
            } => self.hub.leave_hole(partition(id), numbers),
            Operation::Trim {
                partition: id,
                keep,
            } => self.hub.trim(partition(id), keep),
            Operation::Join
            | Operation::Leave { .. }
            | Operation::AddPartitions
            | Operation::Pause { .. }
            | Operation::StaleLists { .. }
            | Operation::RefuseReplica { .. } => self.move_replicas(operation).await,
            Operation::BeginAnew { .. }
            | Operation::FailOver { .. }
            | Operation::Recreate { .. } => self.lose_events(operation, partition),
            fault => self.disturb(fault, partition),
        }
        Ok(())
    }

    /// Does what concerns who shares the partitions.
    async fn move_replicas(&mut self, operation: Operation) {
        match operation {
            Operation::Join => self.join(),
            Operation::Leave { .. } if self.replicas.len() < 2 => {}
            Operation::Leave {
                replica,
                is_killed: true,
            } => self.crash(replica),
            Operation::Leave { replica, .. } => drop(self.stop(replica, ms(25_000_u32)).await),
            Operation::AddPartitions => self.add_partitions(),
            Operation::Pause { replica, .. }
            | Operation::StaleLists { replica, .. }
            | Operation::RefuseReplica { replica, .. } => {
                if let Some(index) = self.pick(replica) {
                    self.disturb_replica(&self.replicas[index], operation);
                }
            }
            other => unreachable!("{other:?} moves no replica"),
        }
    }

    fn disturb_replica(&self, replica: &Replica, fault: Operation) {
        let (gate, process) = (&replica.gate, &replica.process);
        let seconds = |seconds: u8| Duration::from_secs(seconds.into());
        self.journal
            .note("disturbed replica", format_args!("{process}"));
        match fault {
            Operation::Pause { seconds: lasts, .. } => gate.freeze(seconds(lasts)),
            Operation::StaleLists {
                age_s,
                seconds: lasts,
                ..
            } => gate.age_lists(seconds(age_s), seconds(lasts)),
            Operation::RefuseReplica {
                sink,
                seconds: lasts,
                ..
            } => gate.refuse(usize::from(sink) % self.endpoints.len(), seconds(lasts)),
            other => unreachable!("{other:?} is no fault of a replica"),
        }
    }

    /// Tells the simulated ends which faults come next.
    fn disturb(&self, fault: Operation, partition: impl Fn(u8) -> usize) {
        let (hub, store) = (&self.hub, &self.store);
        let endpoint = |sink: u8| &self.endpoints[usize::from(sink) % self.endpoints.len()];
        let seconds = |seconds: u8| Duration::from_secs(seconds.into());
        match fault {
            Operation::Detach {
                partition: id,
                kind,
            } => hub.end_link(partition(id), kind),
            Operation::SlowLink {
                partition: id,
                ms: pace,
                seconds: lasts,
            } => hub.slow_down(partition(id), ms(pace), seconds(lasts)),
            Operation::NextOpen {
                partition: id,
                opening,
                times,
            } => {
                (0..times).for_each(|_| hub.next_open(partition(id), opening));
                hub.end_link(partition(id), SourceErrorKind::Unavailable);
            }
            Operation::LoseOnLink { partition: id } => hub.lose_one(partition(id)),
            Operation::GoBack {
                partition: id,
                events,
            } => hub.go_back(partition(id), events),
            Operation::Wedge {
                partition: id,
                links,
            } => hub.wedge(partition(id), links),
            Operation::FailProperties { times } => hub.fail_properties(times.into()),
            Operation::Answers { sink, reply, times } => endpoint(sink).answer(reply, times),
            Operation::SlowSink {
                sink,
                ms: answer,
                seconds: lasts,
            } => endpoint(sink).slow_down(ms(answer), seconds(lasts)),
            Operation::RefuseRecords {
                sink,
                status,
                seconds: lasts,
            } => endpoint(sink).refuse_records(status, seconds(lasts)),
            Operation::StoreFault { call, fault, times } => {
                (0..times).for_each(|_| store.fail(call, fault));
            }
            Operation::StoreDown { seconds: lasts } => store.go_down(seconds(lasts)),
            Operation::LettersFail { times } => self.letters.fail(times.into()),
            other => unreachable!("{other:?} is no fault"),
        }
    }

    /// Lets numbers be given again.
    fn lose_events(&self, operation: Operation, partition: impl Fn(u8) -> usize) {
        match operation {
            Operation::BeginAnew {
                partition: id,
                keeps_link,
            } => self.begin_anew(partition(id), keeps_link),
            Operation::FailOver {
                partition: id,
                loses,
                produces,
            } => self.fail_over(partition(id), loses, produces),
            Operation::Recreate {
                produces,
                grows_past,
            } => self.recreate(produces, grows_past),
            other => unreachable!("{other:?} loses nothing"),
        }
    }

    fn begin_anew(&self, partition: usize, keeps_link: bool) {
        if self.is_time_known(partition) {
            self.hub
                .begin_anew(partition, &self.holder(partition), keeps_link);
        }
    }

    fn fail_over(&self, partition: usize, loses: u8, produces: u8) {
        if self.is_time_known(partition)
            && self
                .hub
                .fail_over(partition, &self.holder(partition), loses)
        {
            (0..produces).for_each(|_| self.hub.produce(partition, Kind::Envelope(2)));
        }
    }

    /// Makes the hub again. Not where another program has stored a position without the time of the
    /// hub: within five minutes nothing tells that it is another one.
    fn recreate(&self, produces: u8, grows_past: bool) {
        let partitions = self.hub.lock().partitions.len();
        let stored = |id: usize| self.store.read(&PartitionId::new(id.to_string()));
        let is_marked = |id: usize| {
            stored(id).is_some_and(|it| it.checkpoint().unwrap().hub_created_at.is_some())
        };
        if !(0..partitions).all(is_marked) {
            return;
        }
        let next: Vec<_> = (0..partitions)
            .map(|id| self.hub.lock().partitions[id].next)
            .collect();
        let holders: Vec<_> = (0..partitions).map(|id| self.holder(id)).collect();
        self.hub.recreate(&holders);
        for (partition, next) in next.into_iter().enumerate() {
            let past = if grows_past { next.min(GROWS_MAX) } else { 0 };
            (0..past + i64::from(produces))
                .for_each(|_| self.hub.produce(partition, Kind::Envelope(1)));
        }
    }

    /// Whether the stored position can be told from one of another timeline by its time.
    fn is_time_known(&self, partition: usize) -> bool {
        let stored = self.store.read(&PartitionId::new(partition.to_string()));
        stored.is_some_and(|stored| {
            let position = &stored.checkpoint().unwrap().position;
            position.enqueued_at.is_some() || position.sequence.0 < 0
        })
    }

    /// Another program writes the same position again.
    fn touch(&self, partition: usize) {
        let id = PartitionId::new(partition.to_string());
        if let Some(stored) = self.store.read(&id) {
            let unchanged = Condition::Matches(stored.etag.clone());
            let checkpoint = stored.checkpoint().unwrap();
            let written = self.store.write(TOOL, &id, checkpoint, &unchanged);
            assert!(written.is_ok(), "nobody writes in between");
            // Whoever holds it loses it.
            for replica in &self.replicas {
                self.oracle.process_lost(&replica.process, Some(partition));
            }
        }
    }
}
