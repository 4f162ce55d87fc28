//! Events as they came over the wire: the exact text, and what it says.

use std::ops::Index;

use serde_json::Value;

/// A CloudEvent. Two are equal when their bytes are.
#[derive(Clone, Debug)]
pub struct Event {
    text: String,
    value: Value,
}

impl Event {
    /// Reads an event.
    ///
    /// # Panics
    /// When the text is no JSON.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let text = text.to_owned();
        Self { text, value }
    }

    /// The exact text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The id, which is also the position.
    #[must_use]
    pub fn id(&self) -> &str {
        self.word("id")
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.word("type")
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.word("subject")
    }

    /// The version of the subject.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn version(&self) -> u64 {
        self["subjectversion"]
            .as_u64()
            .unwrap_or_else(|| panic!("no version: {self:?}"))
    }

    /// A member of the envelope that is a text; empty when it is absent.
    #[must_use]
    pub fn word(&self, name: &str) -> &str {
        self.value[name].as_str().unwrap_or_default()
    }

    /// True for what a stream says about itself.
    #[must_use]
    pub fn is_about_stream(&self) -> bool {
        self.kind().starts_with("stream.")
    }

    /// `data`.
    #[must_use]
    pub fn data(&self) -> &Value {
        &self.value["data"]
    }
}

impl Index<&str> for Event {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        &self.value[name]
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// The ids of events.
#[must_use]
pub fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::id).collect()
}

/// The types of events.
#[must_use]
pub fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::kind).collect()
}
