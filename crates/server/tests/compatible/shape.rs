//! Whether a value that one schema allows is still understood where another is in force.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use super::breaks::{members, resolve};

/// Which way a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the client: what was accepted must still be.
    Given,
    /// To the client: what was there must still be, and nothing else in its place.
    Taken,
}

/// Compares two schemas, each in its document.
pub(super) fn compare(
    place: &str,
    way: Way,
    old: (&Value, &Value),
    new: (&Value, &Value),
    found: &mut Vec<String>,
) {
    let mut walk = Walk {
        way,
        old: old.0,
        new: new.0,
        seen: HashSet::new(),
        found,
    };
    walk.schema(place, old.1, new.1);
}

struct Walk<'a> {
    way: Way,
    old: &'a Value,
    new: &'a Value,
    /// Pairs that were compared already: schemas refer to each other in circles.
    seen: HashSet<(*const Value, *const Value)>,
    found: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn schema(&mut self, place: &str, old: &Value, new: &Value) {
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        if !self.seen.insert((old, new)) {
            return;
        }
        self.types(place, old, new);
        self.choices(place, old, new);
        self.properties(place, old, new);
        self.schema_at(place, "items", old, new);
        for key in ["allOf", "anyOf", "oneOf"] {
            self.alternatives(place, key, old, new);
        }
    }

    fn schema_at(&mut self, place: &str, key: &str, old: &Value, new: &Value) {
        if let (Some(old), Some(new)) = (old.get(key), new.get(key)) {
            self.schema(place, old, new);
        }
    }

    fn types(&mut self, place: &str, old: &Value, new: &Value) {
        let (was, is) = (types(old), types(new));
        if was.is_empty() || is.is_empty() {
            return;
        }
        let fits = match self.way {
            Way::Given => was.is_subset(&is),
            Way::Taken => is.is_subset(&was),
        };
        if !fits {
            let list = |types: BTreeSet<&str>| types.into_iter().collect::<Vec<_>>().join(" or ");
            self.found.push(format!(
                "{place}: was of type {}, may be {}",
                list(was),
                list(is)
            ));
        }
    }

    fn choices(&mut self, place: &str, old: &Value, new: &Value) {
        let (Some(was), Some(is)) = (choices(old), choices(new)) else {
            return;
        };
        let (all, known, complaint) = match self.way {
            Way::Given => (&was, &is, "is accepted no more"),
            Way::Taken => (&is, &was, "comes now, where only others were known"),
        };
        for choice in all.iter().filter(|choice| !known.contains(choice)) {
            self.found.push(format!("{place}: {choice} {complaint}"));
        }
    }

    fn properties(&mut self, place: &str, old: &Value, new: &Value) {
        for (name, property) in members(&old["properties"]) {
            let place = format!("{place}: {name}");
            match new["properties"].get(name) {
                Some(now) => self.schema(&place, property, now),
                None => self.found.push(format!("{place}: gone")),
            }
        }
        let (was, is) = (required(old), required(new));
        let (lost, complaint) = match self.way {
            Way::Given => (is.difference(&was), "required now"),
            Way::Taken => (was.difference(&is), "may be missing now"),
        };
        for name in lost {
            self.found.push(format!("{place}: {name}: {complaint}"));
        }
    }

    fn alternatives(&mut self, place: &str, key: &str, old: &Value, new: &Value) {
        let (Some(was), Some(is)) = (old[key].as_array(), new[key].as_array()) else {
            return;
        };
        for (old, new) in was.iter().zip(is) {
            self.schema(place, old, new);
        }
        let fewer = is.len() < was.len();
        let breaks = match (key, self.way) {
            ("allOf", Way::Taken) | (_, Way::Given) => fewer,
            (_, Way::Taken) => is.len() > was.len(),
        };
        if breaks {
            self.found.push(format!(
                "{place}: {key} had {} parts, has {}",
                was.len(),
                is.len()
            ));
        }
    }
}

fn types(schema: &Value) -> BTreeSet<&str> {
    match &schema["type"] {
        Value::String(one) => BTreeSet::from([one.as_str()]),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

/// The values allowed, where they are listed for good.
fn choices(schema: &Value) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema["enum"].as_array()) {
        (Some(only), _) => Some(vec![only]),
        (None, listed) => listed.map(|listed| listed.iter().collect()),
    }
}

fn required(schema: &Value) -> BTreeSet<&str> {
    let listed = schema["required"].as_array().into_iter().flatten();
    listed.filter_map(Value::as_str).collect()
}
