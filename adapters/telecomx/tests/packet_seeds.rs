//! The seeds of the fuzz target `packets`, replayed: read or refused, never more.

#![cfg(test)]

use std::{fs, path::Path};

use bytes::Bytes;
use telecomx::link::packet::{Bad, Decoder, Engine, Heard, name};

#[test]
fn every_seed_is_read_or_refused() {
    let (mut seeds, mut events, mut bads) = (0, 0, 0);
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/packets")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        seeds += 1;
        for engine in [Engine::V3, Engine::V4] {
            for heard in session(engine, &bytes) {
                match heard {
                    Ok(Heard::Event(args)) => {
                        let name = name(std::str::from_utf8(&args).unwrap());
                        assert!(name.is_some_and(|name| !name.starts_with('#')), "{path:?}");
                        events += 1;
                    }
                    Ok(_) => {}
                    Err(_) => bads += 1,
                }
            }
        }
    }
    assert!(
        seeds >= 40 && events >= 20 && bads >= 40,
        "{seeds} {events} {bads}"
    );
}

/// Each line is a frame, one that begins with `B` a binary one.
fn session(engine: Engine, bytes: &[u8]) -> Vec<Result<Heard, Bad>> {
    let mut decoder = Decoder::new(engine, 1 << 16);
    let mut all = Vec::new();
    for frame in bytes.split(|byte| *byte == b'\n') {
        all.push(match frame.strip_prefix(b"B") {
            Some(binary) => decoder.binary(&Bytes::copy_from_slice(binary)),
            None => decoder.text(&Bytes::copy_from_slice(frame)),
        });
        all.extend(decoder.abandoned().map(Err));
    }
    decoder.end();
    all.extend(decoder.abandoned().map(Err));
    all
}
