//! What follows from the end of a receiver.

use std::ops::ControlFlow::{Break, Continue};
use std::time::Duration;

use tokio::time::Instant;

use super::receive::LASTED;
use super::{End, Reader, ReaderEnd, Then};
use crate::event_hub::{SequenceNumber, SourceError, SourceErrorKind};
use crate::partition::resume::Stale;

/// Shortest and longest wait after another consumer took the partition.
const STOLEN_WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// So many thefts within this time are a fight, and then nothing is opened for as long.
const THEFTS_MAX: usize = 3;
const THEFTS_WITHIN: Duration = Duration::from_secs(60);
/// Receivers that the watchdog opens again until another replica should try.
const FRUITLESS_MAX: u32 = 3;

impl Reader {
    /// Says, counts and decides what follows.
    pub(super) async fn after(&mut self, end: End) -> Then {
        let (stages, component) = (&self.given.stages, &self.component);
        match end {
            End::Stopped => return Break(ReaderEnd::Stopped),
            End::Broken(error) => {
                tracing::debug!(
                    event = "reading_ends",
                    source = stages.source,
                    partition = %self.given.partition,
                    %error,
                    "reading ends"
                );
                return Break(ReaderEnd::GenerationEnded);
            }
            End::Paused => {
                let (id, generation) = self.given.ledger;
                let backlog = stages.ledgers.backlog(id, generation);
                if let Some(reason) = self.given.limits.full(backlog) {
                    stages.status.waits(component, reason);
                }
                return Continue(Duration::ZERO);
            }
            _ => self.stats.count(|it| &it.reopenings),
        };
        let was_early = std::mem::take(&mut self.has_expired_early);
        match end {
            End::Stale(stale) => self.after_stale(stale).await,
            End::Stalled(last) => self.after_stall(last),
            End::Failed(error) => self.after_error(error, false).await,
            End::Detached(error, since) => {
                let has_lasted = since.elapsed() >= LASTED;
                if error.kind == SourceErrorKind::Unauthorized {
                    self.has_expired_early = !has_lasted;
                    if has_lasted || !was_early {
                        return self.after_expiry(&error);
                    }
                }
                self.after_error(error, has_lasted).await
            }
            End::Reopen | End::Stopped | End::Paused | End::Broken(_) => Continue(Duration::ZERO),
        }
    }

    async fn after_stale(&mut self, stale: Stale) -> Then {
        self.begin_anew(stale).await?;
        // Without progress in between, the next time waits longer.
        Continue(self.backoff.next(self.given.stages.rng.as_ref()))
    }

    fn after_stall(&mut self, last: SequenceNumber) -> Then {
        let stages = &self.given.stages;
        self.stats.count(|it| &it.stalls);
        let reason = format!(
            "nothing came for {:?} behind sequence number {}, and the partition has events up to \
             {last}",
            self.given.policy.stall_timeout, self.last.sequence
        );
        if self.fruitless >= FRUITLESS_MAX {
            let reason = format!(
                "{reason}; opening it again {FRUITLESS_MAX} times did not help: it is left to \
                 another replica"
            );
            stages.status.fails(&self.component, &reason);
            return Break(ReaderEnd::Stalled);
        }
        self.fruitless += 1;
        let reason = format!("{reason}; it is opened again");
        stages.status.waits(&self.component, &reason);
        Continue(self.backoff.next(stages.rng.as_ref()))
    }

    /// An attached receiver that becomes unauthorised has outlived its token: that is normal life.
    fn after_expiry(&self, error: &SourceError) -> Then {
        let stages = &self.given.stages;
        self.stats.count(|it| &it.expiries);
        if let Some(receivers) = self.stats.unsaid.expiries.once_more() {
            tracing::info!(
                event = "token_expired",
                source = stages.source,
                partition = %self.given.partition,
                receivers,
                %error,
                "the receiver's token has expired: it is opened again"
            );
        }
        Continue(Duration::ZERO)
    }

    /// `has_lasted` says that a receiver was open for some time before it ended.
    async fn after_error(&mut self, error: SourceError, has_lasted: bool) -> Then {
        if error.kind == SourceErrorKind::PositionRefused && self.is_position_refused().await {
            return self.after_stale(Stale::Refused(error.message)).await;
        }
        let stages = &self.given.stages;
        if error.kind == SourceErrorKind::Unavailable && has_lasted {
            // The service closes idle links and moves partitions between its nodes. If that is not
            // all, the next attach fails.
            if let Some(receivers) = self.stats.unsaid.ends.once_more() {
                tracing::info!(
                    event = "receiver_ended",
                    source = stages.source,
                    partition = %self.given.partition,
                    receivers,
                    %error,
                    "the receiver has ended: it is opened again"
                );
            }
        } else if self.undecodable.stalled_at.is_none() {
            stages.status.waits(&self.component, &error.to_string());
        }
        match self.met_undecodable(error.kind).await {
            Some(End::Stale(stale)) => return self.after_stale(stale).await,
            Some(End::Stopped) => return Break(ReaderEnd::Stopped),
            _ => {}
        }
        let stages = &self.given.stages;
        let rng = stages.rng.as_ref();
        Continue(match error.kind {
            SourceErrorKind::Stolen => {
                self.stats.count(|it| &it.stolen);
                // Another consumer opened a receiver: perhaps the new owner, who must not be thrown
                // off in his turn.
                if !self.confirms_lease().await {
                    return Break(ReaderEnd::Stopped);
                }
                self.wait_after_theft()
            }
            kind => kind.shortest_wait() + self.backoff.next(rng),
        })
    }

    /// The partition is still ours, and somebody took its receiver away. Once or twice that is a
    /// replica that stood still; whoever does it again and again does not see our claims.
    fn wait_after_theft(&mut self) -> Duration {
        let stages = &self.given.stages;
        let now = Instant::now();
        self.thefts
            .retain(|theft| now.duration_since(*theft) < THEFTS_WITHIN);
        self.thefts.push(now);
        let (shortest, longest) = STOLEN_WAIT;
        let wait = shortest + (longest - shortest).mul_f64(stages.rng.fraction());
        if self.thefts.len() < THEFTS_MAX {
            return wait;
        }
        let reason = "another program reads this partition in our consumer group and does not see \
                      our claims: give it a consumer group of its own";
        stages.status.waits(&self.component, reason);
        THEFTS_WITHIN + wait
    }

    /// Lets the owner write the claim again; false when told to stop. When it is somebody else's by
    /// now, this reader is ended meanwhile.
    async fn confirms_lease(&self) -> bool {
        let given = &self.given;
        tokio::select! {
            biased;
            () = given.stop.cancelled() => false,
            () = given.lease.confirm() => true,
        }
    }

    /// Behind an undecodable message that is the last one, the place of the next event is refused
    /// although it is right.
    async fn is_position_refused(&self) -> bool {
        if !self.undecodable.is_passed {
            return true;
        }
        let answer = self.look().await;
        answer.is_ok_and(|properties| properties.last_sequence < self.last.sequence)
    }
}
