//! 8. Compression: a batch becomes a compressed body.
//!
//! `engine` holds the compressions that there are. Each makes one stream per body, without a time
//! stamp, so that the same records give the same bytes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

mod engine;

pub use engine::Compression;

/// A body before and after compression.
#[derive(Clone, Debug)]
pub struct Compressed {
    /// The bytes that are sent.
    pub bytes: Bytes,
    /// Bytes before compression.
    pub plain_bytes: u64,
}

/// Writes the plain body into a buffer.
pub type WriteBody = Box<dyn FnOnce(&mut Vec<u8>) + Send>;

/// Builds and compresses bodies.
#[async_trait]
pub trait Compressor: Send + Sync {
    /// Lets `write` build a body of about `bytes_expected` bytes and compresses it.
    ///
    /// # Errors
    /// [`CompressError`], when the work panicked: a bug, but one that loses nothing.
    async fn compress(
        &self,
        write: WriteBody,
        bytes_expected: u64,
        compression: Compression,
    ) -> Result<Compressed, CompressError>;
}

/// Building a body panicked or failed.
#[derive(Debug, thiserror::Error)]
#[error("building a request body failed: {0}")]
pub struct CompressError(String);

/// Bodies below this size are built where they are: handing them over costs more. At 230 MB/s
/// (level 6) this is a quarter of a millisecond.
const INLINE_BYTES_MAX: u64 = 64 * 1024;

/// As many bodies at a time as there are cores, on threads for blocking work.
#[derive(Debug)]
pub struct CompressionPool {
    cores: Arc<Semaphore>,
}

impl CompressionPool {
    /// `bodies` are built at the same time at most.
    pub fn new(bodies: usize) -> Self {
        Self {
            cores: Arc::new(Semaphore::new(bodies.max(1))),
        }
    }

    /// As many as there are cores for this process, as the container's limit tells them, and as
    /// fit into `budget_bytes` when each may be any of these `bodies`, but at least one.
    pub fn within(budget_bytes: u64, bodies: impl IntoIterator<Item = (u64, Compression)>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::new(cores.min(fitting(budget_bytes, bodies)))
    }
}

/// Memory that building a body of so many plain bytes takes: plain, compressed, and the encoder.
pub fn bytes_to_build(body_bytes: u64, compression: Compression) -> u64 {
    body_bytes
        .saturating_mul(2)
        .saturating_add(compression.encoder_bytes(body_bytes))
}

fn fitting(budget_bytes: u64, bodies: impl IntoIterator<Item = (u64, Compression)>) -> usize {
    let needs = bodies.into_iter();
    let needs = needs.map(|(bytes, compression)| bytes_to_build(bytes, compression));
    let fitting = budget_bytes / needs.max().unwrap_or(1).max(1);
    usize::try_from(fitting).unwrap_or(usize::MAX)
}

#[async_trait]
impl Compressor for CompressionPool {
    async fn compress(
        &self,
        write: WriteBody,
        bytes_expected: u64,
        compression: Compression,
    ) -> Result<Compressed, CompressError> {
        let permit = Arc::clone(&self.cores).acquire_owned().await;
        if bytes_expected <= INLINE_BYTES_MAX {
            return build(write, bytes_expected, compression);
        }
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            build(write, bytes_expected, compression)
        });
        work.await
            .unwrap_or_else(|error| Err(CompressError(error.to_string())))
    }
}

/// Builds bodies where it is called: for the simulation, in which nothing may leave its thread.
#[derive(Debug, Default)]
pub struct InlineCompressor;

#[async_trait]
impl Compressor for InlineCompressor {
    async fn compress(
        &self,
        write: WriteBody,
        bytes_expected: u64,
        compression: Compression,
    ) -> Result<Compressed, CompressError> {
        build(write, bytes_expected, compression)
    }
}

fn build(
    write: WriteBody,
    bytes_expected: u64,
    compression: Compression,
) -> Result<Compressed, CompressError> {
    let mut plain = Vec::with_capacity(usize::try_from(bytes_expected).unwrap_or(0));
    // What is half written is thrown away.
    catch_unwind(AssertUnwindSafe(|| write(&mut plain)))
        .map_err(|_| CompressError("writing it panicked".to_owned()))?;
    let plain_bytes = plain.len() as u64;
    let mut bytes = compression
        .apply(plain)
        .map_err(|error| CompressError(error.to_string()))?;
    // It may be held for long, and counts as what it holds.
    bytes.shrink_to_fit();
    Ok(Compressed {
        bytes: bytes.into(),
        plain_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GZIP: Compression = Compression::Gzip { level: 6 };

    #[tokio::test]
    async fn what_is_written_comes_back_and_repeats_byte_for_byte() {
        let pool = CompressionPool::new(1);
        for size in [0_usize, 10, 100_000, 3_000_000] {
            let body = vec![b'x'; size];
            let mut results = Vec::new();
            for _ in 0..2 {
                let body = body.clone();
                let write: WriteBody = Box::new(move |out| out.extend_from_slice(&body));
                results.push(pool.compress(write, size as u64, GZIP).await.unwrap());
            }
            assert_eq!(engine::tests::plain(GZIP, &results[0].bytes), body);
            assert_eq!(results[0].plain_bytes, size as u64);
            assert_eq!(results[0].bytes, results[1].bytes);
        }
    }

    #[test]
    fn the_encoder_counts() {
        let fitting = |compression| fitting(16 << 20, [(1 << 20, compression)]);
        assert_eq!(fitting(Compression::None), 8);
        assert_eq!(fitting(GZIP), 7);
        assert!(fitting(Compression::Zstd { level: 3 }) < 7);
        assert_eq!(fitting(Compression::Zstd { level: 19 }), 0);
    }

    #[tokio::test]
    async fn a_panic_in_the_pool_is_an_error() {
        let pool = CompressionPool::new(1);
        for size in [10, 1 << 20] {
            let write: WriteBody = Box::new(|_| panic!("as a test"));
            assert!(pool.compress(write, size, GZIP).await.is_err());
        }
        let write: WriteBody = Box::new(|out| out.push(b'x'));
        assert!(
            pool.compress(write, 1 << 20, GZIP).await.is_ok(),
            "the permit came back"
        );
    }
}
