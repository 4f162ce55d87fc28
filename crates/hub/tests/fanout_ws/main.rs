//! Streams over real sockets, read by an independent WebSocket client.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod control;
mod goodbye;
mod live;
mod pull;
mod rig;
mod slow;
mod tls;
