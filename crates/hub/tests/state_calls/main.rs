//! Calls and legs: what is told of them, in order and out of it.

#[path = "../state_bench/mod.rs"]
mod state_bench;

mod life;
mod limits;
mod moves;
mod records;
mod services;
