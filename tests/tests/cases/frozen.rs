//! The frozen events of `wire/v1` say nothing that no adapter publishes, also those that were written by hand.
//!
//! Where a frozen event has a member, an event of that type out of some golden case has one of the same name and kind. What
//! its entity has may be published with another type: that it is of a queue, say, does not depend on what happened.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use model::{Event, EventType};
use serde_json::{Value, json};

use crate::KINDS;

/// What the PBX or a person fills as they like.
const FREE: [&str; 3] = ["native", "payload", "body"];

type Shape = BTreeSet<String>;

#[test]
fn frozen_events_have_the_shape_of_published_ones() {
    let mut by_type: BTreeMap<EventType, Shape> = BTreeMap::new();
    let mut by_schema: BTreeMap<&str, Shape> = BTreeMap::new();
    for event in everything() {
        let value = json!(event);
        shape(&value, "", by_type.entry(event.kind).or_default());
        shape(
            &value,
            "",
            by_schema.entry(event.kind.schema()).or_default(),
        );
    }
    for kind in [
        EventType::CallParked,
        EventType::CallUnparked,
        EventType::CallAmended,
        EventType::AgentLeft,
        EventType::MessageReceived,
    ] {
        assert!(by_type.contains_key(&kind), "no case publishes {kind}");
    }
    let mut strange = Vec::new();
    for (kind, published) in &by_type {
        // Of the link to a PBX the gateway speaks; cases have none.
        if kind.schema() == "source" {
            continue;
        }
        let entity = format!(".data.{}.", kind.schema());
        let mut frozen = Shape::new();
        shape(&example(*kind), "", &mut frozen);
        let never = frozen.into_iter().filter(|member| {
            let elsewhere =
                member.starts_with(&entity) && by_schema[kind.schema()].contains(member);
            !published.contains(member) && !elsewhere
        });
        strange.extend(never.map(|member| format!("{kind}: {member}")));
    }
    assert!(
        strange.is_empty(),
        "never published:\n{}",
        strange.join("\n")
    );
}

/// All that the cases of all adapters publish.
fn everything() -> impl Iterator<Item = Event> {
    KINDS.iter().flat_map(|kind| {
        let cases = kind.cases();
        cases.into_iter().flat_map(|case| kind.reduced(&case).1)
    })
}

/// The members of a value with their kinds, those of all items of a list together.
fn shape(value: &Value, place: &str, into: &mut Shape) {
    let kind = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "yes or no",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(items) => {
            for item in items {
                shape(item, &format!("{place}[]"), into);
            }
            "a list"
        }
        Value::Object(members) => {
            for (name, member) in members {
                if !FREE.contains(&name.as_str()) {
                    shape(member, &format!("{place}.{name}"), into);
                }
            }
            "an object"
        }
    };
    into.insert(format!("{place} is {kind}"));
}

fn example(kind: EventType) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("wire/v1");
    let text = fs::read_to_string(root.join(format!("{kind}.json"))).expect("its example");
    serde_json::from_str(&text).expect("JSON")
}
