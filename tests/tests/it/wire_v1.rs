//! DO NOT CHANGE THIS TEST, nor the files that it reads.
//!
//! `tests/wire/v1/` holds one event of each type of the catalogue, as v1 publishes it. Consumers were built against
//! these. A new type gets a new file; a new optional field may appear beside what stands there; nothing that stands there
//! is ever renamed, removed, or given another type.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use model::{Event, EventType};
use serde_json::Value;

/// Every type has its example, and no example is left over.
#[test]
fn every_type_has_its_example() {
    let files: BTreeSet<String> = fs::read_dir(folder())
        .expect("the folder of examples")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let types: BTreeSet<String> = EventType::ALL
        .iter()
        .map(|kind| format!("{kind}.json"))
        .collect();
    assert_eq!(files, types);
}

/// What was published is read, and nothing of it is lost or written otherwise.
#[test]
fn what_was_published_is_still_published() {
    for (kind, text) in examples() {
        let frozen: Value = serde_json::from_str(&text).expect("JSON");
        let event: Event =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(event.kind, kind, "{kind}");
        let written = serde_json::to_value(&event).expect("an event has a JSON form");
        if let Some(lost) = lost(&frozen, &written, "") {
            panic!("{kind}: {lost} is not what it was");
        }
    }
}

/// The schemas that are published fit what was published.
#[test]
fn the_schemas_still_fit() {
    for (kind, text) in examples() {
        let frozen: Value = serde_json::from_str(&text).expect("JSON");
        let path = root().join(format!("openapi/schemas/{}.json", kind.schema()));
        let schema = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{kind}: {}: {error}", path.display()));
        let schema: Value = serde_json::from_str(&schema).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let errors: Vec<String> = validator
            .iter_errors(&frozen["data"])
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{kind}: {errors:?}");
    }
}

/// The first place where something that was there is gone or another.
fn lost(frozen: &Value, written: &Value, place: &str) -> Option<String> {
    match (frozen, written) {
        (Value::Object(frozen), Value::Object(written)) => {
            frozen.iter().find_map(|(key, value)| {
                let place = format!("{place}/{key}");
                match written.get(key) {
                    Some(found) => lost(value, found, &place),
                    None => Some(place),
                }
            })
        }
        (Value::Array(frozen), Value::Array(written)) if frozen.len() == written.len() => {
            let mut pairs = frozen.iter().zip(written).enumerate();
            pairs.find_map(|(n, (a, b))| lost(a, b, &format!("{place}/{n}")))
        }
        (a, b) if a == b => None,
        _ => Some(place.to_owned()),
    }
}

fn examples() -> impl Iterator<Item = (EventType, String)> {
    EventType::ALL.iter().map(|kind| {
        let path = folder().join(format!("{kind}.json"));
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (*kind, text)
    })
}

fn folder() -> PathBuf {
    root().join("tests/wire/v1")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
