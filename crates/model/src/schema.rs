//! JSON Schemas of everything public, generated from the types.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::{Event, event};

/// The schema of `data` for every name that [`crate::EventType::schema`] gives, plus `event` for the envelope.
///
/// Each has `$id` `urn:switchhook:schema:v1:<name>`.
#[must_use]
pub fn all() -> Vec<(&'static str, Value)> {
    let mut names: Vec<&'static str> = crate::EventType::ALL
        .iter()
        .map(|kind| kind.schema())
        .collect();
    names.sort_unstable();
    names.dedup();
    let data = names.into_iter().map(|name| (name, data_schema(name)));
    data.chain([("event", identified::<Event>("event"))])
        .collect()
}

/// Which members `data` has in events of an entity, beside `change` and `origin`.
#[must_use]
pub fn members(name: &str) -> &'static [&'static str] {
    match name {
        "call" => &["call", "leg", "transfer", "missed"],
        "leg" => &["call", "leg"],
        "extension" => &["extension"],
        "user" => &["user"],
        "device" => &["device", "reason"],
        "agent" => &["agent", "queue"],
        "queue" => &["queue", "caller", "breach"],
        "caller" => &["queue", "caller", "reason"],
        "trunk" => &["trunk"],
        "participant" => &["conference", "participant"],
        "recording" => &["recording", "call"],
        "voicemail" => &["voicemail"],
        "cdr" => &["cdr"],
        "directory" => &["object"],
        "variable" => &["variable"],
        "alert" => &["alert"],
        "message" => &["message"],
        "request" => &["request"],
        "reply" => &["reply"],
        "source" => &["source", "gap", "reason"],
        "command" => &["command", "reason"],
        "webhook" => &["webhook", "gap", "reason"],
        _ => &[],
    }
}

fn data_schema(name: &str) -> Value {
    let mut schema = identified::<event::Data>(name);
    let keep = members(name);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|member, _| {
            keep.contains(&member.as_str()) || member == "change" || member == "origin"
        });
    }
    schema["title"] = json!(name);
    schema["description"] = json!(format!("`data` of `{name}` events."));
    prune(&mut schema);
    schema
}

fn identified<T: JsonSchema>(name: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    schema["$id"] = json!(format!("urn:switchhook:schema:v1:{name}"));
    schema
}

/// Takes out definitions that nothing refers to.
fn prune(schema: &mut Value) {
    loop {
        let text = schema.to_string();
        let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) else {
            return;
        };
        let before = definitions.len();
        definitions.retain(|name, _| text.contains(&format!("\"#/$defs/{name}\"")));
        if definitions.len() == before {
            return;
        }
    }
}
