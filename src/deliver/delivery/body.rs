//! The body of a part: built and compressed in memory that was reserved for it.

use std::sync::Arc;

use super::Unsettled;
use super::screen::Screened;
use crate::batch::Batch;
use crate::budget::BodyPermit;
use crate::clock::Clock;
use crate::compress::{Compressed, WriteBody};
use crate::deliver::request_id::RequestId;
use crate::deliver::sink::SinkContext;
use crate::event_hub::Timestamp;

/// A part, ready to be sent as often as that takes.
pub(super) struct Built {
    pub(super) part: Batch,
    pub(super) body: Compressed,
    pub(super) id: RequestId,
    until: Option<Timestamp>,
    _room: BodyPermit,
}

impl Built {
    /// Builds the body, as soon as there is room: whoever builds one never waits for more.
    pub(super) async fn of(screened: Screened, context: &SinkContext) -> Result<Self, Unsettled> {
        let Screened { part, until } = screened;
        let bytes_max = body_bytes_max(&part, context);
        let mut room = context.bodies.reserve(bytes_max).await;
        let (body, part) = build(part, context).await.ok_or(Unsettled)?;
        room.shrink_to(body.bytes.len() as u64);
        Ok(Self {
            id: RequestId::of(&part, &body.bytes),
            part,
            body,
            until,
            _room: room,
        })
    }

    /// Whether a record in it has become too old since it was built.
    pub(super) fn is_outdated(&self, clock: &dyn Clock) -> bool {
        self.until.is_some_and(|until| clock.now() >= until)
    }
}

/// More bytes than the body can have, however badly it compresses.
fn body_bytes_max(part: &Batch, context: &SinkContext) -> u64 {
    let records = part.records();
    let plain: u64 = records
        .map(|record| context.format.record_bytes_max(&record))
        .sum();
    // gzip adds 5 bytes per stored block, zstd 3 per 128 KiB.
    (plain + context.format.frame_bytes()) / 64 * 65 + 256
}

async fn build(part: Batch, context: &SinkContext) -> Option<(Compressed, Batch)> {
    let part = Arc::new(part);
    let body = loop {
        let (records, format) = (Arc::clone(&part), Arc::clone(&context.format));
        let bytes = part
            .records()
            .map(|record| record.original().len() as u64 + 1)
            .sum();
        let write: WriteBody = Box::new(move |out| format.write(&mut records.records(), out));
        match context
            .compressor
            .compress(write, bytes, context.config.compression)
            .await
        {
            Ok(body) => break body,
            Err(error) => {
                context.condition.fails(&error.to_string());
                tokio::time::sleep(context.config.retry.max).await;
            }
        }
    };
    let part = Arc::into_inner(part);
    if part.is_none() {
        tracing::error!(
            event = "batch_shared",
            sink = context.name,
            "bug: a body was built and its writer kept"
        );
    }
    Some((body, part?))
}
