//! Every seed of the fuzz targets, as it is and with its bytes disturbed.

use std::{fs, path::Path};

use bytes::Bytes;
use proptest::prelude::*;

#[test]
fn every_seed_is_survived() {
    let seeds = seeds();
    assert!(seeds.len() > 80, "only {} seeds", seeds.len());
    for seed in seeds {
        super::survives(&lines(&seed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn disturbed_seeds_are_survived(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let seeds = seeds();
        let mut bytes = which.get(&seeds).to_vec();
        for (at, byte) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        let end = cut.index(bytes.len() + 1);
        bytes.truncate(end.max(1));
        super::survives(&lines(&bytes));
    }
}

fn lines(bytes: &[u8]) -> Vec<Bytes> {
    bytes
        .split(|byte| *byte == b'\n')
        .map(Bytes::copy_from_slice)
        .collect()
}

fn seeds() -> Vec<Bytes> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut paths: Vec<_> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).unwrap().into())
        .collect()
}
