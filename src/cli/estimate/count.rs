//! What was read, by category and tenant, and what the sinks would get of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::measure::{Measure, Piece, Split};
use crate::cli::failure::Failure;
use crate::compress::CompressionPool;
use crate::config::{Config, OnUnparsable};
use crate::envelope::{self, RecordKind};
use crate::event_hub::{Body, Timestamp};
use crate::filter::{Filter, NO_CATEGORY, Selection};
use crate::record::{HubName, Origin, Record};
use crate::tools::Read;

/// The tenant of what names none.
pub(super) const NO_TENANT: &str = "-";

/// The most categories and tenants that are told apart; those of more are counted together.
const CELLS_MAX: usize = 10_000;

/// Category and tenant.
pub(super) type Cell = (String, String);

/// How many records, and how large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) records: u64,
    /// As they arrived.
    pub(super) bytes: u64,
}

impl Sum {
    pub(super) fn add(&mut self, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
    }
}

/// Everything that was counted.
pub(super) struct Estimate {
    /// From when, until when.
    pub(super) span: (Timestamp, Timestamp),
    /// The events' own earliest time, when something of the span is gone.
    first_at: Option<Timestamp>,
    pub(super) events: u64,
    /// Bytes of their bodies.
    pub(super) event_bytes: u64,
    pub(super) cells: BTreeMap<Cell, Sum>,
    pub(super) all: Sum,
    /// What no sink selects.
    pub(super) unrouted: Sum,
    /// Pieces that are no JSON.
    pub(super) unparsable: Sum,
    /// Records without a category.
    pub(super) uncategorised: Sum,
    pub(super) sinks: Vec<Measure>,
    /// What the hubs do not hold any more, one sentence each.
    pub(super) gone: Vec<String>,
    /// Events that were there and could not be read.
    pub(super) passed: u64,
    only: Option<Selection>,
    filter: Filter,
    expansion_max: u64,
    on_unparsable: BTreeMap<(String, String), OnUnparsable>,
}

impl Estimate {
    pub(super) fn new(
        config: &Config,
        only: Option<Selection>,
        span: (Timestamp, Timestamp),
    ) -> Self {
        let pool = Arc::new(CompressionPool::new(2));
        let sinks = config.sinks.iter();
        let on_unparsable = config.sources.values().map(|source| {
            let name = HubName::new(&source.namespace, &source.event_hub);
            ((name.namespace, name.event_hub), source.on_unparsable)
        });
        Self {
            span,
            first_at: None,
            events: 0,
            event_bytes: 0,
            cells: BTreeMap::new(),
            all: Sum::default(),
            unrouted: Sum::default(),
            unparsable: Sum::default(),
            uncategorised: Sum::default(),
            sinks: sinks
                .map(|(name, sink)| Measure::new(name, sink, Arc::clone(&pool)))
                .collect(),
            gone: Vec::new(),
            passed: 0,
            only,
            filter: Filter::new(config),
            expansion_max: config.limits.expansion_max,
            on_unparsable: on_unparsable.collect(),
        }
    }

    /// The time that what was counted stands for: without what is gone already.
    pub(super) fn time(&self) -> Duration {
        let from = match (&self.gone[..], self.first_at) {
            ([], _) | (_, None) => self.span.0,
            (_, Some(first)) => first.max(self.span.0),
        };
        self.span.1.since(from)
    }

    /// Counts the records of an event.
    pub(super) async fn event(&mut self, hub: Arc<HubName>, read: Read) -> Result<(), Failure> {
        self.events += 1;
        let enqueued_at = read.event.position.enqueued_at;
        self.first_at = match (self.first_at, enqueued_at) {
            (Some(known), Some(at)) => Some(known.min(at)),
            (known, at) => known.or(at),
        };
        let Body::Bytes(body) = read.event.body else {
            // It would be a dead letter.
            self.unparsable.add(0);
            return Ok(());
        };
        self.event_bytes += body.len() as u64;
        let key = (hub.namespace.clone(), hub.event_hub.clone());
        let buries = self.on_unparsable.get(&key) == Some(&OnUnparsable::DeadLetter);
        let origin = Origin {
            hub,
            partition: read.partition,
            position: read.event.position,
        };
        let expansion_max = self.expansion_max;
        let split = || envelope::split(&body, expansion_max);
        let Ok(records) = catch_unwind(AssertUnwindSafe(split)) else {
            self.unparsable.add(body.len() as u64);
            return Ok(());
        };
        let routes = self.filter.route(&records, &origin);
        let cells: Vec<_> = records
            .all()
            .map(|piece| self.record(&Record::new(piece, &origin)))
            .collect();
        let mut is_wanted = vec![false; records.len()];
        let split = Arc::new(Split { records, origin });
        for (sink, places) in self.sinks.iter_mut().zip(&routes.places) {
            let all = (0..).take(cells.len());
            let places: Vec<u32> = match places {
                Some(places) => places.to_vec(),
                None => all.collect(),
            };
            for place in places {
                let index = place as usize;
                let Some(Some((cell, is_text))) = cells.get(index) else {
                    continue;
                };
                if *is_text && buries {
                    continue;
                }
                if let Some(is_wanted) = is_wanted.get_mut(index) {
                    *is_wanted = true;
                }
                let piece = Piece {
                    split: Arc::clone(&split),
                    place: index,
                    cell: cell.clone(),
                };
                sink.add(piece).await?;
            }
        }
        let pieces = split.records.all().zip(&cells).zip(is_wanted);
        for ((piece, cell), is_wanted) in pieces {
            let is_buried = matches!(cell, Some((_, true))) && buries;
            if cell.is_some() && !is_wanted && !is_buried {
                self.unrouted.add(piece.original.len() as u64);
            }
        }
        Ok(())
    }

    /// Counts one record that is meant: gives its cell, and whether it is no JSON.
    fn record(&mut self, record: &Record<'_>) -> Option<(Cell, bool)> {
        if self.only.as_ref().is_some_and(|only| !only.selects(record)) {
            return None;
        }
        let bytes = record.original().len() as u64;
        let is_text = matches!(record.kind(), RecordKind::Text(_));
        let category = record.category();
        match (is_text, &category) {
            (true, _) => self.unparsable.add(bytes),
            (false, None) => self.uncategorised.add(bytes),
            (false, Some(_)) => {}
        }
        let tenant = record.tenant().map(|it| it.id.to_string());
        let cell = (
            category.map_or_else(|| NO_CATEGORY.to_owned(), |it| it.into_owned()),
            tenant.unwrap_or_else(|| NO_TENANT.to_owned()),
        );
        let cell = match self.cells.len() < CELLS_MAX || self.cells.contains_key(&cell) {
            true => cell,
            false => ("(others)".to_owned(), NO_TENANT.to_owned()),
        };
        self.cells.entry(cell.clone()).or_default().add(bytes);
        self.all.add(bytes);
        Some((cell, is_text))
    }

    /// Everything is read.
    pub(super) async fn finish(&mut self) -> Result<(), Failure> {
        for sink in &mut self.sinks {
            sink.finish().await?;
        }
        Ok(())
    }
}
