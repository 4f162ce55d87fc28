//! Mistakes, and what is said about them.

use serde_json::{Value, json};

use super::*;

#[test]
fn the_sample_is_right() {
    let text = include_str!("../../sample.toml").replace(r#"{ env = "TELECOMX_TOKEN" }"#, r#""t""#);
    let document: toml_edit::DocumentMut = text.parse().unwrap();
    let source = document["sources"]["cph"].as_table().unwrap().clone();
    let mut source: toml_edit::DocumentMut = source.into();
    // Common to every source: the server's part.
    source.remove("adapter");
    let config: Config = toml_edit::de::from_document(source).unwrap();
    assert_eq!(config.check(), []);
    assert_eq!(config.known_channels(), Config::CHANNELS);
    assert_eq!(config.engine_io, None);
}

#[test]
fn little_is_enough() {
    let config = read(json!({"url": "https://api.telecomx.dk", "token": "t", "customer": "c1"}));
    assert_eq!(config.check(), []);
    assert_eq!(config.known_channels(), Config::CHANNELS);
    assert!(config.snapshot && config.include_native);
    assert_eq!(
        config.credentials(),
        Some(Credentials::Token(&Secret::new("t")))
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let config = read(json!({
        "url": "http://api.telecomx.dk/v1", "username": "u", "channels": ["PBX", "MOON"], "types": ["MOON"],
        "region": "Atlantis",
    }));
    assert_eq!(
        wrong(&config),
        [
            "url", "url", "password", "channels", "customer", "types", "types", "region"
        ]
    );
}

#[test]
fn one_way_in_and_not_two() {
    for (login, expected) in [
        (json!({}), vec!["token"]),
        (json!({"token": "t"}), vec![]),
        (json!({"token": ""}), vec!["token"]),
        (json!({"username": "u", "password": "p"}), vec![]),
        (json!({"username": "u"}), vec!["password"]),
        (json!({"password": "p"}), vec!["username"]),
        (
            json!({"token": "t", "username": "u", "password": "p"}),
            vec!["username"],
        ),
        (json!({"token": "t", "password": "p"}), vec!["password"]),
    ] {
        let mut source = json!({"url": "https://api.telecomx.dk", "customer": "c1"});
        for (key, value) in login.as_object().unwrap() {
            source[key] = value.clone();
        }
        assert_eq!(wrong(&read(source)), expected, "{login}");
    }
}

#[test]
fn who_hears_all_customers_names_none() {
    let config = read(json!({
        "url": "https://api.telecomx.dk", "token": "t", "channels": ["ADMIN", "ADMIN:PBX"], "types": ["PBX"],
    }));
    assert_eq!(wrong(&config), [""; 0]);
}

#[test]
fn a_secret_is_not_shown() {
    let config = read(json!({
        "url": "https://api.telecomx.dk", "token": "hunter2", "password": "hunter2", "customer": "c1",
    }));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn an_unknown_engine_is_refused() {
    let source = json!({"url": "https://x", "token": "t", "engine_io": "5"});
    let error = serde_json::from_value::<Config>(source).unwrap_err();
    assert!(error.to_string().contains("`5`"), "{error}");
}

fn read(source: Value) -> Config {
    serde_json::from_value(source).unwrap()
}

fn wrong(config: &Config) -> Vec<&'static str> {
    config
        .check()
        .into_iter()
        .map(|problem| problem.key)
        .collect()
}
