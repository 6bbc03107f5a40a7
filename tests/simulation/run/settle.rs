//! The end of a run: the faults cease, and everything must come to rest.

use std::time::Duration;

use entra_forwarder::app::Ended;
use tokio::time::Instant;

use super::{LAST_ARRIVAL, World};
use crate::journal::{Rule, Violation};
use crate::operations::ms;
use crate::records::Kind;
use crate::settings;

/// Time within which everything must be delivered once the faults have ceased: a claim that was
/// left expires after 60 s, a source waits up to 30 s, a dead letter up to 60 s.
const PROGRESS_BOUND: Duration = Duration::from_secs(300);
/// Time on top of that while poison must be found: five minutes per batch, in the worst case one
/// after the other, and then some for its parts.
const POISON_BOUND: Duration = Duration::from_secs(3_000);
/// How often something else comes meanwhile.
const FEEDING: Duration = Duration::from_secs(10);
/// Time within which the shares must be fair: another program leaves after 33 s, its claim expires
/// after 60 s, an imbalance must last for 60 s, and then it takes some rounds.
const FAIR_BOUND: Duration = Duration::from_secs(180);
/// Time within which the watchdog has found a receiver that keeps silent: its timeout, and as much
/// again for the questions that it asks.
const WATCHDOG_BOUND: Duration = Duration::from_secs(120);
/// Ten renewals: for so long nothing may move then.
const CALM: Duration = Duration::from_secs(200);
/// Most receivers that may be opened per partition once the faults have ceased.
const OPENS_MAX: u64 = 40;

impl World {
    /// Ends all faults and waits until everything is delivered and stored.
    pub(super) async fn settle(&mut self) -> Result<Duration, Violation> {
        self.journal.note("faults cease", format_args!(""));
        self.hub.calm_down();
        self.store.calm_down();
        self.letters.calm_down();
        self.oracle.tastes().calm_down();
        self.endpoints
            .iter()
            .for_each(|endpoint| endpoint.calm_down());
        self.replicas
            .iter()
            .for_each(|replica| replica.gate.calm_down());
        if self.config.sources.values().any(settings::stalls) {
            self.hub.remove_undecodable();
        }
        let before = self.witness.moves();
        let begun = Instant::now();
        let mut settled_after = None;
        let mut uneven = self.uneven();
        // A receiver that keeps silent is one more fault, which the watchdog ends.
        let is_silent = self.hub.is_silent();
        let awaits_watchdog = |begun: Instant| is_silent && begun.elapsed() < WATCHDOG_BOUND;
        let is_poisoned = self.oracle.awaits_proof(true);
        let bound = PROGRESS_BOUND
            + if is_poisoned {
                POISON_BOUND
            } else {
                Duration::ZERO
            };
        let mut fed_at = begun;
        while settled_after.is_none() || uneven.is_some() || awaits_watchdog(begun) {
            let missing = self.oracle.missing();
            if missing.is_none() {
                settled_after.get_or_insert_with(|| begun.elapsed());
            }
            if fed_at.elapsed() > FEEDING && self.oracle.awaits_proof(false) {
                self.feed();
                fed_at = Instant::now();
            }
            if let Some(missing) = missing.filter(|_| begun.elapsed() > bound) {
                let waits: Vec<_> = self.replicas.iter().map(|it| it.app.balance()).collect();
                let detail = format!("not within {bound:?}: {missing}; {waits:?}");
                self.journal.violate(Rule::Delivered, detail);
            }
            if let Some(uneven) = uneven.filter(|_| begun.elapsed() > FAIR_BOUND) {
                let detail = format!("no fair shares within {FAIR_BOUND:?}: {uneven}");
                self.journal.violate(Rule::Ownership, detail);
            }
            self.wait(ms(500_u64)).await?;
            uneven = self.uneven();
        }
        self.journal
            .note("fair", format_args!("after {:?}", begun.elapsed()));
        // While something waits, what is read may wait too: for that long, and a receiver is closed.
        let opens_max = OPENS_MAX + begun.elapsed().as_secs() / 15;
        for (partition, moves) in self.witness.moves() {
            let opens = moves.opens - before.get(&partition).map_or(0, |before| before.opens);
            if opens > opens_max {
                let detail = format!("{opens} receivers of partition {partition} without a fault");
                self.journal.violate(Rule::Ownership, detail);
            }
        }
        Ok(settled_after.unwrap_or_default())
    }

    /// Lets something else pass: only beside that, a failure is the fault of a batch.
    fn feed(&self) {
        let partitions = self.hub.lock().partitions.len();
        // With every category among the records.
        (0..partitions).for_each(|partition| self.hub.produce(partition, Kind::Envelope(5)));
    }

    /// Sees that nothing moves any more once the shares are fair.
    pub(super) async fn prove_fair_shares(&mut self) -> Result<(), Violation> {
        if self.replicas.len() < 2 {
            return Ok(());
        }
        let before = self.witness.moves();
        self.wait(CALM).await?;
        let after = self.witness.moves();
        if before != after {
            let detail = format!("moved within {CALM:?} of peace: {before:?}, {after:?}");
            self.journal.violate(Rule::Ownership, detail);
        }
        Ok(())
    }

    /// Stops in peace one after the other, starts again, and sees that nothing is sent a second
    /// time.
    pub(super) async fn prove_graceful_stop(&mut self) -> Result<(), Violation> {
        let before = self.oracle.acceptances();
        while let Some(replica) = self.replicas.first() {
            let balance = replica.app.balance();
            if balance.sinks.iter().any(|sink| sink.in_flight > 0) {
                self.journal
                    .violate(Rule::Balance, format!("in flight at the end: {balance:?}"));
            }
            let ended = self.stop(0, ms(25_000_u64)).await;
            if ended != Some(Ended::Settled) {
                self.journal
                    .violate(Rule::Stop, format!("ended as {ended:?}"));
            }
        }
        self.start();
        self.wait(LAST_ARRIVAL).await?;
        let repeated = self.oracle.acceptances() - before;
        if repeated > 0 {
            self.journal
                .violate(Rule::Stop, format!("{repeated} records were sent again"));
        }
        self.crash(0);
        self.check()
    }
}
