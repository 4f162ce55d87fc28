use expect_test::expect;
use serde_json::json;

use super::*;

fn style(colour: bool) -> Style {
    Style {
        zone: TimeZone::UTC,
        colour,
    }
}

fn event(kind: &str, data: impl Into<Value>) -> Value {
    json!({
        "type": kind,
        "source": "/sources/hq",
        "subject": format!("{}s/hq:1", kind.split('.').next().unwrap()),
        "time": "2026-11-20T09:41:07.412Z",
        "data": data.into(),
    })
}

fn call() -> Value {
    json!({
        "state": "ringing",
        "caller": {"number": {"raw": "02079460018", "e164": "+442079460018"}, "name": "Bell"},
        "callee": {"number": {"raw": "101"}, "extension": {"number": "101"}, "name": "Anna"},
        "end": {"cause": "normal", "outcome": "answered"},
        "durations": {"talk_ms": 125_000},
        "answered_by": {"extension": {"number": "102"}},
    })
}

fn queue() -> Value {
    json!({"id": "hq:8001", "number": "8001", "name": "Sales"})
}

#[test]
fn every_kind_of_event_has_its_words() {
    let mut held_up = call();
    held_up["state"] = json!("queued");
    held_up["queue"] = queue();
    let events = [
        event(
            "call.started",
            json!({"call": call(), "origin": {"kind": "native"}}),
        ),
        event(
            "call.ringing",
            json!({"call": held_up, "origin": {"kind": "inferred"}}),
        ),
        event("call.answered", json!({"call": call()})),
        event(
            "call.updated",
            json!({"call": call(), "change": {"fields": ["did", "trunk"]}}),
        ),
        event(
            "call.transferred",
            json!({"call": call(), "transfer": {"kind": "blind", "from": {"extension": {"number": "101"}}, "to": {"extension": {"number": "105"}}}}),
        ),
        event(
            "call.missed",
            json!({"call": call(), "missed": {"extensions": [{"number": "101"}, {"number": "102"}], "queue": queue()}}),
        ),
        event("call.ended", json!({"call": call()})),
        event(
            "leg.ended",
            json!({"call": call(), "leg": {"state": "ended", "party": {"extension": {"number": "101"}}, "end": {"cause": "no_answer"}}}),
        ),
        event(
            "extension.call_state_changed",
            json!({"extension": {"number": "101", "name": "Anna", "call_state": "busy"}}),
        ),
        event(
            "extension.registration_changed",
            json!({"extension": {"number": "101", "online": false}}),
        ),
        event(
            "extension.dnd_changed",
            json!({"extension": {"number": "101", "dnd": true}}),
        ),
        event(
            "agent.state_changed",
            json!({"agent": {"extension": {"number": "101"}, "queue": queue(), "state": "not_ready", "reason": "lunch"}}),
        ),
        event(
            "queue.caller_left",
            json!({"queue": queue(), "caller": {"party": {"private": true}, "position": 2}, "reason": "abandoned"}),
        ),
        event(
            "queue.updated",
            json!({"queue": {"number": "8001", "waiting": 3, "agents_ready": 0}}),
        ),
        event(
            "device.registered",
            json!({"device": {"kind": "phone", "extension": {"number": "101"}, "address": "192.0.2.7"}}),
        ),
        event("cdr.created", json!({"cdr": call()})),
        event(
            "voicemail.received",
            json!({"voicemail": {"box": "101", "caller": {"name": "Bell"}, "duration_ms": 31_000}}),
        ),
        event(
            "source.connected",
            json!({"source": {"id": "hq", "dialect": "v22.3"}}),
        ),
        event(
            "source.gap",
            json!({"gap": {"from": "2026-11-20T09:40:00Z", "to": "2026-11-20T09:41:07Z", "reason": "connection lost", "unknown": ["calls"]}}),
        ),
        event(
            "source.unrecognized",
            json!({"origin": {"kind": "native", "event": "novel"}}),
        ),
        event(
            "alert.raised",
            json!({"alert": {"kind": "fraud", "text": "too many calls"}}),
        ),
        event("something.new", json!({})),
    ];
    let lines: Vec<String> = events
        .iter()
        .map(|event| style(false).line(event))
        .collect();
    expect![[r#"
        09:41:07.412 hq       call.started                   +442079460018 Bell → 101 Anna  ringing
        09:41:07.412 hq       call.ringing                   +442079460018 Bell → 101 Anna  queued  in queue 8001 Sales  [inferred]
        09:41:07.412 hq       call.answered                  +442079460018 Bell → 101 Anna  ringing  by 102
        09:41:07.412 hq       call.updated                   +442079460018 Bell → 101 Anna  ringing  (did, trunk)
        09:41:07.412 hq       call.transferred               +442079460018 Bell → 101 Anna  blind: from 101 to 105
        09:41:07.412 hq       call.missed                    +442079460018 Bell → 101 Anna  by 101, 102  in queue 8001 Sales
        09:41:07.412 hq       call.ended                     +442079460018 Bell → 101 Anna  answered  talked 2m05s
        09:41:07.412 hq       leg.ended                      101: ended (no_answer)  in +442079460018 Bell → 101 Anna
        09:41:07.412 hq       extension.call_state_changed   101 Anna  busy
        09:41:07.412 hq       extension.registration_changed 101  offline
        09:41:07.412 hq       extension.dnd_changed          101  do not disturb
        09:41:07.412 hq       agent.state_changed            101 in 8001 Sales: not_ready  (lunch)
        09:41:07.412 hq       queue.caller_left              private in 8001 Sales  place 2  abandoned
        09:41:07.412 hq       queue.updated                  8001  3 waiting  0 agents ready
        09:41:07.412 hq       device.registered              phone  of 101  at 192.0.2.7
        09:41:07.412 hq       cdr.created                    +442079460018 Bell → 101 Anna  answered  talked 2m05s
        09:41:07.412 hq       voicemail.received             box 101  from Bell  31s
        09:41:07.412 hq       source.connected               v22.3
        09:41:07.412 hq       source.gap                     NOT HEARD from 2026-11-20T09:40:00Z to 2026-11-20T09:41:07Z  connection lost  unknown: calls
        09:41:07.412 hq       source.unrecognized            novel
        09:41:07.412 hq       alert.raised                   fraud  too many calls
        09:41:07.412 hq       something.new                  somethings/hq:1"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn colours_are_for_terminals_and_gaps_are_loud() {
    let gap = event(
        "source.gap",
        json!({"gap": {"from": "a", "to": "b", "reason": "c"}}),
    );
    assert!(style(true).line(&gap).contains("\x1b[1;7;31msource.gap"));
    assert!(!style(false).line(&gap).contains('\x1b'));
}

#[test]
fn times_are_local() {
    let style = Style {
        zone: TimeZone::fixed(jiff::tz::offset(9)),
        colour: false,
    };
    assert!(
        style
            .line(&event("call.started", json!({})))
            .starts_with("18:41:07.412")
    );
}

#[test]
fn nothing_from_outside_reaches_the_terminal_raw() {
    let mut event = event(
        "call.started",
        json!({"call": {"caller": {"name": "\x1b]0;owned\x07"}}}),
    );
    event["source"] = json!("/sources/\x1b[31m");
    event["type"] = json!("call.\x1b[2J");
    event["time"] = json!("\x1b[2J");
    assert!(!style(false).line(&event).contains('\x1b'));
}
