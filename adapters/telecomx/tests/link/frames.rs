//! What comes over a connection that stands: in order, without loss, and whatever it is.

use adapter::Link as _;
use bytes::Bytes;
use serde_json::{Value, json};
use telecomx::{link::packet::Engine, sim::Profile};
use testkit::must;

use crate::support::*;

/// Every malformed frame of the dossier that a session can survive, and what it is told as.
const SURVIVED: [(&str, &str); 21] = [
    ("4", "socket_type"),
    ("", "empty"),
    (r#"49["x"]"#, "socket_type"),
    ("7foo", "engine_type"),
    ("hello", "engine_type"),
    (r#"42["PBX",{"event":"CALL_RI"#, "not_json"),
    (r#"42{"a":1}"#, "not_an_array"),
    ("42[]", "no_name"),
    ("42", "not_json"),
    ("42[17,{}]", "no_name"),
    (r#"0{"sid":"again"}"#, "out_of_place"),
    (r#"40{"sid":"again"}"#, "out_of_place"),
    ("5", "out_of_place"),
    ("43999999999999[]", "stray_ack"),
    ("43[]", "ack_id"),
    (r#"42/other,["x"]"#, "namespace"),
    ("41/other", "namespace"),
    (r#"45999-["x"]"#, "too_many_attachments"),
    (r#"45-["x"]"#, "attachments"),
    ("42[\"a\u{1e}b\"]", "not_json"),
    (r##"42["#rest",{}]"##, "reserved"),
];

#[tokio::test]
async fn malformed_frames_cost_nothing_but_themselves() {
    for engine in BOTH {
        let (sim, mut link) = subscribed(Profile::of(engine)).await;
        for (n, (frame, _)) in (0..).zip(SURVIVED) {
            sim.send(frame).await;
            sim.tell(told(n)).await;
        }
        let last = u64::try_from(SURVIVED.len()).unwrap() - 1;
        let heard = read_until(&mut link, |frame| frame[1]["n"] == last).await;
        let told: Vec<&Value> = heard.iter().filter(|frame| frame[0] == "#bad").collect();
        let kinds: Vec<&str> = told
            .iter()
            .map(|frame| frame[1]["kind"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, SURVIVED.map(|(_, kind)| kind), "{engine:?}");
        for (bad, (frame, _)) in told.iter().zip(SURVIVED) {
            assert_eq!(bad[1]["text"], frame);
        }
        assert_eq!(
            told.last().unwrap()[1]["alarm"],
            true,
            "the 21st in a minute"
        );
        let numbers = heard.iter().filter_map(|frame| frame[1]["n"].as_u64());
        assert!(numbers.eq(0..=last));
        assert_eq!(sim.counts().connections, 1);
    }
}

/// The rest of the dossier's list: strange, but good.
#[tokio::test]
async fn strange_frames_are_handed_on_as_they_came() {
    let (sim, mut link) = connected().await;
    let deep = format!("[\"PBX\",{}{}]", "[".repeat(200), "]".repeat(200));
    let strange = [
        deep.as_str(),
        r#"["PBX",1e400]"#,
        r#"["PBX",{"huge":123456789012345678901234567890}]"#,
        r#"["PBX","\ud800"]"#,
        r#"["PBX",{"a":1,"a":2}]"#,
        r#"["PBX","\u0000"]"#,
        r#"["error",{"code":1}]"#,
        r#"["message","x"]"#,
        r#"["open"]"#,
        r#"["close"]"#,
        r#"["PBX",{},"more","arguments"]"#,
    ];
    for args in strange {
        // None of these is an event, and none matters.
        for nothing in ["6", "2", "431[]"] {
            sim.send(nothing).await;
        }
        sim.send(format!("42{args}")).await;
    }
    sim.send(r#"42["last"]"#).await;
    let mut frames: Vec<Bytes> = Vec::new();
    while !frames.iter().any(|frame| &frame[..] == br#"["last"]"#) {
        must("a frame", link.read(&mut frames)).await.unwrap();
    }
    let ours = |frame: &&Bytes| {
        frame.starts_with(b"[\"#")
            || frame.starts_with(b"[\"subscribed")
            || frame.starts_with(b"[\"authenticated")
    };
    let heard: Vec<&str> = frames
        .iter()
        .filter(|frame| !ours(frame))
        .map(|frame| std::str::from_utf8(frame).unwrap())
        .collect();
    assert_eq!(heard, [&strange[..], &[r#"["last"]"#]].concat());
}

#[tokio::test]
async fn attachments_come_back_into_their_event() {
    for engine in BOTH {
        let (sim, mut link) = subscribed(Profile::of(engine)).await;
        let attachment = |bytes: &[u8]| match engine {
            Engine::V4 => bytes.to_vec(),
            Engine::V3 => [&[4], bytes].concat(),
        };
        sim.send(r#"452-["AUDIO",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#)
            .await;
        sim.send_binary(attachment(b"one")).await;
        sim.send("2").await;
        sim.send_binary(attachment(b"t\x1eo")).await;
        let heard = read_until(&mut link, |frame| frame[0] == "AUDIO").await;
        let event = heard.last().unwrap();
        assert_eq!(
            *event,
            json!(["AUDIO", {"base64": "b25l"}, {"base64": "dB5v"}])
        );

        // Announced, and then something else; and one that nobody announced.
        sim.send(r#"451-["AUDIO",{"_placeholder":true,"num":0}]"#)
            .await;
        sim.tell(told(1)).await;
        sim.send_binary(attachment(b"late")).await;
        sim.send(r#"42["last"]"#).await;
        let heard = read_until(&mut link, |frame| frame[0] == "last").await;
        let kinds: Vec<&Value> = heard
            .iter()
            .filter(|frame| frame[0] == "#bad")
            .map(|frame| &frame[1]["kind"])
            .collect();
        assert_eq!(kinds, ["incomplete", "stray_binary"], "{engine:?}");
        assert!(heard.iter().any(|frame| frame[1]["n"] == 1));
        assert_eq!(sim.counts().connections, 1);
    }
}

#[tokio::test]
async fn what_was_announced_before_the_end_is_told_of() {
    let (sim, mut link) = connected().await;
    sim.send(r#"451-["AUDIO",{"_placeholder":true,"num":0}]"#)
        .await;
    sim.pull(telecomx::sim::Lever::Close);
    let (heard, _) = read_to_end(&mut link).await;
    assert_eq!(heard.last().unwrap()[1]["kind"], "incomplete");
}

#[tokio::test]
async fn reading_can_be_cancelled_without_loss() {
    const MANY: u64 = 5_000;
    let (sim, mut link) = connected().await;
    let sending = async {
        for n in 0..MANY {
            sim.tell(told(n)).await;
        }
    };
    let reading = async {
        let mut numbers = Vec::new();
        while numbers.len() < usize::try_from(MANY).unwrap() {
            let mut frames = Vec::new();
            tokio::select! {
                biased;
                read = link.read(&mut frames) => read.unwrap(),
                () = tokio::task::yield_now() => {}
            }
            let read = frames
                .iter()
                .map(|frame| serde_json::from_slice::<Value>(frame).unwrap());
            numbers.extend(read.filter_map(|event| event[1]["n"].as_u64()));
        }
        numbers
    };
    let ((), numbers) = must("all frames", async { tokio::join!(sending, reading) }).await;
    assert!(numbers.into_iter().eq(0..MANY));
}
