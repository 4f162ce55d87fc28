//! The other way round: frames as people would write them.

use eetf::Term;
use serde_json::{Map, Value, json};

use super::Notation;
use crate::wire;

impl Notation {
    /// A frame in this notation. What [`Notation::frame`] would not write back byte for byte is told in hexadecimal.
    pub fn written(&mut self, frame: &[u8]) -> Value {
        let named = wire::scan(frame).ok().map(Term::from).and_then(|term| {
            let written = self.message(&term).into_iter();
            let written = written.chain(of_term(&term).map(|term| json!({"term": term})));
            written.into_iter().find(|written| {
                let again = self.clone().frame(written);
                again.is_ok_and(|again| *again == *frame)
            })
        });
        match named {
            Some(written) => {
                if let Some(element) = written["field_spec"].as_str() {
                    self.learn(element, written.get("fields"));
                }
                written
            }
            None => json!({"hex": hex(frame)}),
        }
    }

    /// A message by its parts. Of an element of which it is not known what stands where, by position.
    fn message(&self, term: &Term) -> Option<Value> {
        let Term::Tuple(parts) = term else {
            return None;
        };
        let [Term::Atom(kind), element, rest @ ..] = &parts.elements[..] else {
            return None;
        };
        let element = charlist(element)?;
        match (kind.name.as_str(), rest) {
            ("field_spec", [Term::List(names)]) => {
                let names = names.elements.iter().map(|name| match name {
                    Term::Atom(name) => Some(name.name.as_str()),
                    _ => None,
                });
                let names: Vec<&str> = names.collect::<Option<_>>()?;
                Some(json!({"field_spec": element, "fields": names}))
            }
            ("initial_info", [rows]) => {
                let rows = elements(rows)?.iter().map(|row| self.row(&element, row));
                let rows: Vec<Value> = rows.collect::<Option<_>>()?;
                Some(json!({"initial_info": element, "rows": rows}))
            }
            ("info_event", [entity, change]) => {
                let (entity, change) = (self.row(&element, entity)?, charlist(change)?);
                Some(json!({"info_event": element, change: entity}))
            }
            _ => None,
        }
    }

    /// An entity by the names of its fields, when it has a value for each; without those that are not told.
    fn row(&self, element: &str, row: &Term) -> Option<Value> {
        let Term::Tuple(values) = row else {
            return of_term(row);
        };
        let names = self.specs.get(element);
        let Some(names) = names.filter(|names| names.len() == values.elements.len()) else {
            return of_term(row);
        };
        let mut named = Map::new();
        for (name, value) in names.iter().zip(&values.elements) {
            let value = of_term(value)?;
            if !value.is_null() {
                named.insert(name.clone(), value);
            }
        }
        Some(named.into())
    }
}

/// A term. None for one that this notation has no form for.
fn of_term(term: &Term) -> Option<Value> {
    Some(match term {
        Term::Atom(atom) => match atom.name.as_str() {
            "undefined" => Value::Null,
            name => json!(format!(":{name}")),
        },
        Term::FixInteger(number) => json!(number.value),
        Term::BigInteger(number) => json!(i64::try_from(&number.value).ok()?),
        Term::Float(number) => json!(number.value),
        Term::Binary(bytes) => {
            let text = std::str::from_utf8(&bytes.bytes).ok()?;
            if text.starts_with([':', '=', '\\']) {
                json!(format!("\\{text}"))
            } else {
                json!(text)
            }
        }
        Term::ByteList(_) => json!(format!("={}", charlist(term)?)),
        Term::Tuple(tuple) => match &tuple.elements[..] {
            [Term::Atom(bert), Term::Atom(value)] if bert.name == "bert" => {
                match value.name.as_str() {
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    "nil" => json!({"list": []}),
                    _ => return None,
                }
            }
            elements => all(elements)?,
        },
        Term::List(list) => json!({"list": all(&list.elements)?}),
        _ => return None,
    })
}

fn all(terms: &[Term]) -> Option<Value> {
    terms
        .iter()
        .map(of_term)
        .collect::<Option<Vec<_>>>()
        .map(Value::Array)
}

fn charlist(term: &Term) -> Option<String> {
    match term {
        Term::ByteList(list) => Some(list.bytes.iter().copied().map(char::from).collect()),
        _ => None,
    }
}

/// The elements of a list; an empty one has a form of its own.
fn elements(term: &Term) -> Option<&[Term]> {
    match term {
        Term::List(list) => Some(&list.elements),
        Term::Tuple(tuple) => match &tuple.elements[..] {
            [Term::Atom(bert), Term::Atom(nil)] if bert.name == "bert" && nil.name == "nil" => {
                Some(&[])
            }
            _ => None,
        },
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
