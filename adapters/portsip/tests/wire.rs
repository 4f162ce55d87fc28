//! Frames and requests against the documented ones.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{fs, path::Path};

use portsip::{
    Config, capabilities,
    wire::{
        self, Body, Dialect, Frame, Topic,
        request::{self, Lists},
    },
};
use serde_json::{Value, json};

/// Every documented event is known, and so is each of its keys.
#[test]
fn documented_samples_are_understood_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut events = 0;
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let Ok(Frame::Event(event)) = wire::decode(&bytes) else {
            continue;
        };
        events += 1;
        assert!(
            event.unclaimed.is_empty(),
            "{}: {:?}",
            path.display(),
            event.unclaimed
        );
        assert_ne!(event.body, Body::Unknown, "{}", path.display());
    }
    assert!(events >= 45, "only {events} samples");
}

#[test]
fn replies_are_told_from_events() {
    let status = |text: &str| match wire::decode(text.as_bytes()) {
        Ok(Frame::Reply(reply)) => {
            Some((reply.status, reply.error.map(|error| error.into_owned())))
        }
        _ => None,
    };
    assert_eq!(status(r#"{"status":0}"#), Some((0, None)));
    assert_eq!(
        status(r#"{"command":"auth","id":1,"status":"0"}"#),
        Some((0, None))
    );
    let error = Some("name or password error".to_owned());
    assert_eq!(
        status(r#"{"error":"name or password error","status":-1}"#),
        Some((-1, error))
    );
    // `status` of an event is a list.
    assert_eq!(
        status(r#"{"event_type":"extension_status","status":[]}"#),
        None
    );
    assert_eq!(status(r#"{"status":[]}"#), None);
}

#[test]
fn ids_keep_every_digit() {
    let text = r#"{"event_type":"call_start","session_id":885337248273272833,"tenant_id":9007199254740993}"#;
    let Ok(Frame::Event(event)) = wire::decode(text.as_bytes()) else {
        panic!("no event");
    };
    let Body::CallStart(info) = &event.body else {
        panic!("no start");
    };
    assert_eq!(info.session_id.as_deref(), Some("885337248273272833"));
    assert_eq!(event.tenant_id.as_deref(), Some("9007199254740993"));
}

#[test]
fn depth_and_breadth_are_bounded() {
    let deep = format!(
        r#"{{"event_type":"x","a":{}1{}}}"#,
        "[".repeat(500),
        "]".repeat(500)
    );
    assert!(wire::decode(deep.as_bytes()).is_err());
    let broad = format!(r#"{{"event_type":"x","a":[{}1]}}"#, "1,".repeat(600_000));
    assert!(wire::decode(broad.as_bytes()).is_err());
}

#[test]
fn logins_take_the_documented_forms() {
    let login = |dialect, login: Value| {
        let mut source = json!({"url": "wss://pbx", "password": "pw"});
        for (key, value) in login.as_object().unwrap() {
            source[key] = value.clone();
        }
        body(&request::auth(&config(source), dialect))
    };
    let extension = json!({"extension_number": "101", "domain": "test.io"});
    let user = json!({"username": "admin", "domain": "test.io"});
    let alone = json!({"username": "admin"});
    for (dialect, who, expected) in [
        (
            Dialect::V12,
            &extension,
            json!({"command":"auth","extension":"101","domain":"test.io","password":"pw"}),
        ),
        (
            Dialect::V12,
            &alone,
            json!({"command":"auth","name":"admin","password":"pw"}),
        ),
        (
            Dialect::V16,
            &user,
            json!({"command":"auth","username":"admin","domain":"test.io","password":"pw"}),
        ),
        (
            Dialect::V22,
            &extension,
            json!({"command":"auth","extension_number":"101","domain":"test.io","password":"pw"}),
        ),
        (
            Dialect::V22_3,
            &alone,
            json!({"command":"auth","username":"admin","password":"pw"}),
        ),
    ] {
        assert_eq!(login(dialect, who.clone()), expected, "{dialect:?}");
    }
}

#[test]
fn subscriptions_take_the_documented_forms() {
    let lists = Lists {
        extensions: vec!["102".into(), "103".into()],
        queues: vec!["8001".into(), "8002".into()],
        tenants: vec!["325435".into(), "534888".into()],
    };
    let subscribe = |topic, dialect| body(&request::subscribe(topic, dialect, &lists));
    assert_eq!(
        subscribe(Topic::Extensions, Dialect::V22),
        json!({"command":"subscribe","topics":["extension_events"],"extensions":["102","103"]})
    );
    assert_eq!(
        subscribe(Topic::GlobalQueues, Dialect::V22_3),
        json!({"command":"subscribe","topics":["global_queue_events"],"tenants":["325435","534888"]})
    );
    assert_eq!(
        subscribe(Topic::Trunks, Dialect::V12),
        json!({"command":"subscribe","topics":[{"topic":"trunk_events","keys":["trunk_connected","trunk_disconnected"]}]})
    );
    assert_eq!(
        subscribe(Topic::Extensions, Dialect::V12)["topics"][0]["keys"]
            .as_array()
            .unwrap()
            .len(),
        14
    );
    assert_eq!(
        body(&request::unsubscribe(Topic::Cdrs, Dialect::V16, &lists)),
        json!({"command":"unsubscribe","topics":["cdr_events"]})
    );
}

/// One topic in each command, only those that the dialect has, calls before what speaks of them.
#[test]
fn a_source_subscribes_topic_by_topic() {
    let source = config(json!({
        "url": "wss://pbx", "password": "pw", "username": "u", "domain": "d",
        "topics": ["extension_events", "queue_events", "cdr_events", "trunk_events", "cdr_events"],
        "extensions": ["101"], "queues": ["8000"],
    }));
    let topics = |dialect| -> Vec<&str> {
        request::subscriptions(&source, dialect)
            .iter()
            .map(|(topic, _)| topic.as_str())
            .collect()
    };
    assert_eq!(
        topics(Dialect::V22),
        ["cdr_events", "extension_events", "queue_events"]
    );
    assert_eq!(
        topics(Dialect::V12),
        [
            "cdr_events",
            "trunk_events",
            "extension_events",
            "queue_events"
        ]
    );
}

#[test]
fn capabilities_follow_dialect_and_topics() {
    use adapter::Support::{Inferred, Native, Never};
    use model::EventType as E;
    let source = |topics: Value| {
        config(json!({
            "url": "wss://pbx", "password": "pw", "username": "u", "domain": "d", "topics": topics,
            "extensions": ["101"], "queues": ["8000"],
        }))
    };
    let all = source(json!(["extension_events", "queue_events", "cdr_events"]));
    for (dialect, kind, support) in [
        (Dialect::V12, E::CallHeld, Native),
        (Dialect::V16_2, E::CallHeld, Never),
        (Dialect::V22, E::CallHeld, Never),
        (Dialect::V16_2, E::CallAnswered, Inferred),
        (Dialect::V22, E::CallAnswered, Native),
        (Dialect::V12, E::DeviceRegistered, Native),
        (Dialect::V22, E::DeviceRegistered, Never),
        (Dialect::V12, E::QueueCallerJoined, Never),
        (Dialect::V22, E::QueueCallerJoined, Native),
        (Dialect::V22, E::CdrCreated, Native),
        (Dialect::V22, E::RecordingStarted, Never),
    ] {
        assert_eq!(
            capabilities(&all, Some(dialect)).of(kind),
            support,
            "{dialect:?} {kind}"
        );
    }
    let queues = source(json!(["queue_events"]));
    assert_eq!(
        capabilities(&queues, Some(Dialect::V22)).of(E::CallStarted),
        Never
    );
}

/// Every sample of the config that is shown is one.
#[test]
fn the_sample_is_a_config_without_mistakes() {
    let sample = include_str!("../sample.toml");
    let document: toml_edit::DocumentMut = sample.parse().unwrap();
    let source = document["sources"]["hq"].as_table().unwrap().clone();
    let mut source: toml_edit::DocumentMut = source.into();
    // Common to every source, and a secret resolved: the server's part.
    source.remove("adapter");
    source["password"] = toml_edit::value("secret");
    let config: Config = toml_edit::de::from_document(source).unwrap();
    assert_eq!(config.check(), []);
}

fn config(source: Value) -> Config {
    serde_json::from_value(source).unwrap()
}

fn body(request: &[u8]) -> Value {
    serde_json::from_slice(request).unwrap()
}
