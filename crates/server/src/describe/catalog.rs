//! The catalogue of event types.

use hub::filter::Profile;
use model::{EventType, example};
use serde_json::{Map, Value, json};

/// One entry; `sources` says by source id whether it can emit the type.
#[must_use]
pub fn catalog(kind: EventType, sources: &Map<String, Value>) -> Value {
    let profiles: Vec<_> = Profile::ALL
        .into_iter()
        .filter(|profile| profile.types().has(kind))
        .collect();
    json!({
        "type": kind,
        "class": kind.class(),
        "description": kind.description(),
        "dataschema": format!("urn:switchhook:schema:v1:{}", kind.schema()),
        "schema": format!("/schemas/v1/{}.json", kind.schema()),
        "subject": subject(kind),
        "profiles": profiles,
        "sources": sources,
        "example": example::of(kind),
    })
}

/// The form of a type's subjects.
fn subject(kind: EventType) -> String {
    use model::Collection::{Callers, Participants};
    match kind.collection() {
        Callers => "queues/{id}/callers/{id}".to_owned(),
        Participants => "conferences/{id}/participants/{id}".to_owned(),
        other => format!("{other}/{{id}}"),
    }
}
