//! Bytes on their way out: small pieces gathered, large ones shared.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// Shorter pieces are cheaper to copy than to pass to the kernel one by one.
const COPY_BELOW: usize = 1024;
const GATHER: usize = 16 * 1024;

/// A queue of bytes to send, written with vectored writes.
#[derive(Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Bytes>,
    gathering: BytesMut,
    queued: usize,
}

impl Outbox {
    /// Where small pieces are written to.
    pub(crate) fn small(&mut self) -> &mut BytesMut {
        if self.gathering.capacity() - self.gathering.len() < 256 {
            self.gathering.reserve(GATHER);
        }
        &mut self.gathering
    }

    /// Adds bytes without copying them when they are many.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if bytes.len() < COPY_BELOW {
            self.small().extend_from_slice(&bytes);
        } else {
            self.seal();
            self.queued += bytes.len();
            self.queue.push_back(bytes);
        }
    }

    /// Moves what has been gathered into the queue; needed before writing.
    pub(crate) fn seal(&mut self) {
        if !self.gathering.is_empty() {
            let piece = self.gathering.split().freeze();
            self.queued += piece.len();
            self.queue.push_back(piece);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.queued + self.gathering.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is sealed, for writing.
impl Buf for Outbox {
    fn remaining(&self) -> usize {
        self.queued
    }

    fn chunk(&self) -> &[u8] {
        self.queue.front().map_or(&[], |bytes| bytes.as_ref())
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for (slice, bytes) in slices.iter_mut().zip(&self.queue) {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        self.queued = self.queued.saturating_sub(count);
        while count > 0 {
            let Some(front) = self.queue.front_mut() else {
                return;
            };
            if front.len() > count {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.queue.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept() {
        let mut outbox = Outbox::default();
        outbox.small().extend_from_slice(b"ab");
        outbox.push(Bytes::from(vec![b'x'; COPY_BELOW]));
        outbox.push(Bytes::from_static(b"cd"));
        outbox.seal();
        assert_eq!(outbox.remaining(), COPY_BELOW + 4);
        assert_eq!(outbox.len(), outbox.remaining());
        let all = outbox.copy_to_bytes(COPY_BELOW + 4);
        assert_eq!(&all[..2], b"ab");
        assert_eq!(&all[COPY_BELOW + 2..], b"cd");
        assert!(outbox.is_empty());
    }
}
