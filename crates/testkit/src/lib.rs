//! What tests of several crates share.

pub mod cases;
pub mod render;
