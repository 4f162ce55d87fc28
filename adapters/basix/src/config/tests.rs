//! Mistakes, and what is said about them.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_whole_source_is_read() {
    let config = read(&json!({
        "url": "wss://bcs.brastel.com/basix/api/ws_cti", "domain": "test1.com", "token": "s3cret", "region": "JP",
    }));
    assert_eq!(config.check(), []);
    assert_eq!(config.app_name, "switchhook");
    assert!(config.full_events && config.include_native && !config.force);
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn all_mistakes_are_told_at_once() {
    let wrong = [
        (json!({"url": "https://pbx/ws_cti"}), vec!["url"]),
        (json!({"url": "pbx"}), vec!["url"]),
        (json!({"url": "wss://"}), vec!["url"]),
        (json!({"url": "wss://d:t@pbx/"}), vec!["url"]),
        (json!({"url": "wss://pbx/?app_name=x"}), vec!["url"]),
        (
            json!({"url": "ws://pbx/", "ca_file": "a.pem", "region": "Atlantis"}),
            vec!["url", "ca_file", "region"],
        ),
        (json!({"domain": ""}), vec!["domain"]),
        (json!({"domain": null}), vec!["domain"]),
        (json!({"domain": "a:b"}), vec!["domain"]),
        (json!({"token": "a\nb"}), vec!["token"]),
        (json!({"token": null}), vec!["token"]),
        (json!({"cookie": "id=1"}), vec!["cookie"]),
        (json!({"app_name": " "}), vec!["app_name"]),
        (json!({"user": "1000"}), vec!["user"]),
        (json!({"full_events": false}), vec!["user"]),
        (json!({"ticket": true}), vec!["ticket"]),
        (
            json!({"ticket": true, "full_events": false, "user": "1000", "token": null, "cookie": "id=1"}),
            vec!["ticket"],
        ),
    ];
    for (keys, expected) in wrong {
        let found: Vec<_> = read(&keys).check().into_iter().map(|p| p.key).collect();
        assert_eq!(found, expected, "{keys}");
    }
}

#[test]
fn each_way_in_is_one() {
    for keys in [
        json!({}),
        json!({"url": "ws://127.0.0.1:9000/basix/api/ws_cti"}),
        json!({"ticket": true, "full_events": false, "user": "1000"}),
        json!({"token": null, "cookie": "session=1", "full_events": false}),
        json!({"full_events": false, "user": "a@b.c", "user_by": "email"}),
    ] {
        assert_eq!(read(&keys).check(), [], "{keys}");
    }
}

#[test]
fn users_are_named_in_six_ways() {
    for word in ["id", "name", "label", "extension", "did", "email"] {
        let by = UserBy::parse(word).unwrap();
        assert_eq!(by.parameter(), format!("user_{word}"));
    }
    assert_eq!(UserBy::parse("shoe_size"), None);
}

#[test]
fn unknown_keys_are_mistakes() {
    let read: Result<Config, _> = serde_json::from_value(json!({"url": "wss://pbx", "tokn": "x"}));
    assert!(read.unwrap_err().to_string().contains("tokn"));
}

/// A good source, with some keys otherwise.
fn read(keys: &Value) -> Config {
    let mut source = json!({
        "url": "wss://pbx.example.com/basix/api/ws_cti", "domain": "test1.com", "token": "t",
    });
    for (key, value) in keys.as_object().unwrap() {
        source[key] = value.clone();
    }
    serde_json::from_value(source).unwrap()
}
