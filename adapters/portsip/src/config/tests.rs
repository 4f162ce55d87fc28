//! Mistakes, and what is said about them.

use super::*;

#[test]
fn a_whole_source_is_read() {
    let config = read(serde_json::json!({
        "url": "wss://pbx.example.com:8887/wsi", "dialect": "v22", "username": "supervisor", "domain": "test.io",
        "password": "s3cret", "topics": ["extension_events", "cdr_events"], "extensions": ["101"], "region": "GB",
    }));
    assert_eq!(config.check(), []);
    assert_eq!(config.dialect, Some(Dialect::V22));
    assert_eq!(config.known_topics(), [Topic::Cdrs, Topic::Extensions]);
    assert!(config.include_native);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let config = read(serde_json::json!({
        "url": "ws://pbx.example.com:8885", "dialect": "v16", "extension_number": "101", "password": "",
        "topics": ["extension_events", "trunk_events", "call_events"], "tenants": ["1"], "region": "Atlantis",
    }));
    let keys: Vec<_> = config.check().into_iter().map(|p| p.key).collect();
    assert_eq!(
        keys,
        [
            "url",
            "password",
            "domain",
            "topics",
            "topics",
            "extensions",
            "tenants",
            "region"
        ]
    );
}

#[test]
fn who_may_log_in_depends_on_the_dialect() {
    let wrong = |dialect: &str, login: serde_json::Value| {
        let mut source = serde_json::json!({
            "url": "wss://pbx", "dialect": dialect, "password": "x", "topics": ["cdr_events"],
        });
        for (key, value) in login.as_object().unwrap() {
            source[key] = value.clone();
        }
        read(source)
            .check()
            .into_iter()
            .map(|p| p.key)
            .collect::<Vec<_>>()
    };
    let user = serde_json::json!({"username": "u", "domain": "d"});
    let extension = serde_json::json!({"extension_number": "101", "domain": "d"});
    let alone = serde_json::json!({"username": "u"});
    for (dialect, expected) in [
        ("v12", [vec!["username"], vec![], vec![]]),
        ("v16", [vec![], vec!["extension_number"], vec!["domain"]]),
        ("v16.2", [vec![], vec![], vec!["domain"]]),
        ("v22", [vec![], vec![], vec![]]),
        ("v22.3", [vec![], vec![], vec![]]),
        ("auto", [vec![], vec![], vec![]]),
    ] {
        for (login, keys) in [&user, &extension, &alone].into_iter().zip(expected) {
            assert_eq!(wrong(dialect, login.clone()), keys, "{dialect} {login}");
        }
    }
}

#[test]
fn plaintext_is_for_loopback() {
    for (url, fine) in [
        ("ws://127.0.0.1:9/wsi", true),
        ("ws://[::1]:9/wsi", true),
        ("ws://localhost/wsi", true),
        ("ws://127.0.0.1.example.com/wsi", false),
        ("wss://pbx", true),
        ("https://pbx", false),
        ("pbx:8887", false),
        ("wss://", false),
        ("wss://user:secret@pbx", false),
    ] {
        let config = read(serde_json::json!({
            "url": url, "username": "u", "password": "x", "topics": ["cdr_events"],
        }));
        assert_eq!(config.check().is_empty(), fine, "{url}");
    }
}

#[test]
fn the_password_is_never_shown() {
    let config = read(serde_json::json!({"url": "wss://pbx", "password": "s3cret"}));
    assert!(!format!("{config:?} {:?}", config.check()).contains("s3cret"));
    assert_eq!(config.password.expose(), "s3cret");
}

#[test]
fn unknown_keys_and_dialects_are_errors() {
    for source in [
        serde_json::json!({"url": "wss://pbx", "password": "x", "toppics": []}),
        serde_json::json!({"url": "wss://pbx", "password": "x", "dialect": "v17"}),
    ] {
        assert!(serde_json::from_value::<Config>(source).is_err());
    }
}

fn read(source: serde_json::Value) -> Config {
    serde_json::from_value(source).unwrap()
}
