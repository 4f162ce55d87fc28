//! Secrets: given in the file, in a variable, or in a file of their own; never shown.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{
    reader::{Read, Slot},
    tree::Value,
};

/// A text that is never shown: `Debug` and `Serialize` give `[redacted]`, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

const REDACTED: &str = "[redacted]";

impl Secret {
    /// Hides a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

const FORMS: &str = "write \"literal\", { env = \"NAME\" } or { file = \"path\" }";

impl Read for Secret {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        let text = match (&slot.node.value, &slot.node.spelt) {
            (Value::Text(text), _) => text.clone(),
            (Value::Table(_), _) => elsewhere(slot)?,
            (_, Some(text)) => text.to_string(),
            _ => return slot.unlike("a secret", FORMS),
        };
        if text.is_empty() {
            return slot.wrong("the secret is empty", FORMS);
        }
        Some(Self(text))
    }

    fn schema() -> serde_json::Value {
        let only = |key: &str| {
            serde_json::json!({
                "type": "object",
                "properties": {key: {"type": "string"}},
                "required": [key],
                "additionalProperties": false,
            })
        };
        serde_json::json!({"oneOf": [{"type": "string", "minLength": 1}, only("env"), only("file")]})
    }
}

/// A secret that is kept in a variable or a file.
fn elsewhere(slot: &Slot<'_>) -> Option<String> {
    let (variable, file) = slot.read_table(|reader| {
        let variable: Option<String> = reader.optional("env");
        let file: Option<std::path::PathBuf> = reader.optional("file");
        Some((variable, file))
    })?;
    match (variable, file) {
        (Some(name), None) => slot
            .context
            .outside
            .variables
            .get(&name)
            .cloned()
            .or_else(|| {
                let wrong = format!("the environment has no variable {name}");
                slot.wrong(wrong, format!("set {name} before starting switchhook"))
            }),
        (None, Some(path)) => match (slot.context.outside.read_file)(&path) {
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => slot.wrong(
                format!("cannot read {}: {error}", path.display()),
                "create the file, or let this user read it",
            ),
        },
        _ => slot.wrong("a secret has exactly one of `env` and `file`", FORMS),
    }
}
