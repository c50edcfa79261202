//! How many bytes a proxy took in and gave out.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Direction;

/// The bytes of one proxy since it was made, each way.
#[derive(Default)]
pub struct Traffic {
    to_server: Way,
    to_client: Way,
}

/// The bytes of one direction.
#[derive(Default)]
pub struct Way {
    received: AtomicU64,
    sent: AtomicU64,
    spliced: AtomicU64,
}

impl Traffic {
    /// One direction.
    pub fn way(&self, direction: Direction) -> &Way {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }
}

impl Way {
    /// Counts bytes read from the one side.
    pub fn receive(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes written to the other.
    pub fn send(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes that the kernel moved, without the program.
    pub fn splice(&self, bytes: usize) {
        self.spliced.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The bytes that the kernel moved so far.
    pub fn spliced(&self) -> u64 {
        self.spliced.load(Ordering::Relaxed)
    }

    /// The bytes read so far.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// The bytes written so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}
