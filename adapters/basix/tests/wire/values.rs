//! Values: the same in every spelling.

use basix::wire::{
    scan,
    write::{atom, binary, bool, int, list, tuple},
};
use serde_json::json;

use crate::support::{bert, hex};

#[test]
fn integers_are_equal_whatever_tag_they_came_in() {
    for (tag, value) in [
        ("610a", 10),
        ("620000000a", 10),
        ("6e01000a", 10),
        ("6f00000001000a", 10),
        ("6e0700075e8187d77e05", 1_546_839_040_024_071),
        ("6b00023130", 10),
        ("6d000000023130", 10),
        ("6d00000003203130", 10),
        ("64000131", 1),
        ("62ffffffff", -1),
        ("6e0801ffffffffffffff7f", -i64::MAX),
        ("6e08010000000000000080", i64::MIN),
    ] {
        let frame = hex(&format!("83{tag}"));
        assert_eq!(scan(&frame).unwrap().int(), Some(value), "{tag}");
    }
    for none in [
        "6e08000000000000000080",
        "6e0900000000000000000001",
        "6a",
        "640009756e646566696e6564",
    ] {
        assert_eq!(
            scan(&hex(&format!("83{none}"))).unwrap().int(),
            None,
            "{none}"
        );
    }
}

#[test]
fn texts_are_equal_however_they_are_spelt() {
    for (spelt, text) in [
        // Atoms, a binary and a charlist.
        ("640003616263", "abc"),
        ("7303616263", "abc"),
        ("7703616263", "abc"),
        ("6d00000003616263", "abc"),
        ("6b0003616263", "abc"),
        // UTF-8 and Latin-1, in a binary and in a charlist.
        ("6d00000002c3a9", "é"),
        ("6d00000001e9", "é"),
        ("6b0002c3a9", "é"),
        ("6b0001e9", "é"),
        // A charlist beyond Latin-1.
        ("6c0000000262000030e662000030fc6a", "ユー"),
        ("6d00000000", ""),
        ("6a", ""),
        ("6802640004626572746400036e696c", ""),
        ("6e010005", "5"),
    ] {
        let frame = hex(&format!("83{spelt}"));
        assert_eq!(
            scan(&frame).unwrap().text().as_deref(),
            Some(text),
            "{spelt}"
        );
    }
    // Surrogates are no characters.
    let frame = hex("836c000000016200 00d8006a".replace(' ', "").as_str());
    assert_eq!(scan(&frame).unwrap().text(), None);
    for absent in ["undefined", "nil", "null"] {
        let frame = bert(&atom(absent));
        let term = scan(&frame).unwrap();
        assert_eq!((term.text(), term.is_absent()), (None, true));
    }
}

#[test]
fn complex_types_of_bert_hold_at_any_depth_and_only_in_their_form() {
    let nested = tuple([list([tuple([
        atom("x"),
        list([]),
        bool(true),
        list([bool(false)]),
    ])])]);
    let frame = bert(&nested);
    let term = scan(&frame).unwrap();
    assert_eq!(
        serde_json::to_value(term).unwrap(),
        json!([[["x", [], true, [false]]]])
    );
    for (form, kept) in [
        (
            tuple([atom("bert"), atom("other")]),
            json!(["bert", "other"]),
        ),
        (
            tuple([atom("bert"), atom("nil"), int(1)]),
            json!(["bert", null, 1]),
        ),
        (tuple([binary("bert"), atom("nil")]), json!(["bert", null])),
        (tuple([atom("bert")]), json!(["bert"])),
        (
            tuple([
                atom("bert"),
                atom("regex"),
                binary("^a"),
                list([atom("caseless")]),
            ]),
            json!(["bert", "regex", "^a", ["caseless"]]),
        ),
        (
            tuple([
                atom("bert"),
                atom("dict"),
                list([tuple([atom("a"), list([])])]),
            ]),
            json!({"a": []}),
        ),
        (tuple([atom("bert"), atom("dict"), list([])]), json!({})),
        (
            tuple([
                atom("bert"),
                atom("time"),
                int(1_546),
                int(839_040),
                int(24_071),
            ]),
            json!(1_546_839_040_024_071_i64),
        ),
        (
            tuple([atom("bert"), atom("time"), int(i64::MAX), int(0), int(0)]),
            json!(["bert", "time", i64::MAX, 0, 0]),
        ),
    ] {
        let frame = bert(&form);
        assert_eq!(
            serde_json::to_value(scan(&frame).unwrap()).unwrap(),
            kept,
            "{form}"
        );
    }
}
