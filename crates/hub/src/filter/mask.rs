//! Masking: what is taken out of an event for readers that may not see all of it. The envelope stays byte for byte.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

/// A private party becomes `{"private":true}`, and what could tell about it in other words goes.
pub(super) fn without_private_parties(json: &[u8]) -> Vec<u8> {
    with_data(json, |data| {
        mask_object(data);
    })
}

/// Of a source only what tells how complete the stream is.
pub(super) fn without_details(json: &[u8]) -> Vec<u8> {
    with_data(json, |data| {
        data.retain(|name, _| matches!(name.as_str(), "source" | "gap" | "origin"));
        keep(data, "source", &["id", "adapter", "state", "since"]);
        keep(data, "gap", &["from", "to", "reconciled", "unknown"]);
        keep(data, "origin", &["kind"]);
        if let Some(Value::Object(gap)) = data.get_mut("gap") {
            gap.insert("reason".into(), "withheld".into());
        }
    })
}

/// The raw body in whatever form it is there.
pub(super) fn without_payload(json: &[u8]) -> Vec<u8> {
    with_data(json, |data| {
        if let Some(Value::Object(origin)) = data.get_mut("origin") {
            origin.retain(|name, _| !name.starts_with("payload"));
        }
    })
}

/// The same for an entity on its own, of which some party is private.
pub fn mask_entity(entity: &mut Map<String, Value>) {
    mask_object(entity);
}

const DROPPED: [&str; 8] = [
    "native",
    "uri",
    "variable",
    "message",
    "request",
    "reply",
    "payload",
    "payload_base64",
];

fn mask_value(value: &mut Value) {
    match value {
        Value::Object(object) => mask_object(object),
        Value::Array(items) => items.iter_mut().for_each(mask_value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn mask_object(object: &mut Map<String, Value>) {
    if object.get("private") == Some(&Value::Bool(true)) {
        object.retain(|name, _| name == "private");
        return;
    }
    object.retain(|name, _| !DROPPED.contains(&name.as_str()));
    object.values_mut().for_each(mask_value);
}

fn keep(data: &mut Map<String, Value>, entity: &str, members: &[&str]) {
    if let Some(Value::Object(object)) = data.get_mut(entity) {
        object.retain(|name, _| members.contains(&name.as_str()));
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Rewrites `data`, the last member of the event. What cannot be read is withheld whole: an event that is not
/// understood cannot be masked.
fn with_data(json: &[u8], change: impl FnOnce(&mut Map<String, Value>)) -> Vec<u8> {
    let withheld = || br#"{"specversion":"1.0"}"#.to_vec();
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(json) else {
        return withheld();
    };
    let Ok(mut data) = serde_json::from_str::<Map<String, Value>>(envelope.data.get()) else {
        return withheld();
    };
    change(&mut data);
    let Some(before) = json
        .strip_suffix(b"}")
        .and_then(|json| json.strip_suffix(envelope.data.get().as_bytes()))
    else {
        return withheld();
    };
    let mut out = before.to_vec();
    match serde_json::to_vec(&data) {
        Ok(data) => out.extend_from_slice(&data),
        Err(_) => return withheld(),
    }
    out.push(b'}');
    out
}
