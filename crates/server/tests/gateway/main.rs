//! A whole gateway in this process, with a PBX that the test plays.

#![cfg(test)]

#[path = "../api/client.rs"]
#[expect(dead_code, reason = "the API's own tests use more of it")]
mod client;
mod commands;
mod toy;
mod webhooks;
mod world;
