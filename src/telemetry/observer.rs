//! Takes the [`Snapshot`]: the one place that knows where everything that is counted stands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::categories::Categories;
use super::expiries::Expiries;
use super::snapshot::{
    Balance, Category, Component, Credential, DeadLetters, Memory, Process, RecentDeadLetter, Sink,
    SinkBalance, SinkState, Snapshot, Source,
};
use super::status::Status;
use super::{status, usage, verdict};
use crate::budget::Budget;
use crate::checkpoint::ledger;
use crate::checkpoint::ledgers::Ledgers;
use crate::clock::Clock;
use crate::config::SourceConfig;
use crate::deliver::dead_letter::counted::CountedDeadLetters;
use crate::deliver::sink::{Outcome, SinkContext};
use crate::envelope::Unparsable;
use crate::event_hub::Timestamp;
use crate::partition::handoff::ReadStats;
use crate::partition::inquiry::Inquiry;

mod partitions;

/// What is looked at.
#[derive(Clone)]
pub struct Observer {
    pub(crate) owner_id: String,
    pub(crate) started_at: Timestamp,
    pub(crate) started: Instant,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) status: Arc<Status>,
    pub(crate) ledgers: Arc<Ledgers>,
    pub(crate) budget: Budget,
    pub(crate) sources: Vec<Arc<Observed>>,
    pub(crate) sinks: Vec<Arc<SinkContext>>,
    pub(crate) dead_letters: Arc<CountedDeadLetters>,
    pub(crate) expiries: Arc<Expiries>,
}

/// One source that is looked at.
pub(crate) struct Observed {
    pub(crate) name: String,
    pub(crate) config: SourceConfig,
    pub(crate) stats: Arc<ReadStats>,
    pub(crate) categories: Arc<Categories>,
    pub(crate) inquiry: Arc<Inquiry>,
}

impl Observer {
    /// Where the ends of credentials are noted.
    pub fn expiries(&self) -> &Expiries {
        &self.expiries
    }

    /// How late the latest of the loops that must turn is, and which one it is.
    pub fn latest_turn(&self) -> Option<(String, Duration)> {
        self.status.turns().latest()
    }

    /// What the process looks like now. Asks nobody outside, and waits for nothing.
    pub fn snapshot(&self) -> Snapshot {
        let now = self.clock.now();
        let components = self.status.components();
        // Before the counts of the sinks: what is counted there was read before.
        let sources = self.sources(now, &components);
        let balance = self.ledgers.balance();
        let sinks = self.sinks(&balance.sinks, &components);
        let lags = sources.iter().flat_map(|source| {
            let lags = source.partitions.iter().filter_map(|it| it.lag_seconds);
            lags.map(|lag| (lag, source.retention_seconds))
        });
        let (mut oldest, mut used): (f64, Option<f64>) = (0.0, None);
        for (lag, retention) in lags {
            oldest = oldest.max(lag);
            let share = retention.map(|retention| lag / retention.max(1.0));
            used = share.map_or(used, |share| Some(used.unwrap_or(0.0).max(share)));
        }
        let balance = Balance {
            events: balance.events,
            received: balance.records,
            wanted: balance.wanted(),
            unrouted: balance.unrouted,
            error: balance.error(),
        };
        let mut snapshot = Snapshot {
            at: now.to_rfc3339(),
            process: self.process(),
            verdict: verdict::unknown(),
            balance,
            oldest_unsettled_seconds: oldest,
            retention_used: used,
            sources,
            sinks,
            memory: self.memory(),
            credentials: self.credentials(now),
            components: shown(&components),
            dead_letters: self.dead_letter_counts(),
            recent_dead_letters: self.recent_dead_letters(),
        };
        snapshot.verdict = verdict::of(&snapshot);
        snapshot
    }

    fn process(&self) -> Process {
        Process {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            owner: self.owner_id.clone(),
            started_at: self.started_at.to_rfc3339(),
            uptime_seconds: self.started.elapsed().as_secs_f64(),
            resident_bytes: usage::resident_bytes(),
            open_files: usage::open_files(),
        }
    }

    fn sources(&self, now: Timestamp, components: &[status::Component]) -> Vec<Source> {
        let standings = self.ledgers.standings();
        let sources = self.sources.iter().map(|source| {
            let (stats, config) = (&source.stats, &source.config);
            let kinds = Unparsable::ALL.iter().zip(&stats.unparsable);
            Source {
                name: source.name.clone(),
                namespace: config.namespace.clone(),
                event_hub: config.event_hub.clone(),
                consumer_group: config.consumer_group.clone(),
                partitions_of_hub: load(&stats.partitions_of_hub),
                retention_seconds: config.retention.map(|it| it.as_secs_f64()),
                partitions: partitions::of(source, &standings, now, components),
                categories: categories(&source.categories, now),
                empty: load(&stats.empty),
                encoded: load(&stats.encoded),
                repaired: load(&stats.repaired),
                unparsable: kinds
                    .map(|(kind, count)| (kind.name().to_owned(), load(count)))
                    .collect(),
                steals: load(&stats.steals),
                partitions_lost: load(&stats.partitions_lost),
            }
        });
        sources.collect()
    }

    fn sinks(
        &self,
        balances: &[ledger::SinkBalance],
        components: &[status::Component],
    ) -> Vec<Sink> {
        let sinks = self.sinks.iter().filter_map(|sink| {
            let balance = balances.get(sink.id.0)?;
            Some(of_sink(sink, balance, components))
        });
        sinks.collect()
    }

    fn memory(&self) -> Memory {
        let bodies = self.sinks.iter().map(|sink| sink.bodies.reserved());
        Memory {
            budget_bytes: self.budget.total(),
            events_bytes: self.budget.reserved(),
            bodies_bytes: bodies.sum(),
        }
    }

    fn credentials(&self, now: Timestamp) -> Vec<Credential> {
        let known = self.expiries.read().into_iter();
        known
            .map(|(kind, place, ends)| Credential {
                place,
                kind: kind.name().to_owned(),
                ends_at: ends.to_rfc3339(),
                seconds_left: ends.0.saturating_sub(now.0) as f64 / 1_000.0,
            })
            .collect()
    }

    fn dead_letter_counts(&self) -> Vec<DeadLetters> {
        let counts = self.dead_letters.counts().into_iter();
        counts
            .map(|(kind, count)| DeadLetters {
                source: kind.source,
                sink: kind.sink,
                reason: kind.reason.to_owned(),
                count,
            })
            .collect()
    }

    fn recent_dead_letters(&self) -> Vec<RecentDeadLetter> {
        let recent = self.dead_letters.recent().into_iter();
        recent
            .map(|noted| RecentDeadLetter {
                first_seen: noted.first_seen.to_rfc3339(),
                source: noted.kind.source,
                sink: noted.kind.sink,
                reason: noted.kind.reason.to_owned(),
                partition: noted.partition.as_str().to_owned(),
                sequence: noted.sequence.0,
                index: noted.index,
            })
            .collect()
    }
}

fn categories(known: &Categories, now: Timestamp) -> BTreeMap<String, Category> {
    let known = known.read().into_iter();
    known
        .map(|(name, category)| {
            let silent = category.last_at.map(|last| now.since(last).as_secs_f64());
            let category = Category {
                records: category.records,
                lateness: category.lateness,
                silent_seconds: silent,
            };
            (name, category)
        })
        .collect()
}

fn of_sink(
    sink: &SinkContext,
    balance: &ledger::SinkBalance,
    components: &[status::Component],
) -> Sink {
    let stats = &sink.stats;
    let outcomes = Outcome::ALL.iter().zip(&stats.outcomes);
    let (state, reason, since) = state(sink, components);
    Sink {
        name: sink.name.clone(),
        state,
        reason,
        since_seconds: since.map(|it| it.as_secs_f64()),
        balance: SinkBalance {
            wanted: balance.wanted,
            delivered: balance.delivered,
            dead_lettered: balance.dead_lettered,
            abandoned: balance.abandoned,
            in_flight: balance.in_flight,
        },
        requests: outcomes
            .map(|(outcome, count)| (outcome.name().to_owned(), load(count)))
            .collect(),
        retries: load(&stats.retries),
        divided: load(&stats.divided),
        bytes_plain: load(&stats.bytes_plain),
        bytes_sent: load(&stats.bytes_sent),
        requests_in_flight: sink.flow.in_flight() as u64,
        concurrency: stats.concurrency.load(Ordering::Relaxed) as u64,
        batches: sink.flow.batches() as u64,
        parked: sink.flow.parked() as u64,
        body_bytes: sink.bodies.reserved(),
        batch_records: stats.batch_records.read(),
        batch_age: stats.batch_age.read(),
        request_bytes: stats.request_bytes.read(),
        request_seconds: stats.request_seconds.read(),
    }
}

/// How a sink does, why, and for how long.
fn state(
    sink: &SinkContext,
    components: &[status::Component],
) -> (SinkState, Option<String>, Option<Duration>) {
    let find = |name: &str| components.iter().find(|it| it.name == name);
    let given_up = find(sink.refusals.component()).filter(|it| it.reason.is_some());
    let Some(component) = given_up.or_else(|| find(sink.condition.component())) else {
        return (SinkState::Unknown, None, None);
    };
    let state = match &component.reason {
        None => SinkState::Accepting,
        Some(_) if given_up.is_some() => SinkState::Misconfigured,
        Some(_) if sink.condition.is_refusing() => SinkState::Refusing,
        Some(_) => SinkState::Failing,
    };
    let since = Some(component.since.elapsed());
    (state, component.reason.clone(), since)
}

fn shown(components: &[status::Component]) -> Vec<Component> {
    let components = components.iter().map(|it| Component {
        name: it.name.clone(),
        reason: it.reason.clone(),
        is_failing: it.is_failing,
        since_seconds: it.since.elapsed().as_secs_f64(),
    });
    components.collect()
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
