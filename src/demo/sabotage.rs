//! Damages requests on their way, to show that the proof sees what the counters cannot.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::deliver::http::{Request, Transport};
use crate::deliver::response::{Answer, TransportError};

/// One record in so many is damaged.
const EVERY: u64 = 100;

/// What is done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Damage {
    /// It is left out.
    Drop,
    /// Its last digit is changed, as a float on the way would do.
    Alter,
}

/// A transport that damages some records and hands the rest on.
pub struct Sabotage {
    inner: Arc<dyn Transport>,
    damage: Damage,
    seen: AtomicU64,
}

impl Sabotage {
    /// Damages what goes through `inner`.
    pub fn new(inner: Arc<dyn Transport>, damage: Damage) -> Self {
        Self { inner, damage, seen: AtomicU64::new(0) }
    }

    fn damage(&self, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        flate2::bufread::MultiGzDecoder::new(body).take(1 << 28).read_to_end(&mut plain)?;
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for line in plain.split_inclusive(|byte| *byte == b'\n') {
            if !self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVERY) {
                out.write_all(line)?;
            } else if self.damage == Damage::Alter {
                let mut line = line.to_vec();
                if let Some(digit) = line.iter_mut().rev().find(|byte| byte.is_ascii_digit()) {
                    *digit = if *digit == b'0' { b'1' } else { b'0' };
                }
                out.write_all(&line)?;
            }
        }
        out.finish()
    }
}

#[async_trait]
impl Transport for Sabotage {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let body = self
            .damage(&request.body)
            .map_err(|error| TransportError::Broken(error.to_string()))?;
        self.inner.send(Request { body: body.into(), ..request }).await
    }
}
