//! What is counted, timed and followed.
//!
//! Figures are plain atomics, owned by whoever counts and read when somebody asks. There is no registry here, no lock and
//! no allocation after the start: to count costs one relaxed addition. What the figures are called, and who may see
//! them, is decided where they are read. A [`Tracer`] follows single frames through all stages.

#![warn(missing_docs)]

mod counter;
mod histogram;
mod trace;

pub use counter::Counter;
pub use histogram::{Distribution, Histogram};
pub use trace::{Context, NotFollowed, Span, Stage, Tracer, Value};
