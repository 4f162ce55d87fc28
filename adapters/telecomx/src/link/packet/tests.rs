//! Frames as servers write them, and as nobody should.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn decoder(engine: Engine) -> Decoder {
    Decoder::new(engine, 1 << 20)
}

fn heard(frame: &str) -> Result<Heard, Malformed> {
    let frame = Bytes::copy_from_slice(frame.as_bytes());
    decoder(Engine::V4).text(&frame).map_err(|bad| bad.error)
}

fn event_of(args: &'static str) -> Heard {
    Heard::Event(Bytes::from_static(args.as_bytes()))
}

#[test]
fn what_servers_write_is_read() {
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    for (frame, expected) in [
        (r#"0{"sid":"x"}"#, Heard::Open(bytes(r#"{"sid":"x"}"#))),
        ("1", Heard::Close),
        ("2", Heard::Ping(bytes(""))),
        ("2probe", Heard::Ping(bytes("probe"))),
        ("3", Heard::Pong),
        ("6", Heard::Nothing),
        ("40", Heard::Connect(bytes(""))),
        (r#"40{"sid":"y"}"#, Heard::Connect(bytes(r#"{"sid":"y"}"#))),
        ("40/,", Heard::Connect(bytes(""))),
        ("41", Heard::Disconnect),
        (
            r#"44{"message":"no"}"#,
            Heard::Refused(bytes(r#"{"message":"no"}"#)),
        ),
        (r#"44"no""#, Heard::Refused(bytes(r#""no""#))),
        (
            r#"42["authenticated"]"#,
            Heard::Event(bytes(r#"["authenticated"]"#)),
        ),
        (r#"427["x",1]"#, Heard::Event(bytes(r#"["x",1]"#))),
        (r#"42/,["x"]"#, Heard::Event(bytes(r#"["x"]"#))),
        (
            "437[]",
            Heard::Ack {
                id: 7,
                args: bytes("[]"),
            },
        ),
    ] {
        assert_eq!(heard(frame), Ok(expected), "{frame}");
    }
}

#[test]
fn what_makes_no_sense_is_told_apart() {
    for (frame, expected) in [
        ("", Malformed::Empty),
        ("7foo", Malformed::EngineType),
        ("hello", Malformed::EngineType),
        ("5", Malformed::OutOfPlace),
        ("4", Malformed::SocketType),
        (r#"49["x"]"#, Malformed::SocketType),
        ("42", Malformed::NotJson),
        (r#"42["x",{"a":"#, Malformed::NotJson),
        (r#"42["x"]]"#, Malformed::NotJson),
        (r#"42{"a":1}"#, Malformed::NotAnArray),
        ("42[]", Malformed::NoName),
        ("42[17,{}]", Malformed::NoName),
        ("42[null]", Malformed::NoName),
        ("42[[[]]]", Malformed::NoName),
        (r##"42["#rest",{}]"##, Malformed::Reserved),
        ("43[]", Malformed::AckId),
        ("4399999999999999999999999[]", Malformed::AckId),
        ("41/other", Malformed::Namespace),
        (r#"42/other,["x"]"#, Malformed::Namespace),
        (r#"45["x"]"#, Malformed::Attachments),
        (r#"45x-["x"]"#, Malformed::Attachments),
        (r#"45999-["x"]"#, Malformed::TooManyAttachments),
        ("461-[]", Malformed::AckId),
        ("b4AAAA", Malformed::EngineType),
    ] {
        assert_eq!(heard(frame), Err(expected), "{frame}");
    }
}

/// Requirement: raw text is kept. A reader that builds values loses these.
#[test]
fn what_a_stricter_reader_drops_is_handed_on() {
    let deep = format!("42[\"x\",{}1{}]", "[".repeat(200), "]".repeat(200));
    assert!(serde_json::from_str::<Value>(&deep[2..]).is_err());
    assert!(matches!(heard(&deep), Ok(Heard::Event(_))));
    for args in [
        r#"["x",1e400]"#,
        r#"["x","\ud800"]"#,
        r#"["x",{"a":1,"a":2}]"#,
        r#"["x","\u0000"]"#,
        "[\"x\",\"\u{1e}\"]",
        r#"["error",{}]"#,
        r#"["message"]"#,
        r#"["open"]"#,
        r#"["close"]"#,
    ] {
        // A control character must be escaped in JSON, so 0x1E as itself is the one that is refused.
        let frame = format!("42{args}");
        if args.contains('\u{1e}') {
            assert_eq!(heard(&frame), Err(Malformed::NotJson));
        } else {
            assert_eq!(heard(&frame), Ok(event_of(args)), "{args}");
        }
    }
}

#[test]
fn attachments_are_put_back() {
    for (engine, first) in [(Engine::V4, None), (Engine::V3, Some(4_u8))] {
        let mut decoder = decoder(engine);
        let text = r#"452-["f",{"b":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":0}]"#;
        assert_eq!(decoder.text(&text.into()), Ok(Heard::Nothing));
        assert_eq!(
            decoder.text(&"2".into()),
            Ok(Heard::Ping(Bytes::new())),
            "a ping may come between"
        );
        for bytes in [&b"one"[..], b"t\x1eo"] {
            let frame: Vec<u8> = first.into_iter().chain(bytes.iter().copied()).collect();
            let heard = decoder.binary(&frame.into()).unwrap();
            let Heard::Event(args) = heard else {
                assert_eq!(heard, Heard::Nothing);
                continue;
            };
            let args: Value = serde_json::from_slice(&args).unwrap();
            assert_eq!(
                args,
                json!(["f", {"b": {"base64": "dB5v"}}, {"base64": "b25l"}])
            );
        }
        assert_eq!(decoder.abandoned(), None);
    }
}

#[test]
fn engine_3_may_send_attachments_as_text() {
    let mut decoder = decoder(Engine::V3);
    let text = r#"461-9[{"_placeholder":true,"num":0}]"#;
    assert_eq!(decoder.text(&text.into()), Ok(Heard::Nothing));
    let args = Bytes::from_static(br#"[{"base64":"b25l"}]"#);
    assert_eq!(
        decoder.text(&"b4b25l".into()),
        Ok(Heard::Ack { id: 9, args })
    );
}

#[test]
fn attachments_that_do_not_come_are_told_of() {
    let announced = Bytes::from_static(br#"451-["f",{"_placeholder":true,"num":0}]"#);
    let mut decoder = decoder(Engine::V4);
    decoder.text(&announced).unwrap();
    assert_eq!(
        decoder.text(&r#"42["x"]"#.into()).map_err(|bad| bad.error),
        Ok(event_of(r#"["x"]"#))
    );
    let bad = decoder.abandoned().unwrap();
    assert_eq!(
        (bad.error, bad.frame),
        (Malformed::Incomplete, announced.clone())
    );
    let stray = decoder.binary(&"late".into()).unwrap_err();
    assert_eq!(stray.error, Malformed::StrayBinary);

    decoder.text(&announced).unwrap();
    decoder.end();
    assert_eq!(
        decoder.abandoned().map(|bad| bad.error),
        Some(Malformed::Incomplete)
    );
}

#[test]
fn attachments_have_limits() {
    let mut small = Decoder::new(Engine::V4, 64);
    small
        .text(&r#"452-["f",{"_placeholder":true,"num":0}]"#.into())
        .unwrap();
    assert_eq!(small.binary(&vec![0; 100].into()), Ok(Heard::Nothing));
    assert_eq!(
        small.abandoned().map(|bad| bad.error),
        Some(Malformed::TooManyAttachments)
    );

    let mut decoder = decoder(Engine::V4);
    decoder
        .text(&r#"451-["f",{"_placeholder":true,"num":3}]"#.into())
        .unwrap();
    assert_eq!(decoder.binary(&"one".into()), Ok(Heard::Nothing));
    assert_eq!(
        decoder.abandoned().map(|bad| bad.error),
        Some(Malformed::Placeholders)
    );
}

#[test]
fn what_is_written_is_read() {
    assert_eq!(heard(&event(None, r#"["x"]"#)), Ok(event_of(r#"["x"]"#)));
    assert_eq!(
        heard(&event(Some(u64::MAX), r#"["x"]"#)),
        Ok(event_of(r#"["x"]"#))
    );
    let args = Bytes::from_static(b"[1]");
    assert_eq!(
        heard(&ack(u64::MAX, "[1]")),
        Ok(Heard::Ack { id: u64::MAX, args })
    );
}

#[test]
fn a_name_is_read_with_its_escapes() {
    assert_eq!(name(r#"["P\u0042X",{}]"#).as_deref(), Some("PBX"));
    assert_eq!(name("[1]"), None);
    assert_eq!(name("nothing"), None);
}

/// Frames that look like packets.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let likely = prop::sample::select(
        &[
            "0",
            "1",
            "2",
            "3",
            "4",
            "40",
            "41",
            "42",
            "43",
            "44",
            "451-",
            "462-",
            "42/x,",
            "[",
            "]",
            "{",
            "}",
            "\"",
            ",",
            "\"x\"",
            "7",
            "{\"_placeholder\":true,\"num\":0}",
            "b4",
            "\\ud800",
            "1e400",
            "-",
            "/",
        ][..],
    );
    let texts = prop::collection::vec(likely, 0..12).prop_map(|parts| parts.concat().into_bytes());
    prop_oneof![4 => texts, 1 => prop::collection::vec(any::<u8>(), 0..64)]
}

proptest! {
    #[test]
    fn no_frame_is_lost_and_none_harms(
        session in prop::collection::vec((any::<bool>(), frames()), 0..24),
        v3: bool,
    ) {
        let mut decoder = Decoder::new(if v3 { Engine::V3 } else { Engine::V4 }, 4096);
        for (is_text, frame) in session {
            let frame = Bytes::from(frame);
            let read = if is_text { decoder.text(&frame) } else { decoder.binary(&frame) };
            match read {
                Ok(Heard::Event(args)) => {
                    let args = std::str::from_utf8(&args).unwrap();
                    prop_assert!(name(args).is_some_and(|name| !name.starts_with('#')));
                }
                Ok(_) => {}
                Err(bad) => prop_assert_eq!(bad.frame, frame),
            }
            decoder.abandoned();
        }
    }

    #[test]
    fn every_event_comes_back_as_it_was(name in "[^#\\PC][\\PC]{0,20}", id in proptest::option::of(any::<u64>()), text in "\\PC{0,60}", number: i64) {
        let args = json!([name, {"text": text, "number": number}]).to_string();
        let read = heard(&event(id, &args));
        prop_assert_eq!(read, Ok(Heard::Event(args.into())));
    }

    #[test]
    fn attachments_come_back_as_they_were(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6)) {
        let mut decoder = decoder(Engine::V4);
        let holders: Vec<Value> = (0..parts.len()).map(|n| json!({"_placeholder": true, "num": n})).collect();
        let text = format!("45{}-[\"f\",{}]", parts.len(), json!(holders));
        prop_assert_eq!(decoder.text(&text.into()), Ok(Heard::Nothing));
        let mut last = Heard::Nothing;
        for part in &parts {
            last = decoder.binary(&part.clone().into()).unwrap();
        }
        let Heard::Event(args) = last else { panic!("{last:?}") };
        let args: Value = serde_json::from_slice(&args).unwrap();
        use base64::Engine as _;
        for (n, part) in parts.iter().enumerate() {
            let text = args[1][n]["base64"].as_str().unwrap();
            prop_assert_eq!(&base64::engine::general_purpose::STANDARD.decode(text).unwrap(), part);
        }
    }
}
