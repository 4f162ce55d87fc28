//! The whole gateway, seen from outside: one module for each behaviour.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod access;
mod bad_peer;
mod bad_start;
mod basix;
mod commands;
mod connecting;
mod demo;
mod deploy;
mod documented_call;
mod documents;
mod drain;
mod filters;
mod full_disk;
mod guides;
mod harness;
mod kill;
mod many;
mod metrics;
mod page;
mod production;
mod reconnect;
mod reload;
mod resume;
mod simulators;
mod slow_reader;
mod snapshot;
mod soak;
mod state;
mod support;
mod telecomx;
mod traces;
mod transports;
mod typescript;
mod wire_v1;
