//! What a run of events says in the end: every subject as it was left, and what happened to it on the way.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use serde_json::{Map, Value};

use super::ReplayError;

/// The subjects of some events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    pub(super) subjects: BTreeMap<String, Subject>,
    /// When the first event was recorded: two accounts of the same recording have the same.
    pub(super) began: Option<String>,
}

/// A subject as its last event leaves it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Subject {
    /// The entity.
    pub(super) entity: Value,
    /// Its events, in order: the type, and what it tells beside the entity.
    pub(super) events: Vec<(String, Value)>,
    /// The place of its first event among all.
    pub(super) first: usize,
}

impl Account {
    /// Whether a file holds events rather than frames.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_events(path: &Path) -> io::Result<bool> {
        for line in BufReader::new(File::open(path)?).lines() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            return Ok(event.get("specversion").is_some());
        }
        Ok(false)
    }

    /// Reads a file of events, one on each line.
    ///
    /// # Errors
    /// When it cannot be read, or a line is no event.
    pub fn read(path: &Path) -> Result<Self, ReplayError> {
        let unreadable = |source| ReplayError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let mut account = Self::default();
        let file = BufReader::new(File::open(path).map_err(unreadable)?);
        for (n, line) in file.lines().enumerate() {
            let line = line.map_err(unreadable)?;
            if line.trim().is_empty() {
                continue;
            }
            let heard = serde_json::from_str(&line)
                .map_err(|error| error.to_string())
                .and_then(|event| account.hear(&event).ok_or("no event".to_owned()));
            heard.map_err(|what| ReplayError::Line {
                path: path.to_owned(),
                line: n + 1,
                what,
            })?;
        }
        Ok(account)
    }

    /// Takes in an event. None when it is none.
    pub fn hear(&mut self, event: &Value) -> Option<()> {
        let (kind, subject) = (event["type"].as_str()?, event["subject"].as_str()?);
        let data = event["data"].as_object()?;
        let recorded = event["recordedtime"].as_str()?;
        self.began.get_or_insert_with(|| recorded.to_owned());
        let first = self.subjects.len();
        let known = self.subjects.entry(subject.to_owned()).or_insert(Subject {
            first,
            ..Subject::default()
        });
        if let Some(entity) = data.get(entity_of(subject)) {
            known.entity = entity.clone();
        }
        known.events.push((kind.to_owned(), beside(data)));
        Some(())
    }
}

/// The name of the entity that a subject is: `call` of `calls/hq:1`, `caller` of `queues/hq:1/callers/2`.
fn entity_of(subject: &str) -> &str {
    let mut parts = subject.split('/').collect::<Vec<_>>();
    // Ids may hold slashes, but only these two collections are below another.
    let below = |name: &&str| matches!(*name, "callers" | "participants");
    let collection = match parts.iter().position(below) {
        Some(at) => parts.remove(at),
        None => parts.first().copied().unwrap_or(""),
    };
    collection.strip_suffix('s').unwrap_or(collection)
}

/// What an event tells beside entities: a transfer, a reason, a gap.
fn beside(data: &Map<String, Value>) -> Value {
    const FACTS: [&str; 11] = [
        "transfer", "missed", "reason", "gap", "object", "variable", "alert", "message", "request",
        "reply", "breach",
    ];
    let facts = FACTS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), data.get(*name)?.clone())));
    Value::Object(facts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_names_its_entity() {
        for (subject, entity) in [
            ("calls/hq:1", "call"),
            ("queues/hq:1", "queue"),
            ("queues/hq:1/callers/2", "caller"),
            ("conferences/hq:1/participants/2", "participant"),
            ("cdrs/hq:1", "cdr"),
            ("sources/hq", "source"),
        ] {
            assert_eq!(entity_of(subject), entity);
        }
    }
}
