//! The whole gateway, seen from outside: one module for each behaviour.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod access;
mod bad_peer;
mod bad_start;
mod commands;
mod demo;
mod documented_call;
mod drain;
mod filters;
mod full_disk;
mod harness;
mod kill;
mod reconnect;
mod resume;
mod slow_reader;
mod snapshot;
mod state;
mod support;
mod transports;
