//! Any bytes: decoded or refused, never more.
//! `cargo +nightly fuzz run wire fuzz/corpus/wire fuzz/seeds`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = telecomx::wire::decode(bytes);
});
