//! What a client of one document would miss in another.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shape::{Way, compare};

/// What of an OpenAPI document is gone, or is asked for now.
pub(super) fn openapi(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (path, methods) in members(&old["paths"]) {
        for (method, operation) in members(methods) {
            let place = format!("{path} {method}");
            match new["paths"][path].get(method) {
                Some(now) => self::operation(&place, (old, operation), (new, now), &mut found),
                None => found.push(format!("{place}: gone")),
            }
        }
    }
    found
}

/// The same of an AsyncAPI document: the messages that are received, and the parameters that are given.
pub(super) fn asyncapi(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, message) in members(&old["components"]["messages"]) {
        match new["components"]["messages"].get(name) {
            Some(now) => compare(
                name,
                Way::Taken,
                (old, &message["payload"]),
                (new, &now["payload"]),
                &mut found,
            ),
            None => found.push(format!("{name}: gone")),
        }
    }
    for (name, channel) in members(&old["channels"]) {
        let query = |channel: &Value| channel["bindings"]["ws"]["query"].clone();
        let (before, now) = (query(channel), query(&new["channels"][name]));
        compare(name, Way::Given, (old, &before), (new, &now), &mut found);
    }
    found
}

/// A document and a part of it.
type Part<'a> = (&'a Value, &'a Value);

fn operation(place: &str, old: Part<'_>, new: Part<'_>, found: &mut Vec<String>) {
    let (before, now) = (parameters(old.1), parameters(new.1));
    for (name, parameter) in &before {
        let place = format!("{place}: {name}");
        match now.get(name) {
            Some(now) => compare(
                &place,
                Way::Given,
                (old.0, &parameter["schema"]),
                (new.0, &now["schema"]),
                found,
            ),
            None => found.push(format!("{place}: gone")),
        }
    }
    for (name, parameter) in &now {
        let asked = parameter["required"] == true;
        if asked
            && before
                .get(name)
                .is_none_or(|before| before["required"] != true)
        {
            found.push(format!("{place}: {name}: required now"));
        }
    }
    let body = |part: Part<'_>| resolve(part.0, &part.1["requestBody"])["content"].clone();
    contents(
        &format!("{place}: body"),
        Way::Given,
        (old.0, &body(old)),
        (new.0, &body(new)),
        found,
    );
    for (status, answer) in members(&old.1["responses"]) {
        let place = format!("{place}: {status}");
        let Some(now) = new.1["responses"].get(status) else {
            found.push(format!("{place}: gone"));
            continue;
        };
        let before = resolve(old.0, answer)["content"].clone();
        let now = resolve(new.0, now)["content"].clone();
        contents(&place, Way::Taken, (old.0, &before), (new.0, &now), found);
    }
}

fn contents(place: &str, way: Way, old: Part<'_>, new: Part<'_>, found: &mut Vec<String>) {
    for (kind, content) in members(old.1) {
        match new.1.get(kind) {
            Some(now) => compare(
                place,
                way,
                (old.0, &content["schema"]),
                (new.0, &now["schema"]),
                found,
            ),
            None => found.push(format!("{place}: {kind}: gone")),
        }
    }
}

/// Parameters by where they are and what they are called.
fn parameters(operation: &Value) -> BTreeMap<String, &Value> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    let name = |parameter: &Value| {
        let text = |key: &str| parameter[key].as_str().unwrap().to_owned();
        format!("{} `{}`", text("in"), text("name"))
    };
    all.map(|parameter| (name(parameter), parameter)).collect()
}

/// What a `$ref` refers to; anything else is itself.
pub(super) fn resolve<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    match part["$ref"].as_str() {
        Some(place) => {
            let pointer = place.strip_prefix('#').unwrap();
            let found = document.pointer(pointer);
            resolve(
                document,
                found.unwrap_or_else(|| panic!("{place} is not there")),
            )
        }
        None => part,
    }
}

pub(super) fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}
