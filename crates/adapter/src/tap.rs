//! A tap on the raw traffic, for the flight recorder and the wire log. Secrets are redacted before it.

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the PBX.
    Received,
    /// To the PBX.
    Sent,
}

/// Sees every frame. Must not block.
pub trait Tap: Send + Sync {
    /// One frame, as text where it is text.
    fn frame(&self, direction: Direction, bytes: &[u8]);
}

/// A tap that sees nothing.
impl Tap for () {
    fn frame(&self, _: Direction, _: &[u8]) {}
}
