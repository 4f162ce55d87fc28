//! Drives the `switchhook` program as the outside world does: a PBX on one side, clients of the public contract on the other.
//!
//! Nothing here knows the product's code. What a test believes, it has read from the wire.
#![expect(clippy::expect_used, reason = "a harness fails its test by panicking")]

pub mod basix;
pub mod binary;
pub mod browser;
pub mod client;
pub mod event;
pub mod gateway;
pub mod log;
pub mod pbx;
pub mod peers;
pub mod portsip;
pub mod setup;
pub mod sse;
pub mod wait;
pub mod ws;

pub use basix::Basix;
pub use browser::Browser;
pub use client::{Client, Response};
pub use event::Event;
pub use gateway::Gateway;
pub use pbx::Pbx;
pub use setup::{Setup, secret};
