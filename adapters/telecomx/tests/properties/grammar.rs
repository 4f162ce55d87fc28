//! Events as a PBX might send them: a few calls among a few extensions, in every order; and events as none would.

use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value, json};

const SESSIONS: [&str; 3] = ["S1", "S2", "S9"];
const CHANNELS: [&str; 6] = ["573.1", "573.2", "573.3", "573.4", "573.5", "573.6"];
const NUMBERS: [&str; 5] = ["201", "202", "203", "+4520304050", "+4570305050"];
const EXTENSIONS: [Option<&str>; 4] = [None, Some("eA"), Some("eB"), Some("eC")];
const STEPS: [&str; 7] = [
    "CALL_START",
    "CALL_RING",
    "CALL_ANSWER",
    "CALL_UPDATE",
    "CALL_HOLD",
    "CALL_UNHOLD",
    "CALL_END",
];

/// Some seconds of traffic. Every event of a PBX has an id of its own.
pub(crate) fn stream() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(message(), 1..40).prop_map(|messages| {
        let stamp = |(n, mut message): (usize, Value)| {
            if message[0] == "PBX" {
                message[1]["eventId"] = json!(format!("id-{n}"));
                message[1]["pbxServer"] = json!("pbx1");
            }
            message
        };
        messages.into_iter().enumerate().map(stamp).collect()
    })
}

fn message() -> impl Strategy<Value = Value> {
    prop_oneof![8 => leg(), 2 => queue(), 1 => member(), 2 => trunk(), 1 => other()]
}

fn leg() -> impl Strategy<Value = Value> {
    let parties = (select(&NUMBERS), select(&NUMBERS), select(&EXTENSIONS));
    let words = (
        select(vec!["I", "O"]),
        select(vec!["I", "O"]),
        select(vec!["EXTERNAL", "SIPPHONE", "SYSTEM"]),
    );
    (select(&STEPS), select(&SESSIONS), select(&CHANNELS), parties, words).prop_map(
        |(event, session, channel, (caller, callee, extension), (direction, leg, originator))| {
            json!(["PBX", {
                "event": event, "sessionId": session, "channel": channel, "caller": caller, "callee": callee,
                "extension": extension, "extensionState": "BUSY", "direction": direction, "leg": leg,
                "originator": originator, "callId": format!("X{session}"),
            }])
        },
    )
}

fn queue() -> impl Strategy<Value = Value> {
    let states = select(vec!["QUEUED", "ANSWERED", "CANCELLED", "TIMED_OUT"]);
    (states, select(&SESSIONS), select(&CHANNELS)).prop_map(|(state, session, channel)| {
        let event = if state == "QUEUED" {
            "QUEUE_ENTERED"
        } else {
            "QUEUE_LEFT"
        };
        json!(["PBX", {
            "event": event, "queue": "q1", "_id": format!("{channel}-pbx1"), "state": state,
            "number": "+4520304050", "position": 1, "sessionId": session,
        }])
    })
}

fn member() -> impl Strategy<Value = Value> {
    let events = select(vec!["JOIN", "LEFT", "UPDATE"]);
    (events, select(vec!["eA", "eB"])).prop_map(|(event, extension)| {
        json!(["PBX", {
            "event": format!("QUEUE_MEMBER_{event}"), "_id": "q1", "data": {"_id": "m", "extension": extension},
        }])
    })
}

fn trunk() -> impl Strategy<Value = Value> {
    let events = select(vec!["START", "ANSWER", "PREEND", "END"]);
    (events, select(&SESSIONS), any::<bool>()).prop_map(|(event, session, same)| {
        let id = if same { format!("X{session}") } else { format!("T{session}") };
        json!(["CALL", {"event": event, "data": {
            "callid": id, "direction": "I", "from": "+4520304050", "to": "+4570305050", "reason": "BYE",
            "endedBy": "A",
        }}])
    })
}

fn other() -> impl Strategy<Value = Value> {
    select(vec![
        json!(["CONFIG", {"event": "PBX_EXTENSION_DELETED", "id": "eA"}]),
        json!(["CONFIG", {"event": "PBX_QUEUE_DELETED", "id": "q1"}]),
        json!(["REGISTER", {"event": "REGISTER", "data": {"sipphone": "d1", "ip": "1.2.3.4", "expires": 1}}]),
    ])
}

/// One conversation with two phones, as it went, and with the events of its legs mingled: each leg's in their order.
pub(crate) fn conversation() -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    let picks = prop::collection::vec(any::<prop::sample::Index>(), 11);
    (picks, any::<bool>()).prop_map(|(picks, answered)| {
        let leg = |event: &str, channel: &str, side: &str, extension: Option<&str>| {
            json!(["PBX", {
                "event": event, "eventId": format!("{event}{channel}"), "pbxServer": "pbx1", "sessionId": "S1",
                "channel": channel, "caller": "+4520304050", "callee": "201", "direction": "I", "leg": side,
                "originator": "EXTERNAL", "extension": extension, "callId": "X1",
            }])
        };
        let of = |events: &[&str], channel: &str, side: &str, extension: Option<&str>| -> Vec<Value> {
            let told = events.iter().map(|event| leg(event, channel, side, extension));
            told.collect()
        };
        let (talk, ring) = (
            ["CALL_START", "CALL_RING", "CALL_ANSWER", "CALL_END"],
            ["CALL_START", "CALL_RING", "CALL_END"],
        );
        let caller: &[&str] = if answered {
            &["CALL_START", "CALL_ANSWER", "CALL_END"]
        } else {
            &["CALL_START", "CALL_END"]
        };
        let first: &[&str] = if answered { &talk } else { &ring };
        let mut legs = [
            of(caller, "573.1", "I", None),
            of(first, "573.2", "O", Some("eA")),
            of(&ring, "573.3", "O", Some("eA")),
        ];
        let straight: Vec<Value> = legs.iter().flatten().cloned().collect();
        let mut mingled = Vec::new();
        for pick in picks {
            let open: Vec<usize> = (0..legs.len()).filter(|n| !legs[*n].is_empty()).collect();
            if open.is_empty() {
                break;
            }
            mingled.push(legs[open[pick.index(open.len())]].remove(0));
        }
        mingled.extend(legs.into_iter().flatten());
        (straight, mingled)
    })
}

/// A known name over fields of any kind.
pub(crate) fn any_message() -> impl Strategy<Value = Value> {
    let channels = select(vec![
        "PBX",
        "CALL",
        "CONFIG",
        "REGISTER",
        "REDIS",
        "REALTIME",
        "REQUEST",
        "REPLY",
        "ADMIN",
        "#rest",
        "#subscribed",
        "#ack",
        "#session",
        "#bad",
    ]);
    let names = select(vec![
        "CALL_START",
        "CALL_END",
        "QUEUE_ENTERED",
        "QUEUE_LEFT",
        "QUEUE_MEMBER_JOIN",
        "QUEUE_UPDATED",
        "EMPLOYEE_PRESENCE_CHANGED",
        "CONFERENCE_ENTERED",
        "CALL_VARIABLE",
        "VARIABLE",
        "RECORDING_START",
        "RECORDING_UPDATE",
        "VOICEMAIL_NEW",
        "VOICEMAIL_DELETED",
        "AUDIO_RECORD",
        "PERSONAL_QUEUE_JOIN",
        "START",
        "END",
        "FRAUD",
        "REGISTER",
        "ERROR",
        "SERVER_DOWN",
        "PBX_EXTENSION_UPDATED",
        "PBX_EXTENSION_DND_UPDATED",
        "SBC_PEER_HOST_DOWN",
        "NUMBER_UPDATED",
        "nonsense",
    ]);
    let keys = select(vec![
        "event",
        "type",
        "eventType",
        "customer",
        "employee",
        "_id",
        "id",
        "data",
        "pbxServer",
        "eventId",
        "sessionId",
        "channel",
        "channelId",
        "callId",
        "callid",
        "caller",
        "callee",
        "direction",
        "leg",
        "extension",
        "extensionState",
        "queue",
        "queueId",
        "state",
        "number",
        "name",
        "position",
        "entered",
        "reason",
        "endedBy",
        "from",
        "to",
        "request",
        "requestId",
        "replyTo",
        "value",
        "variableType",
        "channels",
        "recordingId",
        "voicemailId",
        "duration",
        "path",
        "status",
        "body",
        "args",
        "ok",
        "level",
        "sipphone",
        "ip",
        "expires",
        "host",
        "dnd",
        "muted",
        "strange",
    ]);
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        select(vec![
            "S1",
            "573.1",
            "eA",
            "I",
            "O",
            "201",
            "573.1-pbx1",
            "486",
            "/pbx/app/queues?all=true"
        ])
        .prop_map(Value::from),
    ];
    let value = scalar.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    });
    let fields = prop::collection::vec((keys, value), 0..12);
    (channels, names, fields).prop_map(|(channel, name, fields)| {
        let mut body = Map::new();
        body.insert("event".to_owned(), json!(name));
        for (key, value) in fields {
            body.insert(key.to_owned(), value);
        }
        json!([channel, body])
    })
}
