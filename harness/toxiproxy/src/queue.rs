//! The bytes that wait before a stage of a flow, in order, each chunk with its time of arrival.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

/// What a chunk costs besides its bytes, so that many tiny chunks cannot outgrow a byte bound.
const CHUNK_OVERHEAD: usize = 64;

struct Chunk {
    bytes: Bytes,
    arrived: Instant,
}

/// Bytes that wait, and whether more can come.
#[derive(Default)]
pub struct Queue {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    ended: bool,
}

impl Queue {
    /// Adds a chunk at the end.
    pub fn push(&mut self, bytes: Bytes, now: Instant) {
        if !bytes.is_empty() {
            self.bytes += bytes.len();
            self.chunks.push_back(Chunk { bytes, arrived: now });
        }
    }

    /// Says that nothing comes after what is in the queue.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether everything that will ever come has been taken.
    pub fn finished(&self) -> bool {
        self.ended && self.is_empty()
    }

    /// Whether no byte waits.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// What waits, counted against the bound of a flow.
    pub fn cost(&self) -> usize {
        self.bytes + self.chunks.len() * CHUNK_OVERHEAD
    }

    /// The first chunk.
    pub fn front(&self) -> Option<&Bytes> {
        self.chunks.front().map(|chunk| &chunk.bytes)
    }

    /// The first `limit` bytes, across chunks, or as many as there are.
    pub fn head(&self, limit: usize) -> Bytes {
        let Some(first) = self.front().filter(|first| first.len() < limit && self.chunks.len() > 1)
        else {
            return self
                .front()
                .map_or_else(Bytes::new, |first| first.slice(..first.len().min(limit)));
        };
        let mut head = BytesMut::from(&first[..]);
        for chunk in self.chunks.iter().skip(1) {
            let rest = limit - head.len();
            head.extend_from_slice(&chunk.bytes[..chunk.bytes.len().min(rest)]);
        }
        head.freeze()
    }

    /// Whether nothing comes after what is in the queue.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// When the first chunk arrived.
    pub fn arrived(&self) -> Option<Instant> {
        self.chunks.front().map(|chunk| chunk.arrived)
    }

    /// Takes at most `limit` bytes of the first chunk; nothing when the queue is empty.
    pub fn take(&mut self, limit: usize) -> Option<Bytes> {
        let chunk = self.chunks.front_mut()?;
        if limit < chunk.bytes.len() {
            self.bytes -= limit;
            return Some(chunk.bytes.split_to(limit));
        }
        let chunk = self.chunks.pop_front()?;
        self.bytes -= chunk.bytes.len();
        Some(chunk.bytes)
    }

    /// Takes the whole first chunk.
    pub fn pop(&mut self) -> Option<Bytes> {
        self.take(usize::MAX)
    }

    /// Drops every byte that waits.
    pub fn discard(&mut self) {
        self.chunks.clear();
        self.bytes = 0;
    }

    /// Moves everything to the end of `next`, the end of the stream included.
    pub fn pour_into(&mut self, next: &mut Self, now: Instant) {
        while let Some(bytes) = self.pop() {
            next.push(bytes, now);
        }
        next.ended |= self.ended;
    }
}
