//! Any bytes: decoded or refused, read alike by `eetf`, never more.
//! `cargo +nightly fuzz run wire fuzz/corpus/wire fuzz/seeds tests/vectors`
#![no_main]

#[path = "../check.rs"]
mod check;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|frame: &[u8]| check::check(frame));
