//! What a supervised source counts, readable while it runs.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use model::Timestamp;

/// Counters of one source since the start of the gateway. Each is exact; together they are no snapshot.
#[derive(Debug, Default)]
pub struct Counters {
    frames: AtomicU64,
    bytes: AtomicU64,
    no_ops: AtomicU64,
    requests: AtomicU64,
    attempts: AtomicU64,
    connects: AtomicU64,
    last_frame: AtomicI64,
}

impl Counters {
    /// Frames received.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    /// Bytes of those frames.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Frames or parts of frames that told nothing new.
    #[must_use]
    pub fn no_ops(&self) -> u64 {
        self.no_ops.load(Relaxed)
    }

    /// Requests sent to the PBX for the translator.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Attempts to connect.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.attempts.load(Relaxed)
    }

    /// Connections made.
    #[must_use]
    pub fn connects(&self) -> u64 {
        self.connects.load(Relaxed)
    }

    /// Connections made after the first.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.connects().saturating_sub(1)
    }

    /// When the last frame was received.
    #[must_use]
    pub fn last_frame_at(&self) -> Option<Timestamp> {
        match self.last_frame.load(Relaxed) {
            0 => None,
            micros => Some(Timestamp::from_micros(micros)),
        }
    }

    pub(crate) fn frame(&self, bytes: usize, at: Timestamp) {
        self.frames.fetch_add(1, Relaxed);
        self.bytes
            .fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Relaxed);
        self.last_frame.store(at.micros(), Relaxed);
    }

    pub(crate) fn no_op(&self, n: u64) {
        if n > 0 {
            self.no_ops.fetch_add(n, Relaxed);
        }
    }

    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(crate) fn attempt(&self) {
        self.attempts.fetch_add(1, Relaxed);
    }

    pub(crate) fn connected(&self) {
        self.connects.fetch_add(1, Relaxed);
    }
}
