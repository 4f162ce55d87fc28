//! One example of every event type, for catalogues and documents.

use std::sync::LazyLock;

use serde_json::Value;

use crate::EventType;

static EXAMPLES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let lines = include_str!("examples.jsonl").lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
});

/// An event of this type as it is published; none of its parties exists.
#[must_use]
pub fn of(kind: EventType) -> &'static Value {
    // One line for each type, in the order of the catalogue: a test holds the file to that.
    EXAMPLES.get(kind.index()).unwrap_or(&Value::Null)
}
