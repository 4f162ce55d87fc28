//! Messages and their native types: the golden vectors, every documented form, and every spelling that is accepted.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod entities;
mod frames;
mod legs;
mod messages;
mod states;
mod support;
mod values;
mod vectors;
