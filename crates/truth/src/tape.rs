//! What a gateway went through, step by step, so that it can go through it again.

use std::time::Duration;

use bytes::Bytes;
use model::{Collection, Timestamp};

/// Something that happened to a gateway.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A link stands.
    Connected,
    /// A frame arrived.
    Frame(Bytes),
    /// The link is gone.
    Disconnected,
    /// The gateway was killed and started again.
    Restarted,
}

/// A run of a gateway from its start.
#[derive(Clone, Debug, PartialEq)]
pub struct Tape {
    /// The dialect of the link.
    pub dialect: Option<String>,
    /// What the link says that it sets right.
    pub reconciles: Vec<Collection>,
    /// Second 0 in civil time.
    pub start: Timestamp,
    /// What happened when.
    pub steps: Vec<(Duration, Step)>,
    /// How long it was listened to.
    pub end: Duration,
}

impl Tape {
    /// An empty tape.
    #[must_use]
    pub fn new(dialect: Option<&str>, start: Timestamp, reconciles: Vec<Collection>) -> Self {
        Self {
            dialect: dialect.map(str::to_owned),
            reconciles,
            start,
            steps: Vec::new(),
            end: Duration::ZERO,
        }
    }
}

impl Step {
    /// Whether a frame speaks of something by its key.
    #[must_use]
    pub fn names(&self, key: &str) -> bool {
        let Self::Frame(bytes) = self else {
            return false;
        };
        bytes.windows(key.len()).any(|part| part == key.as_bytes())
    }
}
