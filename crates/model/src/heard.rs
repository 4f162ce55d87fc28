//! What a source hands to the hub: reports, the frame they were read from, and the map's private memo.

use crate::{FrameId, Now, Report, SourceId, Text};

/// What was heard from a source at one moment.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The source.
    pub source: SourceId,
    /// The raw frame, when one was received; none when a timer or the connection speaks.
    pub frame: Option<RawFrame>,
    /// When it was received.
    pub now: Now,
    /// What it tells.
    pub reports: Vec<Report>,
    /// What the map wants to remember over a restart, beside the entities.
    pub memo: Vec<MemoChange>,
}

/// A native frame as received.
#[derive(Clone, Debug)]
pub struct RawFrame {
    /// Its id.
    pub id: FrameId,
    /// Its bytes, secrets redacted.
    pub bytes: bytes::Bytes,
}

/// One change of a private memo: a key, and its value or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoChange {
    /// The key, unique within its owner.
    pub key: Text,
    /// The value; none removes it.
    pub value: Option<bytes::Bytes>,
}
