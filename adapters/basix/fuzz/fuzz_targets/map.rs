//! Any frames, one after the other, with the timers between them.
//! `cargo +nightly fuzz run map fuzz/corpus/map fuzz/seeds`
#![no_main]

#[path = "../map.rs"]
mod map;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| map::survives(&map::frames(stream)));
