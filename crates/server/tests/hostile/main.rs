//! The seeds of the fuzz target, and simple changes of them, thrown at a whole gateway.

#![expect(
    clippy::expect_used,
    reason = "a test whose world does not stand has failed"
)]

mod driver;

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use driver::Target;

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn seeds() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("seeds")
        .map(|entry| entry.expect("a seed").path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a seed");
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn nothing_that_is_sent_stops_the_gateway() {
    // A panic in a task is nobody's failure but its own; here it is.
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        eprintln_panic(panic);
    }));
    let target = Target::start();
    let seeds = seeds();
    assert!(seeds.len() >= 20, "the seeds are there");
    for (path, seed) in &seeds {
        target.throw(seed);
        for changed in changes(seed) {
            target.throw(&changed);
        }
        target.lives();
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "{}", path.display());
    }
}

/// The seed cut short, repeated, and with bits turned over, at places that are the same in each run.
fn changes(seed: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for part in 1..8 {
        all.push(seed[..seed.len() * part / 8].to_vec());
    }
    if let Some((way, rest)) = seed.split_first() {
        all.push([&[*way], rest, rest].concat());
    }
    for n in 1..24 {
        let mut turned = seed.to_vec();
        let at = (n * 7_919) % seed.len().max(1);
        if let Some(byte) = turned.get_mut(at.max(1)) {
            *byte ^= 1 << (n % 8);
        }
        all.push(turned);
    }
    all
}

#[expect(
    clippy::print_stderr,
    reason = "what a panic says is what the test has to say"
)]
fn eprintln_panic(panic: &std::panic::PanicHookInfo<'_>) {
    eprintln!("{panic}");
}
