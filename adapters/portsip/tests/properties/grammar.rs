//! Messages as a PBX might send them: a few calls among a few extensions, in every order; and messages as none would.

use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value, json};

/// The first second of all streams.
pub(crate) const EPOCH: i64 = 1_725_845_640;

const SESSIONS: [&str; 3] = ["885337248273272832", "885337248273272999", "77"];
const DEVICES: [&str; 6] = [
    "sip:101@10.0.0.1:5060",
    "sip:102@10.0.0.2:5060",
    "sip:102@10.0.0.9:5070",
    "sip:103@10.0.0.3:5060",
    "sip:5000@10.0.0.100:8922",
    "sip:8000@10.0.0.100:8916",
];
const NUMBERS: [&str; 6] = ["101", "102", "103", "5000", "8000", "+442079460018"];

/// Some seconds of traffic.
pub(crate) fn stream() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(message(), 1..30).prop_map(|messages| {
        let stamp = |(n, mut message): (usize, Value)| {
            let time = (EPOCH + n as i64 / 2).to_string();
            for list in ["updated_callers", "updated_agents"] {
                if let Some(item) = message.get_mut(list).and_then(|list| list.get_mut(0)) {
                    item["timestamp"] = json!(time);
                }
            }
            message["time"] = json!(time);
            message["tenant_id"] = json!("7");
            message
        };
        messages.into_iter().enumerate().map(stamp).collect()
    })
}

fn message() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => call(),
        6 => target(),
        4 => extension(),
        2 => queue(),
        1 => record(),
        1 => step(),
        1 => managed(),
    ]
}

fn call() -> impl Strategy<Value = Value> {
    let names = select(vec!["call_start", "call_update_info"]);
    let directions = select(vec!["in", "ext", "outbound", ""]);
    (names, select(&SESSIONS), select(&NUMBERS), select(&NUMBERS), directions).prop_map(
        |(name, session, caller, callee, direction)| {
            json!({"event_type": name, "session_id": session, "caller": caller, "callee": callee, "direction": direction})
        },
    )
}

fn target() -> impl Strategy<Value = Value> {
    let steps = select(vec!["add", "ringing", "answer", "noanswer", "fail", "end"]);
    (steps, select(&SESSIONS), select(&DEVICES)).prop_map(|(step, session, device)| {
        json!({
            "event_type": format!("cdr_target_{step}"), "session_id": session, "destination": device,
            "caller": "101", "direction": "in",
        })
    })
}

fn step() -> impl Strategy<Value = Value> {
    let names = select(vec![
        "call_established",
        "call_ended",
        "call_noanswer",
        "call_fail",
        "call_reroute",
        "call_hold",
        "call_unhold",
        "target_ringing",
    ]);
    (names, select(&SESSIONS), select(&NUMBERS)).prop_map(|(name, session, number)| {
        let uri = format!("sip:{number}@test.io");
        match name {
            "call_hold" | "call_unhold" => json!({"event_type": name, "session_id": session, "aor": uri}),
            _ => json!({"event_type": name, "session_id": session, "call_target": uri, "fail_code": 480}),
        }
    })
}

fn extension() -> impl Strategy<Value = Value> {
    (select(vec!["RINGING", "ON_CALL", ""]), select(&NUMBERS)).prop_map(|(status, number)| {
        json!({
            "event_type": "extension_call", "call_status": status, "extension": format!("sip:{number}@test.io"),
            "extension_id": format!("9{number}"),
        })
    })
}

fn queue() -> impl Strategy<Value = Value> {
    let reasons = select(vec![
        "enqueue",
        "agent_answered",
        "hangup",
        "overflow",
        "callback",
    ]);
    let states = select(vec!["READY", "QUEUE_CALL", "WRAP_UP", "ONLINE"]);
    let agents = select(vec!["101", "102", "103"]);
    prop_oneof![
        (reasons, select(&SESSIONS)).prop_map(|(reason, session)| json!({
            "event_type": "queue_caller_status", "queue_id": "55",
            "updated_callers": [{"reason": reason, "session_id": session, "caller_number": "101", "type": "normal"}],
        })),
        (states, agents, select(&SESSIONS)).prop_map(|(state, agent, session)| json!({
            "event_type": "queue_agent_status", "queue_id": "55",
            "updated_agents": [{"state": state, "session_id": session, "agent_extension_number": agent}],
        })),
        Just(json!({"event_type": "queue_status", "queue_id": "55", "queue_number": "8000", "queue_name": "Support"})),
    ]
}

fn record() -> impl Strategy<Value = Value> {
    (select(&SESSIONS), prop::collection::vec(select(&DEVICES), 0..4)).prop_map(|(session, devices)| {
        let targets: Vec<Value> = devices
            .iter()
            .map(|device| json!({
                "destination": device, "start_time": EPOCH.to_string(), "answered_time": (EPOCH + 2).to_string(),
                "ended_time": (EPOCH + 9).to_string(), "end_reason": "None", "status_code": 0,
            }))
            .collect();
        json!({
            "event_type": "call_cdr", "session_id": session, "caller": "101", "callee": "102", "direction": "in",
            "start_time": EPOCH.to_string(), "ended_time": (EPOCH + 9).to_string(),
            "ended_reason": "caller_disconnect", "call_targets": targets,
        })
    })
}

fn managed() -> impl Strategy<Value = Value> {
    let names = select(vec![
        "extension_created",
        "extension_updated",
        "extension_destroyed",
    ]);
    (names, select(vec!["104", "105"])).prop_map(|(name, number)| {
        json!({"event_type": name, "extension_number": number, "extension_id": format!("9{number}")})
    })
}

/// A known event name over fields of any kind.
pub(crate) fn any_message() -> impl Strategy<Value = Value> {
    let names = select(vec![
        "call_start",
        "call_cdr",
        "cdr_target_answer",
        "target_ended",
        "call_fail",
        "call_hold",
        "extension_status",
        "extension_call",
        "extension_register",
        "extension_agent_status",
        "extension_hold",
        "extension_created",
        "queue_status",
        "queue_caller_status",
        "queue_agent_status",
        "queue_sla_breached",
        "queue_created",
        "trunk_connected",
        "nonsense",
    ]);
    let keys = select(vec![
        "session_id",
        "caller",
        "callee",
        "destination",
        "call_target",
        "time",
        "tenant_id",
        "extension",
        "status",
        "call_status",
        "agents",
        "waiting_list",
        "updated_callers",
        "updated_agents",
        "removed_agents",
        "call_targets",
        "registration_contacts",
        "agent_status",
        "queue_id",
        "queue_number",
        "agent_extension_number",
        "state",
        "reason",
        "position",
        "timestamp",
        "contact_uri",
        "strange",
    ]);
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        select(&DEVICES).prop_map(Value::from),
    ];
    let value = scalar.prop_recursive(3, 24, 4, move |inner| {
        let fields = prop::collection::vec((keys.clone(), inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            fields.prop_map(|fields| Value::Object(
                fields
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect::<Map<_, _>>()
            )),
        ]
    });
    (names, value).prop_map(|(name, value)| {
        let mut fields = match value {
            Value::Object(fields) => fields,
            other => Map::from_iter([("session_id".to_owned(), other)]),
        };
        fields.insert("event_type".into(), name.into());
        Value::Object(fields)
    })
}
