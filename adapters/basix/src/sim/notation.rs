//! Frames written for people: JSON that becomes BERT, and BERT that becomes JSON.
//!
//! ```text
//! {"field_spec": "user", "fields": ["id", "label"]}       without `fields`: the documented ones
//! {"initial_info": "user", "rows": [{"id": 1}]}
//! {"info_event": "user", "updated": {"id": 1, "label": "波也"}}
//! {"term": [":system_msg", ":logout"]}
//! {"hex": "836e010205"}
//! ```
//!
//! A text is a binary; `":word"` an atom; `"=text"` a charlist; `"\\:text"` a binary that begins with a colon. `null` is
//! `undefined`, an array a tuple, `{"list": […]}` a list. An entity is an object by field names, or an array by position.

mod read;

use std::collections::HashMap;

use bytes::Bytes;
use eetf::Term;
use serde_json::{Map, Value};

use super::{mangle::unhex, spec};
use crate::wire::write::{
    self, Spelling, WriteError, atom, binary, chars, int, list, tuple, undefined,
};

/// Writes frames. Remembers which field stands where.
#[derive(Clone, Debug, Default)]
pub struct Notation {
    specs: HashMap<String, Vec<String>>,
}

/// Why a frame cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum NotationError {
    /// It is not in this notation.
    #[error("no frame: {0}")]
    Form(String),
    /// BERT has no such thing.
    #[error("no BERT")]
    Write(#[from] WriteError),
}

impl Notation {
    /// Writes a frame.
    ///
    /// # Errors
    /// When it is not in this notation.
    pub fn frame(&mut self, written: &Value) -> Result<Bytes, NotationError> {
        let bad = || NotationError::Form(written.to_string());
        let object = written.as_object().ok_or_else(bad)?;
        let name = |key: &str| object.get(key).and_then(Value::as_str);
        if let Some(hex) = name("hex") {
            return unhex(hex).map(Bytes::from).ok_or_else(bad);
        }
        if let Some(written) = object.get("term") {
            return finish(&term(written).ok_or_else(bad)?);
        }
        if let Some(element) = name("field_spec") {
            let fields = self.learn(element, object.get("fields")).ok_or_else(bad)?;
            let fields = list(fields.iter().map(|field| atom(field)));
            return finish(&tuple([atom("field_spec"), chars(element), fields]));
        }
        if let Some(element) = name("initial_info") {
            let rows = object
                .get("rows")
                .and_then(Value::as_array)
                .ok_or_else(bad)?;
            let rows: Option<Vec<Term>> =
                rows.iter().map(|row| self.entity(element, row)).collect();
            let rows = list(rows.ok_or_else(bad)?);
            return finish(&tuple([atom("initial_info"), chars(element), rows]));
        }
        let element = name("info_event").ok_or_else(bad)?;
        let change = object.iter().find(|(key, _)| *key != "info_event");
        let (change, entity) = change.ok_or_else(bad)?;
        let entity = self.entity(element, entity).ok_or_else(bad)?;
        finish(&tuple([
            atom("info_event"),
            chars(element),
            entity,
            chars(change),
        ]))
    }

    fn learn(&mut self, element: &str, fields: Option<&Value>) -> Option<&[String]> {
        let fields: Vec<String> = match fields {
            Some(fields) => {
                let names = fields
                    .as_array()?
                    .iter()
                    .map(|name| name.as_str().map(str::to_owned));
                names.collect::<Option<_>>()?
            }
            None => spec::fields(element)
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
        };
        self.specs.insert(element.to_owned(), fields);
        self.specs.get(element).map(Vec::as_slice)
    }

    fn entity(&self, element: &str, written: &Value) -> Option<Term> {
        let Value::Object(named) = written else {
            return term(written);
        };
        if named.contains_key("list") {
            return term(written);
        }
        let fields: Vec<String> = match self.specs.get(element) {
            Some(fields) => fields.clone(),
            None => spec::fields(element)
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
        };
        // A name that the element does not have is a slip of the pen.
        if named.keys().any(|name| !fields.contains(name)) {
            return None;
        }
        let values: Option<Vec<Term>> = fields.iter().map(|field| value(named, field)).collect();
        Some(tuple(values?))
    }
}

fn value(named: &Map<String, Value>, field: &str) -> Option<Term> {
    named.get(field).map_or_else(|| Some(undefined()), term)
}

fn term(written: &Value) -> Option<Term> {
    Some(match written {
        Value::Null => undefined(),
        Value::Bool(value) => write::bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(value) => int(value),
            None => eetf::Float::try_from(number.as_f64()?).ok()?.into(),
        },
        Value::String(text) => match (
            text.strip_prefix(':'),
            text.strip_prefix('='),
            text.strip_prefix('\\'),
        ) {
            (Some(name), ..) => atom(name),
            (_, Some(text), _) => chars(text),
            (.., Some(text)) => binary(text),
            _ => binary(text),
        },
        Value::Array(elements) => {
            let elements: Option<Vec<Term>> = elements.iter().map(term).collect();
            tuple(elements?)
        }
        Value::Object(object) => {
            let elements = object
                .get("list")
                .filter(|_| object.len() == 1)?
                .as_array()?;
            let elements: Option<Vec<Term>> = elements.iter().map(term).collect();
            list(elements?)
        }
    })
}

fn finish(term: &Term) -> Result<Bytes, NotationError> {
    Ok(write::write(term, Spelling::default())?.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::{self, Message};

    #[test]
    fn what_is_written_is_read_again() {
        let mut notation = Notation::default();
        let spec = notation
            .frame(&json!({"field_spec": "user", "fields": ["label", "id", "mwi"]}))
            .unwrap();
        let Ok(Message::FieldSpec(spec)) = wire::decode(&spec) else {
            panic!("no field_spec");
        };
        let frame = json!({"info_event": "user", "updated": {"id": 7, "label": "波也", "mwi": {"list": []}}});
        let frame = notation.frame(&frame).unwrap();
        let Ok(Message::InfoEvent { entity, change, .. }) = wire::decode(&frame) else {
            panic!("no info_event");
        };
        assert_eq!(change.as_str(), "updated");
        let entity = spec.entity(entity).unwrap();
        assert_eq!(
            serde_json::to_value(&entity).unwrap(),
            json!({"label": "波也", "id": 7, "mwi": []})
        );
    }

    #[test]
    fn atoms_charlists_and_binaries_are_told_apart() {
        let of = |written: Value| {
            Notation::default()
                .frame(&json!({"term": written}))
                .unwrap()
        };
        assert_eq!(of(json!(":abc"))[..], b"\x83\x64\x00\x03abc"[..]);
        assert_eq!(of(json!("=abc"))[..], b"\x83\x6b\x00\x03abc"[..]);
        assert_eq!(of(json!("\\:abc"))[..], b"\x83\x6d\x00\x00\x00\x04:abc"[..]);
        assert_eq!(
            of(json!([1, null]))[..],
            b"\x83\x68\x02\x61\x01\x64\x00\x09undefined"[..]
        );
    }

    #[test]
    fn what_is_read_is_written_again() {
        let mut notation = Notation::default();
        let mut reader = Notation::default();
        for written in [
            json!({"field_spec": "user", "fields": ["label", "id", "mwi", "flags", "registered"]}),
            json!({"initial_info": "user", "rows": [{"id": 7, "label": "波也", "mwi": {"list": []}}, {"label": ":x"}]}),
            json!({"info_event": "user", "updated": {"id": 1_546_839_040_024_071_i64, "registered": true, "flags": [1, null, ":a"]}}),
            json!({"info_event": "user", "removed": [1, 2, 3]}),
            json!({"info_event": "group", "added": {"id": 7}}),
            json!({"initial_info": "channel", "rows": []}),
            json!({"term": [":system_msg", ":logout"]}),
            json!({"hex": "83680264000a73797374656d5f6d736764"}),
            json!({"hex": "836e010205"}),
        ] {
            let frame = notation.frame(&written).unwrap();
            let read = reader.written(&frame);
            assert_eq!(reader.clone().frame(&read).unwrap(), frame, "{read}");
            let by_name = written.get("hex").is_some() || read.get("hex").is_none();
            assert!(by_name, "{written} became {read}");
        }
    }

    #[test]
    fn slips_of_the_pen_are_errors() {
        for wrong in [
            json!({"info_event": "user", "updated": {"idd": 7}}),
            json!({"initial_info": "user"}),
            json!({"hex": "8"}),
            json!({}),
            json!([]),
        ] {
            assert!(Notation::default().frame(&wrong).is_err(), "{wrong}");
        }
    }
}
