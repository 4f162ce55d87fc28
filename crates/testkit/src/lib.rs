//! Tools for tests: golden cases, clocks, a collecting sink, a scripted WebSocket peer, and the suite that every adapter
//! passes.
//!
//! Nothing here sleeps for a fixed time. What waits, waits for something, and gives up only after [`PATIENCE`], which
//! a test that passes never comes near.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "tests fail by panic"
)]

pub mod cases;
pub mod clock;
pub mod conformance;
pub mod fold;
pub mod peer;
pub mod render;
pub mod sink;

use std::{future::Future, time::Duration};

pub use clock::{ManualClock, TokioClock};
pub use fold::Fold;
pub use peer::{Peer, Session};
pub use sink::Collector;

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Awaits what must come, and says what did not.
pub async fn must<T>(what: &str, wanted: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, wanted).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {} s", PATIENCE.as_secs()),
    }
}
