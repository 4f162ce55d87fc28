//! One value, and the types that it can be read as.

use std::{borrow::Cow, path::PathBuf};

use serde_json::{Value as Json, json};

use super::{Context, Reader};
use crate::config::{
    suggest::nearest,
    tree::{Node, Table, Value},
};

/// One value of the config and what is needed to complain about it.
pub(in crate::config) struct Slot<'a> {
    pub(in crate::config) node: &'a Node,
    pub(in crate::config) key: String,
    pub(in crate::config) context: &'a Context<'a>,
}

/// A type that a value of the config can be read as.
pub(in crate::config) trait Read: Sized {
    /// The value, or `None` after a complaint.
    fn read(slot: &Slot<'_>) -> Option<Self>;

    /// What such a value looks like, as JSON Schema.
    fn schema() -> Json {
        json!({"type": "string"})
    }
}

impl<'a> Slot<'a> {
    /// Complains about this value.
    pub(in crate::config) fn wrong<T>(
        &self,
        wrong: impl Into<String>,
        mend: impl Into<String>,
    ) -> Option<T> {
        self.context
            .complain(&self.node.origin, self.key.clone(), wrong, mend);
        None
    }

    /// Complains that this value is of the wrong kind.
    pub(in crate::config) fn unlike<T>(&self, wanted: &str, mend: impl Into<String>) -> Option<T> {
        let wrong = format!("expected {wanted}, found {}", self.node.value.kind());
        self.wrong(wrong, mend)
    }

    /// The value as text; what a variable holds is always text as well.
    pub(in crate::config) fn text(&self, example: &str) -> Option<Cow<'a, str>> {
        match (&self.node.value, &self.node.spelt) {
            (Value::Text(text), _) => Some(text.into()),
            (_, Some(text)) => Some(text.as_ref().into()),
            _ => self.unlike("a string", format!("write it in quotes, such as {example}")),
        }
    }

    /// The value as a table.
    pub(in crate::config) fn table(&self) -> Option<&'a Table> {
        match &self.node.value {
            Value::Table(table) => Some(table),
            _ => self.unlike(
                "a table",
                "write `{ key = value, … }` or a section in brackets",
            ),
        }
    }

    /// The items of a list; none after a complaint.
    pub(in crate::config) fn items(&self) -> Vec<Self> {
        let Value::List(nodes) = &self.node.value else {
            self.unlike::<()>("a list", "write it in brackets: [ … ]");
            return Vec::new();
        };
        let item = |(n, node): (usize, &'a Node)| Self {
            node,
            key: format!("{}[{n}]", self.key),
            context: self.context,
        };
        nodes.iter().enumerate().map(item).collect()
    }

    /// Reads the table that this value is.
    pub(in crate::config) fn read_table<T>(
        &self,
        read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
    ) -> Option<T> {
        let (table, origin) = (self.table()?, self.node.origin.clone());
        Reader::on(Some(table), origin, self.key.clone(), self.context).finish(read)
    }

    /// Text read by `parse`; where it gives nothing: "`text` is no `what`".
    pub(in crate::config) fn parsed<T>(
        &self,
        what: &str,
        example: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(example)?;
        parse(&text).or_else(|| {
            self.wrong(
                format!("{:?} is not {what}", cut(&text)),
                format!("write {what}, such as {example}"),
            )
        })
    }

    /// One of a fixed set of words.
    pub(in crate::config) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let names = || words.iter().map(|(name, _)| *name);
        let allowed = names().map(|name| format!("{name:?}")).collect::<Vec<_>>();
        let text = self.text(allowed.first().map_or("\"…\"", String::as_str))?;
        if let Some((_, value)) = words.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let allowed = allowed.join(", ");
        let mend = match nearest(&text, names()) {
            Some(meant) => format!("did you mean {meant:?}? allowed are {allowed}"),
            None => format!("allowed are {allowed}"),
        };
        self.wrong(format!("{:?} is not allowed here", cut(&text)), mend)
    }
}

impl Read for bool {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        match slot.node.value {
            Value::Flag(flag) => Some(flag),
            _ => slot.unlike("true or false", "write true or false, without quotes"),
        }
    }

    fn schema() -> Json {
        json!({"type": "boolean"})
    }
}

impl Read for i64 {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        match slot.node.value {
            Value::Integer(number) => Some(number),
            _ => slot.unlike("an integer", "write a whole number, without quotes"),
        }
    }

    fn schema() -> Json {
        json!({"type": "integer"})
    }
}

impl Read for String {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        let text = slot.text("\"…\"")?;
        if text.is_empty() {
            return slot.wrong("it is empty", "write a value, or remove the key");
        }
        Some(text.into_owned())
    }
}

/// A path; a relative one starts from the folder of the config file.
impl Read for PathBuf {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        let text = String::read(slot)?;
        Some(slot.context.folder.join(text))
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        let before = slot.context.mistakes.borrow().len();
        let values = slot.items().iter().filter_map(T::read).collect();
        (slot.context.mistakes.borrow().len() == before).then_some(values)
    }

    fn schema() -> Json {
        json!({"type": "array", "items": T::schema()})
    }
}

/// The start of a text from outside, for messages.
pub(in crate::config) fn cut(text: &str) -> String {
    const MOST: usize = 64;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
