//! A position that does not belong to the hub that is there: another one is found, and stored.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::search::Search;
use super::{OnStale, Reader, ReaderEnd};
use crate::config::{OnStaleCheckpoint, Start};
use crate::event_hub::{Offset, Position, SourceError, SourceErrorKind, Timestamp};
use crate::partition::resume::Stale;
use crate::partition::start;

/// With `on_stale_checkpoint = "fail"`, how long until the checkpoint is read again.
const FAIL_WAIT: Duration = Duration::from_secs(60);

impl Reader {
    /// The hub that is there was created at another time than the one of the position.
    pub(super) fn other_hub(&self, found: Timestamp) -> Stale {
        Stale::OtherHub {
            known: Some(self.hub_created_at),
            written_at: None,
            found,
        }
    }

    /// Does what the policy says. No receiver may be open.
    pub(super) async fn begin_anew(&mut self, stale: Stale) -> ControlFlow<ReaderEnd> {
        let policy = match self.given.policy.on_stale {
            OnStale::Configured(policy) => policy,
            OnStale::End => {
                self.tell(&stale);
                return Break(ReaderEnd::Stale);
            }
        };
        let reason = format!(
            "its position does not belong to the hub that is there: {stale}; what was read is \
             delivered first"
        );
        self.given.stages.status.waits(&self.component, &reason);
        // It cannot be read again: it is only here.
        self.wait_until_settled().await?;
        // Before the new position is looked up: if the hub changes in between, that is seen later.
        let created_at = self.ask_created_at().await?;
        if matches!(&stale, Stale::OtherHub { known: Some(known), .. } if *known == created_at) {
            // Who claimed had looked at the hub before it was made again.
            return self.restart(self.last.clone(), created_at).await;
        }
        self.tell(&stale);
        let start = match policy {
            OnStaleCheckpoint::Fail => return Break(self.fail(&stale).await),
            OnStaleCheckpoint::Earliest => Start::Earliest,
            OnStaleCheckpoint::Latest => Start::Latest,
            OnStaleCheckpoint::Time => self.known_time.map_or(Start::Earliest, |known| {
                let margin = i64::try_from(self.given.policy.stale_margin.as_millis());
                Start::Time(Timestamp(
                    known.0.saturating_sub(margin.unwrap_or(i64::MAX)),
                ))
            }),
        };
        let position = loop {
            let (given, search) = (&self.given, Search(self));
            let finding = async {
                let properties = self.look().await?;
                start::first_position(&search, &given.partition, start, &properties).await
            };
            let found = tokio::select! {
                biased;
                () = given.stop.cancelled() => return Break(ReaderEnd::Stopped),
                found = finding => found,
            };
            match found {
                Ok(position) => break position,
                Err(error) => self.wait_for_hub(&error).await?,
            }
        };
        self.restart(position, created_at).await
    }

    /// Finds out where the event at `offset` stands, and begins behind it.
    pub(super) async fn begin_behind(&mut self, offset: &Offset) -> ControlFlow<ReaderEnd> {
        loop {
            let created_at = self.ask_created_at().await?;
            let (given, search) = (&self.given, Search(self));
            let found = tokio::select! {
                biased;
                () = given.stop.cancelled() => return Break(ReaderEnd::Stopped),
                found = start::position_at(&search, &given.partition, offset) => found,
            };
            match found {
                Ok(position) => {
                    tracing::info!(
                        event = "offset_found",
                        source = self.given.stages.source,
                        partition = %self.given.partition,
                        sequence = position.sequence.0,
                        "the checkpoint holds an offset and no number: it stands for sequence \
                         number {}",
                        position.sequence
                    );
                    return self.restart(position, created_at).await;
                }
                Err(error) if error.kind == SourceErrorKind::PositionRefused => {
                    return self.begin_anew(Stale::Refused(error.message)).await;
                }
                Err(error) => self.wait_for_hub(&error).await?,
            }
        }
    }

    /// Begins a new generation behind `position`, and stores it at once, since from here on the old
    /// checkpoint may look right.
    async fn restart(
        &mut self,
        position: Position,
        created_at: Timestamp,
    ) -> ControlFlow<ReaderEnd> {
        self.stats.begins_anew(&position);
        let id = self.given.ledger.0;
        let ledgers = &self.given.stages.ledgers;
        let generation = ledgers.start(id, None);
        self.given.ledger.1 = generation;
        if let Err(error) = ledgers.pass(id, generation, position.clone()) {
            tracing::debug!(
                event = "reading_ends",
                source = self.given.stages.source,
                partition = %self.given.partition,
                %error,
                "reading ends"
            );
            return Break(ReaderEnd::GenerationEnded);
        }
        let checkpointer = &self.given.checkpointer;
        checkpointer.renew(id, generation, created_at).await;
        while !checkpointer.store_now(id).await {
            let wait = self.backoff.next(self.given.stages.rng.as_ref());
            if !self.sleep(wait).await {
                return Break(ReaderEnd::Stopped);
            }
        }
        tracing::info!(
            event = "position_set",
            source = self.given.stages.source,
            partition = %self.given.partition,
            sequence = position.sequence.0,
            hub_created_at = %created_at,
            "reading goes on behind sequence number {}",
            position.sequence
        );
        self.known_time = position.enqueued_at.or(self.known_time);
        self.last = position;
        self.hub_created_at = created_at;
        self.is_last_received = false;
        self.suspicion = None;
        self.undecodable = super::Undecodable::default();
        Continue(())
    }

    /// Waits until everything that was read is settled.
    async fn wait_until_settled(&self) -> ControlFlow<ReaderEnd> {
        let (id, generation) = self.given.ledger;
        let ledgers = &self.given.stages.ledgers;
        tokio::select! {
            biased;
            () = self.given.stop.cancelled() => Break(ReaderEnd::Stopped),
            () = ledgers.wait_for_room(id, generation, |it| it.open_events == 0) => Continue(()),
        }
    }

    async fn ask_created_at(&mut self) -> ControlFlow<ReaderEnd, Timestamp> {
        loop {
            let given = &self.given;
            let answer = tokio::select! {
                biased;
                () = given.stop.cancelled() => return Break(ReaderEnd::Stopped),
                answer = given.inquiry.created_at() => answer,
            };
            match answer {
                Ok(created_at) => return Continue(created_at),
                Err(error) => self.wait_for_hub(&error).await?,
            }
        }
    }

    async fn wait_for_hub(&mut self, error: &SourceError) -> ControlFlow<ReaderEnd> {
        let stages = &self.given.stages;
        stages.status.waits(&self.component, &error.to_string());
        let wait = error.kind.shortest_wait() + self.backoff.next(stages.rng.as_ref());
        if self.sleep(wait).await {
            Continue(())
        } else {
            Break(ReaderEnd::Stopped)
        }
    }

    fn tell(&self, stale: &Stale) {
        let stats = &self.stats;
        stats.stale.fetch_add(1, Ordering::Relaxed);
        if matches!(stale, Stale::Rewound { .. }) {
            stats.rewinds.fetch_add(1, Ordering::Relaxed);
        }
        tracing::error!(
            event = "stale_position",
            source = self.given.stages.source,
            partition = %self.given.partition,
            sequence = self.last.sequence.0,
            enqueued_at = self.known_time.map(|time| time.to_string()),
            "sequence number {} does not belong to the hub that is there: {stale}",
            self.last.sequence
        );
    }

    /// Says what to do, and waits until the checkpoint is worth to be read again.
    async fn fail(&self, stale: &Stale) -> ReaderEnd {
        let (source, partition) = (&self.given.stages.source, &self.given.partition);
        let reason = format!(
            "the position at sequence number {} does not belong to the hub that is there: {stale}; \
             choose where to go on: entra-forwarder checkpoints set --force --source {source} \
             --partition {partition} --to <earliest|latest|sequence>",
            self.last.sequence
        );
        self.given.stages.status.fails(&self.component, &reason);
        if self.sleep(FAIL_WAIT).await {
            ReaderEnd::Stale
        } else {
            ReaderEnd::Stopped
        }
    }
}
