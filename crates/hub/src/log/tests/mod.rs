//! The log on real files.

mod basics;
mod support;
