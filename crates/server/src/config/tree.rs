//! The config before it is typed: a tree of values that remember where they were given.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use toml_edit::{Document, Item, TableLike};

use super::mistake::{Mistake, Mistakes, Origin};

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
    /// The text of the variable it was read from: the value again, where a string is wanted.
    pub(super) spelt: Option<Arc<str>>,
}

#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Flag(bool),
    /// Floats and dates: no key wants one.
    Other(&'static str),
    List(Vec<Node>),
    Table(Table),
}

#[derive(Clone, Default)]
pub(super) struct Table(pub(super) BTreeMap<String, Entry>);

#[derive(Clone)]
pub(super) struct Entry {
    /// Where the key stands.
    pub(super) origin: Origin,
    pub(super) node: Node,
}

impl Value {
    /// The kind of the value, with its article.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Flag(_) => "a boolean",
            Self::Other(kind) => kind,
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads TOML.
///
/// # Errors
/// One mistake: a file that is not TOML is not read any further.
pub(super) fn parse(file: &Path, text: &str) -> Result<Table, Mistakes> {
    let places = Places::new(text);
    match Document::parse(text) {
        Ok(document) => Ok(places.table(document.as_table())),
        Err(error) => {
            // Only the message: the error's full text quotes the line, which may hold a secret.
            let mistake = Mistake {
                origin: places.at(error.span().map(|span| span.start)),
                key: String::new(),
                wrong: format!("this is not TOML: {}", error.message().replace('\n', ", ")),
                mend: "correct the line; further mistakes are found once the file can be read"
                    .to_owned(),
            };
            Err(Mistakes::new(file, vec![mistake]))
        }
    }
}

/// Reads the text of a variable: a TOML value where it is one, else a plain string.
pub(super) fn variable(name: &Arc<str>, text: &str) -> Node {
    let origin = Origin::Variable(Arc::clone(name));
    let mut node = match text.parse::<toml_edit::Value>() {
        Ok(value) => Places::Variable(origin).node(&Item::Value(value)),
        Err(_) => Node {
            origin,
            value: Value::Text(text.to_owned()),
            spelt: None,
        },
    };
    if !matches!(node.value, Value::Text(_)) {
        node.spelt = Some(text.into());
    }
    node
}

/// Tells where a piece of the document stands.
enum Places<'a> {
    File { text: &'a str, lines: Vec<usize> },
    Variable(Origin),
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        Self::File { text, lines }
    }

    fn at(&self, byte: Option<usize>) -> Origin {
        match self {
            Self::Variable(origin) => origin.clone(),
            Self::File { text, lines } => {
                let byte = byte.unwrap_or(0).min(text.len());
                let line = lines.partition_point(|start| *start <= byte);
                let start = lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
                let column = 1 + text.get(start..byte).map_or(0, |part| part.chars().count());
                Origin::File { line, column }
            }
        }
    }

    fn table(&self, table: &dyn TableLike) -> Table {
        let entry = |(name, item): (&str, &Item)| {
            let key = table.key(name).and_then(toml_edit::Key::span);
            let origin = self.at(key.or_else(|| item.span()).map(|span| span.start));
            let mut node = self.node(item);
            // A table made by dotted keys has no place of its own.
            if item.span().is_none() {
                node.origin = origin.clone();
            }
            (name.to_owned(), Entry { origin, node })
        };
        Table(table.iter().map(entry).collect())
    }

    fn node(&self, item: &Item) -> Node {
        use toml_edit::Value as Toml;
        let value = match item {
            Item::None => Value::Other("nothing"),
            Item::Table(table) => Value::Table(self.table(table)),
            Item::Value(Toml::InlineTable(table)) => Value::Table(self.table(table)),
            Item::ArrayOfTables(tables) => {
                let tables = tables.iter().map(|table| Node {
                    origin: self.at(table.span().map(|span| span.start)),
                    value: Value::Table(self.table(table)),
                    spelt: None,
                });
                Value::List(tables.collect())
            }
            Item::Value(Toml::Array(values)) => {
                let values = values.iter().map(|value| self.value(value));
                Value::List(values.collect())
            }
            Item::Value(Toml::String(text)) => Value::Text(text.value().clone()),
            Item::Value(Toml::Integer(number)) => Value::Integer(*number.value()),
            Item::Value(Toml::Boolean(flag)) => Value::Flag(*flag.value()),
            Item::Value(Toml::Float(_)) => Value::Other("a number with a fraction"),
            Item::Value(Toml::Datetime(_)) => Value::Other("a date"),
        };
        Node {
            origin: self.at(item.span().map(|span| span.start)),
            value,
            spelt: None,
        }
    }

    fn value(&self, value: &toml_edit::Value) -> Node {
        self.node(&Item::Value(value.clone()))
    }
}
