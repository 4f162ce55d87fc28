use serde_json::json;

use super::*;

/// A call from 101 to 102, as a PBX tells it that calls it `id`, `seconds` after the hour.
fn call(id: &str, cause: &str, seconds: u32) -> Vec<Value> {
    let at = |n: u32| format!("2026-01-05T08:00:{:02}Z", seconds + n);
    let event = |kind: &str, n: u32, ended: bool| {
        let mut call = json!({
            "id": id, "direction": "internal", "interaction_id": id, "version": n,
            "caller": {"extension": {"id": format!("{id}-x"), "number": "101"}},
            "callee": {"number": {"raw": "102"}},
            "legs": [{"id": format!("{id}/1"), "device": id, "native": {"session": id}}],
            "started_at": at(0), "native": {"session": id},
        });
        if ended {
            call["ended_at"] = at(9).into();
            call["end"] = json!({"cause": cause});
        }
        json!({
            "specversion": "1.0", "id": format!("{seconds:016}-{n:016}"), "type": kind,
            "subject": format!("calls/{id}"), "time": at(n), "recordedtime": at(n),
            "data": {"call": call, "origin": {"frame": "hq/1/1"}},
        })
    };
    vec![
        event("call.started", 0, false),
        event("call.ringing", 1, false),
        event("call.ended", 9, true),
    ]
}

fn account(events: &[Vec<Value>]) -> Account {
    let mut account = Account::default();
    for event in events.iter().flatten() {
        account.hear(event).unwrap();
    }
    account
}

fn told(before: &Account, after: &Account) -> String {
    let all = diff(before, after);
    all.iter().map(ToString::to_string).collect()
}

#[test]
fn the_same_story_with_other_ids_at_another_time_is_the_same() {
    let monday = account(&[call("hq:1", "normal", 0), call("hq:2", "busy", 5)]);
    let tuesday = account(&[call("hq:78", "normal", 20), call("hq:79", "busy", 31)]);
    assert_eq!(told(&monday, &tuesday), "");
    assert_eq!(told(&monday, &monday), "");
}

#[test]
fn what_differs_is_told_field_by_field() {
    let monday = account(&[call("hq:1", "normal", 0)]);
    let tuesday = account(&[call("hq:78", "busy", 20)]);
    assert_eq!(
        told(&monday, &tuesday),
        "calls/hq:1 (101 → 102)\n  end.cause: \"normal\" → \"busy\"\n"
    );
}

#[test]
fn calls_that_only_one_has_are_told_and_the_earliest_are_the_same() {
    let one = account(&[call("hq:1", "normal", 0)]);
    let two = account(&[call("hq:7", "normal", 20), call("hq:8", "normal", 30)]);
    assert_eq!(
        told(&one, &two),
        "calls/hq:8 (101 → 102)\n  only after\n  + call.started, call.ringing, call.ended\n"
    );
    assert!(told(&two, &one).contains("only before\n  - call.started"));
}

#[test]
fn an_event_that_is_missing_on_the_way_is_told() {
    let whole = call("hq:1", "normal", 0);
    let mut short = whole.clone();
    short.remove(1);
    assert_eq!(
        told(&account(&[whole]), &account(&[short])),
        "calls/hq:1 (101 → 102)\n  - call.ringing\n"
    );
}

/// Two accounts of one recording: another time is another meaning.
#[test]
fn times_count_within_one_recording() {
    let before = call("hq:1", "normal", 0);
    let mut after = before.clone();
    after[2]["data"]["call"]["ended_at"] = "2026-01-05T08:00:08Z".into();
    let told = told(&account(&[before]), &account(&[after]));
    assert!(
        told.contains("ended_at: \"2026-01-05T08:00:09Z\" → \"2026-01-05T08:00:08Z\""),
        "{told}"
    );
}

/// A link between two calls is compared through the calls, whatever they are called.
#[test]
fn links_follow_the_calls() {
    let joined = |first: &str, second: &str, to: &str| {
        let mut events = [call(first, "normal", 0), call(second, "normal", 9)];
        for event in &mut events[1] {
            event["data"]["call"]["callee"]["number"]["raw"] = "103".into();
            event["data"]["call"]["interaction_id"] = to.into();
        }
        account(&events)
    };
    let before = joined("hq:1", "hq:2", "hq:1");
    assert_eq!(told(&before, &joined("hq:7", "hq:8", "hq:7")), "");
    assert!(told(&before, &joined("hq:7", "hq:8", "hq:8")).contains("interaction_id"));
}
