//! What the PBX itself said: its ids by name, and its bodies as they came.

use std::{borrow::Cow, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

/// Shared immutable text: entities are copied with every change, their strings are not.
pub type Text = Arc<str>;

/// The PBX's own ids and attributes, by the name the PBX gives them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Native(Arc<Map<String, Value>>);

/// A native body, as JSON text that has been checked to be JSON. Written verbatim.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payload(Arc<RawValue>);

impl Native {
    /// Nothing known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// True when nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets one attribute; an empty text or null is no knowledge and leaves it as it is.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let void = value.is_null() || value.as_str().is_some_and(str::is_empty);
        if !void && self.0.get(name) != Some(&value) {
            Arc::make_mut(&mut self.0).insert(name.to_owned(), value);
        }
    }

    /// Removes one attribute.
    pub fn remove(&mut self, name: &str) {
        if self.0.contains_key(name) {
            Arc::make_mut(&mut self.0).remove(name);
        }
    }

    /// The same with one attribute more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// Takes over all attributes of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (name, value) in other.0.iter() {
            if self.0.get(name) != Some(value) {
                Arc::make_mut(&mut self.0).insert(name.clone(), value.clone());
            }
        }
    }

    /// One attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// One attribute that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// All attributes, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }
}

impl Payload {
    /// A body that is JSON text.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn parse(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(|raw| Self(raw.into()))
    }

    /// A body that was decoded from something else than JSON.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        // A `Value` always has a JSON form, and `null` is the form of nothing.
        let raw =
            serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self(raw.into())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The beginning of the JSON text, as a JSON text string of at most `max` bytes.
    #[must_use]
    pub fn cut(&self, max: usize) -> Self {
        // Escaping makes one byte six at worst, and the quotes are two.
        let mut end = (max.saturating_sub(2) / 6).min(self.as_str().len());
        while !self.as_str().is_char_boundary(end) {
            end -= 1;
        }
        Self::from_value(&Value::from(&self.as_str()[..end]))
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl JsonSchema for Native {
    fn schema_name() -> Cow<'static, str> {
        "Native".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "description": "The PBX's own ids and attributes, by its own names."})
    }
}

impl JsonSchema for Payload {
    fn schema_name() -> Cow<'static, str> {
        "Payload".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "The native body as it came."})
    }
}
