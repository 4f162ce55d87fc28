//! Everything but calls, one module per kind of entity.

mod conferences;
mod devices;
mod extensions;
mod parties;
mod queues;
mod recordings;
mod rig;
mod snapshots;
mod sources;
#[path = "../state_bench/mod.rs"]
mod state_bench;
