//! The public contract, sentence by sentence, over real sockets and a backend in memory.

#![expect(
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test whose world does not stand has failed"
)]

mod attack;
mod backend;
mod client;
mod door;
mod explain;
mod gaps;
mod http;
mod issuer;
mod jwt;
mod metrics;
mod pages;
mod problems;
mod rights;
mod routes;
mod sse;
mod state;
mod tls;
mod walk;
mod websocket;
mod world;
