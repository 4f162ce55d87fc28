//! State, log and fan-out: observations in, one durable ordered stream of canonical events out.
//!
//! `state` is pure: no IO, no clock, no random number. `log` owns the file, `fanout` the sockets. Nothing here names a
//! PBX vendor, and nothing here waits for a client.

pub mod block;
mod catch_up;
pub mod command;
pub mod draft;
pub mod fanout;
pub mod filter;
mod hub;
pub mod log;
pub mod meters;
pub mod reader;
pub mod seal;
pub mod shelf;
pub mod state;
pub mod stream;
pub mod tail;
mod writer;

pub use hub::{Health, Hub, HubError, Memos, Options, Running, Stopped, View, start, start_traced};
