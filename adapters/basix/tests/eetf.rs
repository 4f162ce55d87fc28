//! Why nothing unscanned may reach `eetf` 0.12, and where it reads otherwise than Erlang: the facts behind ADR 8.
//!
//! When one of these fails, `eetf` has been mended: see what of the ADR still holds.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    env, fs, os::unix::process::ExitStatusExt as _, panic, path::Path, process::Command, thread,
};

use eetf::Term;

const SEED: &str = "EETF_SEED";

/// Tags of the distribution protocol are not implemented: two bytes are enough.
#[test]
fn unknown_tags_panic() {
    for seed in ["dist_header", "atom_cache", "atom_cache_nested"] {
        let frame = seed_of(seed);
        let outcome = panic::catch_unwind(|| Term::decode(&frame[..]).is_ok());
        assert!(outcome.is_err(), "{seed}");
    }
}

/// It reserves what a frame claims to hold, and nests as deep as a frame says. Neither can be caught, so each has a
/// process of its own, with 4 GiB of address space: this test again, told which seed to read.
#[test]
fn claims_and_nesting_end_the_process() {
    if let Ok(seed) = env::var(SEED) {
        return read_in_a_thread(&seed);
    }
    for seed in ["list_4g", "tuple_4g", "big_4g", "deep_tuples", "deep_lists"] {
        let output = Command::new("sh")
            .args(["-c", r#"ulimit -c 0; ulimit -v 4194304; exec "$0" "$@""#])
            .arg(env::current_exe().unwrap())
            .args(["--exact", "claims_and_nesting_end_the_process"])
            .env(SEED, seed)
            .output()
            .unwrap();
        assert_eq!(output.status.signal(), Some(6), "{seed}: {output:?}");
    }
}

/// With the stack of a thread of tokio.
fn read_in_a_thread(seed: &str) {
    let frame = seed_of(seed);
    let reader = thread::Builder::new().stack_size(2 << 20);
    let outcome = reader
        .spawn(move || Term::decode(&frame[..]).is_ok())
        .unwrap()
        .join();
    assert!(outcome.is_ok());
}

#[test]
fn some_terms_are_read_otherwise_than_erlang_reads_them() {
    let read = |seed| Term::decode(&seed_of(seed)[..]).map(|term| term.to_string());
    // 'café' in Latin-1.
    assert!(read("latin1_atom").is_err());
    // 'Ã©' in Latin-1.
    assert_eq!(read("latin1_atom_like_utf8").unwrap(), "'é'");
    // 3.141592653589793.
    assert_eq!(read("float_text").unwrap(), "3.1415927410125732");
    // Bytes after the term.
    assert_eq!(read("trailing").unwrap(), "1");
    // The same number in two tags.
    assert_ne!(
        Term::decode(&seed_of("five_as_big")[..]).unwrap(),
        Term::decode(&[131, 97, 5][..]).unwrap()
    );
}

#[test]
fn what_it_writes_is_in_tags_that_bert_does_not_have() {
    let mut frame = Vec::new();
    Term::from(eetf::Atom::from("undefined"))
        .encode(&mut frame)
        .unwrap();
    assert_eq!(frame[1], 119);
}

fn seed_of(name: &str) -> Vec<u8> {
    fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/seeds")
            .join(name),
    )
    .unwrap()
}
