//! Any session: each line is a frame, one that begins with `B` a binary one. Read or refused, never more.
//! `cargo +nightly fuzz run packets fuzz/corpus/packets fuzz/packets`
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use telecomx::link::packet::{Decoder, Engine, Heard, name};

fuzz_target!(|bytes: &[u8]| {
    for engine in [Engine::V3, Engine::V4] {
        let mut decoder = Decoder::new(engine, 1 << 16);
        for frame in bytes.split(|byte| *byte == b'\n') {
            let heard = match frame.strip_prefix(b"B") {
                Some(binary) => decoder.binary(&Bytes::copy_from_slice(binary)),
                None => decoder.text(&Bytes::copy_from_slice(frame)),
            };
            if let Ok(Heard::Event(args)) = heard {
                let args = std::str::from_utf8(&args).expect("text");
                assert!(name(args).is_some_and(|name| !name.starts_with('#')));
            }
            decoder.abandoned();
        }
        decoder.end();
    }
});
