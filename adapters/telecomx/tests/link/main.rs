//! The link against the simulator and scripted peers: both versions, every way in, and the ways it can fail.

#![cfg(test)]

mod ask;
mod begin;
#[path = "../still/config.rs"]
mod config;
mod fail;
mod frames;
#[path = "../still/mod.rs"]
mod still;
mod support;
