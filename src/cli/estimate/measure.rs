//! What one sink would get: its own batches, in its own format, compressed as it compresses.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::count::{Cell, Sum};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::clock::SystemClock;
use crate::compress::{CompressionPool, Compressor, WriteBody};
use crate::config::{SinkConfig, SinkKind};
use crate::envelope::Records;
use crate::format::{self, Format};
use crate::record::{Origin, Record};

/// The records of one event.
pub(super) struct Split {
    pub(super) records: Records,
    pub(super) origin: Origin,
}

/// One record.
pub(super) struct Piece {
    pub(super) split: Arc<Split>,
    /// Its place in the event.
    pub(super) place: usize,
    pub(super) cell: Cell,
}

impl Piece {
    fn record(&self) -> Option<Record<'_>> {
        let pieces = self.split.records.pieces(self.place, self.place + 1);
        let mut records = pieces.map(|piece| Record::new(piece, &self.split.origin));
        records.next()
    }
}

/// A request that is not full.
#[derive(Default)]
struct Open {
    pieces: Vec<Piece>,
    bytes: u64,
}

/// What a sink would get of one category and tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Share {
    pub(super) sum: Sum,
    /// Its part in the bytes of bodies, by the bytes of the records in each of them.
    pub(super) body_bytes: f64,
    /// The same, compressed.
    pub(super) sent_bytes: f64,
}

/// Counts of one sink.
pub(super) struct Measure {
    pub(super) name: String,
    config: SinkConfig,
    format: Arc<dyn Format>,
    pool: Arc<CompressionPool>,
    open: BTreeMap<Option<String>, Open>,
    pub(super) cells: BTreeMap<Cell, Share>,
    pub(super) sum: Sum,
    pub(super) requests: u64,
    /// Bytes of bodies.
    pub(super) body_bytes: u64,
    /// Bytes of bodies as they are sent.
    pub(super) sent_bytes: u64,
    /// Records that its own limits would not let pass.
    pub(super) unfit: u64,
}

impl Measure {
    pub(super) fn new(name: &str, config: &SinkConfig, pool: Arc<CompressionPool>) -> Self {
        Self {
            name: name.to_owned(),
            config: config.clone(),
            format: format::of(config, Arc::new(SystemClock)),
            pool,
            open: BTreeMap::new(),
            cells: BTreeMap::new(),
            sum: Sum::default(),
            requests: 0,
            body_bytes: 0,
            sent_bytes: 0,
            unfit: 0,
        }
    }

    /// Whether it sends anything.
    pub(super) fn sends(&self) -> bool {
        self.config.kind != SinkKind::Null
    }

    /// Adds a record; a request that is full is measured.
    pub(super) async fn add(&mut self, piece: Piece) -> Result<(), Failure> {
        let Some(record) = piece.record() else {
            return Ok(());
        };
        let bytes = record.original().len() as u64;
        self.sum.add(bytes);
        let cell = self.cells.entry(piece.cell.clone()).or_default();
        cell.sum.add(bytes);
        if !self.sends() {
            return Ok(());
        }
        if self.format.check(&record, now()).is_err() {
            self.unfit += 1;
            return Ok(());
        }
        let more = self.format.record_bytes_max(&record);
        let group = self.format.group(&record);
        let frame = self.format.frame_bytes();
        let limits = self.config.batch;
        let open = self.open.entry(group.clone()).or_default();
        let is_full = open.pieces.len() >= limits.records
            || frame + open.bytes + more > limits.bytes && !open.pieces.is_empty();
        let full = is_full.then(|| std::mem::take(open));
        open.pieces.push(piece);
        open.bytes += more;
        match full {
            Some(full) => self.measure(full).await,
            None => Ok(()),
        }
    }

    /// Measures what is not full.
    pub(super) async fn finish(&mut self) -> Result<(), Failure> {
        while let Some((_, open)) = self.open.pop_first() {
            self.measure(open).await?;
        }
        Ok(())
    }

    async fn measure(&mut self, open: Open) -> Result<(), Failure> {
        if open.pieces.is_empty() {
            return Ok(());
        }
        let (pieces, format) = (Arc::new(open.pieces), Arc::clone(&self.format));
        let written = Arc::clone(&pieces);
        let write: WriteBody =
            Box::new(move |out| format.write(&mut written.iter().filter_map(Piece::record), out));
        let body = self
            .pool
            .compress(write, open.bytes, self.config.compression);
        let body = body
            .await
            .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        let sent = body.bytes.len() as u64;
        self.requests += 1;
        self.body_bytes += body.plain_bytes;
        self.sent_bytes += sent;
        let size = |piece: &Piece| piece.record().map_or(0, |it| it.original().len()) as f64;
        let all: f64 = pieces.iter().map(size).sum();
        for piece in pieces.iter() {
            let part = size(piece) / all.max(1.0);
            let cell = self.cells.entry(piece.cell.clone()).or_default();
            cell.body_bytes += body.plain_bytes as f64 * part;
            cell.sent_bytes += sent as f64 * part;
        }
        Ok(())
    }
}

fn now() -> crate::event_hub::Timestamp {
    std::time::SystemTime::now().into()
}
