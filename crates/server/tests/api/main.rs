//! The public contract, sentence by sentence, over real sockets and a backend in memory.

mod backend;
mod client;
mod http;
mod pages;
mod rights;
mod sse;
mod state;
mod websocket;
mod world;
