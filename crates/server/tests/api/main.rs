//! The public contract, sentence by sentence, over real sockets and a backend in memory.

#![expect(
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test whose world does not stand has failed"
)]

mod backend;
mod client;
mod http;
mod pages;
mod rights;
mod sse;
mod state;
mod tls;
mod websocket;
mod world;
