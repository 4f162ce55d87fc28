//! What must hold of any bytes: of every seed and vector, of these disturbed, and of frames in every tag there is.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../fuzz/check.rs"]
mod check;

use std::{fs, path::Path};

use basix::wire::{MAX_DEPTH, ScanError, scan};
use proptest::{collection::vec, prelude::*, sample::Index};

#[test]
fn every_seed_is_read_or_refused() {
    let seeds = seeds();
    assert!(seeds.len() >= 60, "only {} seeds", seeds.len());
    seeds.iter().for_each(|seed| check::check(seed));
}

#[test]
fn every_beginning_of_a_frame_is_refused() {
    for frame in vectors() {
        for end in 0..frame.len() {
            let refused = scan(&frame[..end]).expect_err("half a frame");
            assert!(
                matches!(
                    refused,
                    ScanError::Truncated | ScanError::Length(_) | ScanError::Count(_)
                ),
                "{refused}"
            );
        }
        let longer = [&frame[..], &[106]].concat();
        assert_eq!(scan(&longer), Err(ScanError::Trailing(1)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn disturbed_seeds_are_survived(
        which in any::<Index>(),
        changes in vec((any::<Index>(), any::<u8>()), 1..6),
        cut in any::<Index>(),
    ) {
        let seeds = seeds();
        let mut frame = which.get(&seeds).clone();
        for (at, byte) in changes {
            if !frame.is_empty() {
                let at = at.index(frame.len());
                frame[at] = byte;
            }
        }
        check::check(&frame);
        check::check(&frame[..cut.index(frame.len() + 1)]);
    }

    /// Frames that are right in their structure pass, whatever they are made of.
    #[test]
    fn frames_in_every_tag_pass(term in term()) {
        let frame = [&[131], &term[..]].concat();
        scan(&frame).expect("a frame within the bounds");
        check::check(&frame);
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..200)) {
        check::check(&bytes);
        check::check(&[&[131], &bytes[..]].concat());
    }

    #[test]
    fn nesting_is_bounded_in_every_tag(
        depth in MAX_DEPTH - 2..MAX_DEPTH + 3,
        tags in vec(prop::sample::select(vec![104_u8, 105, 108, 116]), MAX_DEPTH + 3),
    ) {
        let mut frame = vec![106];
        for tag in &tags[..depth] {
            frame = match tag {
                104 => [&[104, 1], &frame[..]].concat(),
                105 => [&[105, 0, 0, 0, 1], &frame[..]].concat(),
                108 => [&[108, 0, 0, 0, 1], &frame[..], &[106]].concat(),
                _ => [&[116, 0, 0, 0, 1, 97, 7], &frame[..]].concat(),
            };
        }
        let frame = [&[131], &frame[..]].concat();
        let passed = scan(&frame).map(|_| ());
        prop_assert_eq!(passed, if depth <= MAX_DEPTH { Ok(()) } else { Err(ScanError::Depth) });
        check::check(&frame);
    }
}

/// The bytes of a term, in any tag that is read.
fn term() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        any::<u8>().prop_map(|value| vec![97, value]),
        any::<i32>().prop_map(|value| [&[98], &value.to_be_bytes()[..]].concat()),
        finite().prop_map(|value| [&[70], &value.to_be_bytes()[..]].concat()),
        finite().prop_map(|value| {
            let mut text = format!("{value:.20e}").into_bytes();
            text.resize(31, 0);
            [&[99], &text[..]].concat()
        }),
        vec(any::<u8>(), 0..40).prop_map(|name| sized(100, 2, &name)),
        vec(any::<u8>(), 0..40).prop_map(|name| sized(115, 1, &name)),
        ".{0,20}".prop_map(|name| sized(118, 2, name.as_bytes())),
        ".{0,20}".prop_map(|name| sized(119, 1, name.as_bytes())),
        prop::sample::select(vec![
            "undefined",
            "bert",
            "nil",
            "true",
            "false",
            "dict",
            "time"
        ])
        .prop_map(|name| sized(100, 2, name.as_bytes())),
        Just(vec![106]),
        vec(any::<u8>(), 0..300).prop_map(|text| sized(107, 2, &text)),
        vec(any::<u8>(), 0..300).prop_map(|text| sized(109, 4, &text)),
        (0..=1_u8, vec(any::<u8>(), 0..=64)).prop_map(|(sign, amount)| {
            [&[110, amount.len() as u8, sign], &amount[..]].concat()
        }),
        (0..=1_u8, vec(any::<u8>(), 0..=64)).prop_map(|(sign, amount)| {
            [&[111, 0, 0, 0, amount.len() as u8, sign], &amount[..]].concat()
        }),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|all| counted(&[104, all.len() as u8], &all, &[])),
            vec(inner.clone(), 0..6).prop_map(|all| counted(
                &[105, 0, 0, 0, all.len() as u8],
                &all,
                &[]
            )),
            vec(inner.clone(), 0..6).prop_map(|all| counted(
                &[108, 0, 0, 0, all.len() as u8],
                &all,
                &[106]
            )),
            vec((inner.clone(), inner), 0..4).prop_map(|pairs| {
                let all: Vec<_> = pairs
                    .into_iter()
                    .flat_map(|(key, value)| [key, value])
                    .collect();
                counted(&[116, 0, 0, 0, (all.len() / 2) as u8], &all, &[])
            }),
        ]
    })
}

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |value| value.is_finite())
}

/// A tag, a length of so many bytes, and the bytes.
fn sized(tag: u8, width: usize, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&[tag], &length[4 - width..], body].concat()
}

fn counted(head: &[u8], all: &[Vec<u8>], tail: &[u8]) -> Vec<u8> {
    [head, &all.concat(), tail].concat()
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vectors();
    seeds.extend(files("fuzz/seeds", None));
    seeds
}

fn vectors() -> Vec<Vec<u8>> {
    files("tests/vectors", Some("bert"))
}

fn files(folder: &str, extension: Option<&str>) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| {
        extension.is_none_or(|wanted| path.extension().is_some_and(|it| it == wanted))
    });
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}
