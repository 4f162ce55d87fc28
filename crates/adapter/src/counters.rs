//! What a supervised source counts, readable while it runs.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use model::Timestamp;
use telemetry::Histogram;

/// Counters of one source since the start of the gateway. Each is exact; together they are no snapshot.
#[derive(Debug)]
pub struct Counters {
    frames: AtomicU64,
    bytes: AtomicU64,
    no_ops: AtomicU64,
    requests: AtomicU64,
    attempts: AtomicU64,
    connects: AtomicU64,
    last_frame: AtomicI64,
    decode: Histogram,
    snapshot_micros: AtomicU64,
}

/// Nanoseconds.
#[rustfmt::skip]
const DECODE: &[u64] = &[
    5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 100_000_000,
    1_000_000_000,
];

impl Default for Counters {
    fn default() -> Self {
        Self {
            frames: AtomicU64::default(),
            bytes: AtomicU64::default(),
            no_ops: AtomicU64::default(),
            requests: AtomicU64::default(),
            attempts: AtomicU64::default(),
            connects: AtomicU64::default(),
            last_frame: AtomicI64::default(),
            decode: Histogram::new(DECODE),
            snapshot_micros: AtomicU64::default(),
        }
    }
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

    /// How long the last snapshot took, from the connection to the last list.
    #[must_use]
    pub fn snapshot_took(&self) -> Option<Duration> {
        let micros = self.snapshot_micros.load(Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    pub(crate) fn snapshot(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.snapshot_micros.store(micros.max(1), Relaxed);
    }

    /// How long frames took to be decoded and mapped, in nanoseconds.
    #[must_use]
    pub fn decode(&self) -> &Histogram {
        &self.decode
    }

    pub(crate) fn decoded(&self, took: Duration) {
        self.decode.time(took);
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
