//! What each stage between the frame of a PBX and the bytes for a subscriber costs.
//!
//! The traffic is fixed, prepared beforehand and the same in every run; a step of a stage works on one batch of it.

mod prepare;
mod stage;
mod traffic;

use mimalloc::MiMalloc;

pub use prepare::{Batch, Prepared, prepare};
pub use stage::{Bench, Stage};
pub use traffic::{BATCH, Traffic};

/// The allocator of the gateway, so that what is measured is what runs.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Why a benchmark cannot be run.
pub type Failure = Box<dyn std::error::Error>;
