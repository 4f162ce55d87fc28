//! Frames: what is refused, and why; what is odd and read all the same.

use basix::wire::{self, ScanError, Value, scan};

use crate::support::seed_of;

/// The hostile frames, each with why it is refused.
#[test]
fn hostile_frames_are_refused() {
    for (seed, expected) in [
        ("empty", ScanError::Truncated),
        ("version_alone", ScanError::Truncated),
        ("version_130", ScanError::Version(130)),
        ("json", ScanError::Version(b'{')),
        ("dist_header", ScanError::Tag(68)),
        ("atom_cache", ScanError::Tag(82)),
        ("atom_cache_nested", ScanError::Tag(82)),
        ("compressed", ScanError::Tag(80)),
        ("compressed_nested", ScanError::Tag(80)),
        ("bit_binary_0", ScanError::Tag(77)),
        ("bit_binary_9", ScanError::Tag(77)),
        ("fun_4g", ScanError::Tag(112)),
        ("pid", ScanError::Tag(88)),
        ("reference", ScanError::Tag(90)),
        ("export", ScanError::Tag(113)),
        ("list_4g", ScanError::Count(u32::MAX)),
        ("tuple_4g", ScanError::Count(u32::MAX)),
        ("map_4g", ScanError::Count(u32::MAX)),
        ("nested_counts", ScanError::Count(0x0400_0000)),
        ("big_4g", ScanError::Length(u32::MAX)),
        ("binary_4g", ScanError::Length(u32::MAX)),
        ("string_64k", ScanError::Length(0xffff)),
        ("big_65", ScanError::Big(65)),
        ("sign_2", ScanError::Sign(2)),
        ("deep_tuples", ScanError::Depth),
        ("deep_lists", ScanError::Depth),
        ("nan", ScanError::Float),
        ("infinity", ScanError::Float),
        ("float_text_none", ScanError::Float),
        ("float_text_inf", ScanError::Float),
        ("utf8_atom_broken", ScanError::Atom),
        ("improper", ScanError::Tail),
        ("trailing", ScanError::Trailing(2)),
        ("two_terms", ScanError::Trailing(3)),
    ] {
        let frame = seed_of(seed);
        assert_eq!(scan(&frame), Err(expected), "{seed}");
        let refused = wire::decode(&frame).unwrap_err();
        assert_eq!(refused.shape(), expected.shape(), "{seed}");
    }
    // A million empty lists more than any snapshot has.
    let many = wire::MAX_TERMS as u32 + 1_000;
    let mut frame = vec![131, 108];
    frame.extend_from_slice(&many.to_be_bytes());
    frame.resize(frame.len() + many as usize + 1, 106);
    assert_eq!(scan(&frame), Err(ScanError::Terms));
}

/// Odd frames that are right, some of which `eetf` reads wrongly or not at all.
#[test]
fn odd_frames_are_read() {
    for (seed, expected) in [
        ("latin1_atom", "'café'"),
        ("latin1_atom_small", "'café'"),
        ("latin1_atom_like_utf8", "'Ã©'"),
        ("utf8_atom", "'café'"),
        ("float_text", "3.141592653589793"),
        ("five_as_big", "5"),
        ("zero_as_big", "0"),
        ("five_padded", "5"),
        ("empty_list_108", "[]"),
        ("bert_like", "{bert,time,1,1}"),
        ("dict_broken", "{bert,dict,\"\\u{1}\"}"),
        ("map", "#{a: 1, <<\"b\">>: 2}"),
    ] {
        let frame = seed_of(seed);
        assert_eq!(format!("{:?}", scan(&frame).unwrap()), expected, "{seed}");
    }
    let frame = seed_of("string_40000");
    assert_eq!(scan(&frame).unwrap().text().unwrap().len(), 40_000);
    let frame = seed_of("big_64");
    let Value::Big(big) = scan(&frame).unwrap().value() else {
        panic!("small");
    };
    let expected = (num_bigint::BigInt::from(1) << 512_u32) - 1;
    assert_eq!(big.digits(), format!("-{expected}"));
}
