//! Reads typed values out of the tree and gathers every mistake on the way, unknown keys included.

use std::{
    borrow::Cow,
    cell::RefCell,
    fmt::Display,
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use super::{
    environment::Variables,
    mistake::{Mistake, Origin},
    suggest::nearest,
    tree::{Entry, Node, Table, Value},
};

/// What a config may refer to outside of itself, handed in.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// The environment.
    pub variables: &'a Variables,
    /// Reads a small text file, such as one that holds a secret.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<String>,
}

/// What all readers of one config share.
pub(super) struct Context<'a> {
    /// The folder that relative paths start from: that of the file.
    pub(super) folder: &'a Path,
    pub(super) outside: Outside<'a>,
    pub(super) root: &'a Table,
    pub(super) mistakes: RefCell<Vec<Mistake>>,
}

/// One table of the config. Keys that nobody asked for are mistakes.
pub(super) struct Reader<'a> {
    table: Option<&'a Table>,
    origin: Origin,
    path: String,
    asked: Vec<&'static str>,
    context: &'a Context<'a>,
}

/// One value of the config and what is needed to complain about it.
pub(super) struct Slot<'a> {
    pub(super) node: &'a Node,
    pub(super) key: String,
    pub(super) context: &'a Context<'a>,
}

/// A type that a value of the config can be read as.
pub(super) trait Read: Sized {
    /// The value, or `None` after a complaint.
    fn read(slot: &Slot<'_>) -> Option<Self>;
}

impl<'a> Context<'a> {
    /// Reads the whole config.
    pub(super) fn read<T>(&'a self, read: impl FnOnce(&mut Reader<'a>) -> T) -> T {
        let mut reader = Reader {
            table: Some(self.root),
            origin: Origin::START,
            path: String::new(),
            asked: Vec::new(),
            context: self,
        };
        let value = read(&mut reader);
        reader.refuse_strangers();
        value
    }

    /// The keys of a table of the file.
    pub(super) fn names(&self, table: &str) -> Vec<&'a str> {
        match self.root.0.get(table).map(|entry| &entry.node.value) {
            Some(Value::Table(table)) => table.0.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn complain(
        &self,
        origin: &Origin,
        key: impl Into<String>,
        wrong: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.mistakes.borrow_mut().push(Mistake {
            origin: origin.clone(),
            key: key.into(),
            wrong: wrong.into(),
            mend: mend.into(),
        });
    }

    /// Complains about the value at a path, or about the nearest table above it that was given.
    pub(super) fn complain_at(&self, path: &[&str], wrong: impl Into<String>, mend: &str) {
        let (mut table, mut origin) = (Some(self.root), &Origin::START);
        for name in path {
            let entry = table.and_then(|table| table.0.get(*name));
            origin = entry.map_or(origin, |entry| &entry.node.origin);
            table = match entry.map(|entry| &entry.node.value) {
                Some(Value::Table(table)) => Some(table),
                _ => None,
            };
        }
        self.complain(origin, path.join("."), wrong, mend);
    }
}

impl<'a> Reader<'a> {
    /// A value that may be absent.
    pub(super) fn optional<T: Read>(&mut self, key: &'static str) -> Option<T> {
        T::read(&self.slot(key)?)
    }

    /// A value with a default.
    pub(super) fn or<T: Read>(&mut self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// A value with a default and limits.
    pub(super) fn within<T: Read + PartialOrd + Display>(
        &mut self,
        key: &'static str,
        default: T,
        limits: RangeInclusive<T>,
    ) -> T {
        let Some(slot) = self.slot(key) else {
            return default;
        };
        match T::read(&slot) {
            Some(value) if limits.contains(&value) => value,
            Some(value) => {
                let (least, most) = limits.into_inner();
                slot.wrong::<T>(
                    format!("{value} is out of bounds"),
                    format!("write a value from {least} to {most}"),
                );
                default
            }
            None => default,
        }
    }

    /// A whole number with a default and limits.
    pub(super) fn count(
        &mut self,
        key: &'static str,
        default: u32,
        limits: RangeInclusive<u32>,
    ) -> u32 {
        let limits = i64::from(*limits.start())..=i64::from(*limits.end());
        let number = self.within(key, i64::from(default), limits);
        u32::try_from(number).unwrap_or(default)
    }

    /// A value that must be there; `mend` says what to write.
    pub(super) fn required<T: Read>(&mut self, key: &'static str, mend: &str) -> Option<T> {
        match self.slot(key) {
            Some(slot) => T::read(&slot),
            None => {
                self.missing(key, mend);
                None
            }
        }
    }

    /// Complains that a key is missing.
    pub(super) fn missing(&self, key: &str, mend: &str) {
        let wrong = format!("the key `{key}` is missing");
        self.context
            .complain(&self.origin, self.path.clone(), wrong, mend);
    }

    /// A table below this one; an absent one is read as empty.
    pub(super) fn table<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        let slot = self.slot(key);
        let path = self.join(key);
        let mut reader = Self {
            table: slot.as_ref().and_then(Slot::table),
            origin: slot.map_or_else(|| self.origin.clone(), |slot| slot.node.origin.clone()),
            path,
            asked: Vec::new(),
            context: self.context,
        };
        let value = read(&mut reader);
        reader.refuse_strangers();
        value
    }

    /// A table below this one that may be absent.
    pub(super) fn optional_table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        self.slot(key)?.table()?;
        self.table(key, read)
    }

    /// A list of tables (`[[key]]`).
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Vec<T> {
        let Some(slot) = self.slot(key) else {
            return Vec::new();
        };
        let mut values = Vec::new();
        for item in slot.items() {
            if let Some(table) = item.table() {
                let mut reader = Self {
                    table: Some(table),
                    origin: item.node.origin.clone(),
                    path: item.key,
                    asked: Vec::new(),
                    context: self.context,
                };
                values.extend(read(&mut reader));
                reader.refuse_strangers();
            }
        }
        values
    }

    /// Every key of this table with its value, for tables whose keys are names. The origin is the key's.
    pub(super) fn entries(&self) -> Vec<(&'a str, &'a Origin, Slot<'a>)> {
        let entries = self.table.into_iter().flat_map(|table| &table.0);
        entries
            .map(|(name, entry)| {
                let slot = Slot {
                    node: &entry.node,
                    key: self.join(name),
                    context: self.context,
                };
                (name.as_str(), &entry.origin, slot)
            })
            .collect()
    }

    /// Complains about the value of a key, or about this table where the key is absent.
    pub(super) fn complain(&self, key: &str, wrong: impl Into<String>, mend: impl Into<String>) {
        let origin = self
            .entry(key)
            .map_or(&self.origin, |entry| &entry.node.origin);
        self.context.complain(origin, self.join(key), wrong, mend);
    }

    /// The value of a key that may be absent, unread.
    pub(super) fn slot(&mut self, key: &'static str) -> Option<Slot<'a>> {
        self.asked.push(key);
        self.entry(key).map(|entry| Slot {
            node: &entry.node,
            key: self.join(key),
            context: self.context,
        })
    }

    /// Whether the key was given, rightly or wrongly.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Whether a complaint about the key, or its absence, was made.
    pub(super) fn is_wrong(&self, key: &str) -> bool {
        let (path, missing) = (self.join(key), format!("the key `{key}` is missing"));
        let mistakes = self.context.mistakes.borrow();
        mistakes.iter().any(|mistake| {
            let about = mistake.key.strip_prefix(&path);
            let within = about.is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']));
            within || (mistake.key == self.path && mistake.wrong == missing)
        })
    }

    /// A small text file that the config refers to.
    pub(super) fn outside(&self, path: &Path) -> io::Result<String> {
        (self.context.outside.read_file)(path)
    }

    /// Marks every key as known.
    pub(super) fn accept_all(&mut self) {
        self.table = None;
    }

    fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.table.and_then(|table| table.0.get(key))
    }

    fn join(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn refuse_strangers(&self) {
        let entries = self.table.into_iter().flat_map(|table| &table.0);
        for (name, entry) in entries.filter(|(name, _)| !self.asked.contains(&name.as_str())) {
            let mut known = self.asked.clone();
            known.sort_unstable();
            known.dedup();
            let here = format!("the keys here are {}", known.join(", "));
            let mend = match nearest(name, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`? {here}"),
                None => format!("remove it; {here}"),
            };
            self.context
                .complain(&entry.origin, self.join(&cut(name)), "unknown key", mend);
        }
    }
}

impl<'a> Slot<'a> {
    /// Complains about this value.
    pub(super) fn wrong<T>(&self, wrong: impl Into<String>, mend: impl Into<String>) -> Option<T> {
        self.context
            .complain(&self.node.origin, self.key.clone(), wrong, mend);
        None
    }

    /// Complains that this value is of the wrong kind.
    pub(super) fn unlike<T>(&self, wanted: &str, mend: impl Into<String>) -> Option<T> {
        let wrong = format!("expected {wanted}, found {}", self.node.value.kind());
        self.wrong(wrong, mend)
    }

    /// The value as text; what a variable holds is always text as well.
    pub(super) fn text(&self, example: &str) -> Option<Cow<'a, str>> {
        match (&self.node.value, &self.node.spelt) {
            (Value::Text(text), _) => Some(text.into()),
            (_, Some(text)) => Some(text.as_ref().into()),
            _ => self.unlike("a string", format!("write it in quotes, such as {example}")),
        }
    }

    /// The value as a table.
    pub(super) fn table(&self) -> Option<&'a Table> {
        match &self.node.value {
            Value::Table(table) => Some(table),
            _ => self.unlike(
                "a table",
                "write `{ key = value, … }` or a section in brackets",
            ),
        }
    }

    /// The items of a list; none after a complaint.
    pub(super) fn items(&self) -> Vec<Self> {
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

    /// A reader of the table that this value is; afterwards unknown keys are refused.
    pub(super) fn read_table<T>(
        &self,
        read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
    ) -> Option<T> {
        let mut reader = Reader {
            table: Some(self.table()?),
            origin: self.node.origin.clone(),
            path: self.key.clone(),
            asked: Vec::new(),
            context: self.context,
        };
        let value = read(&mut reader);
        reader.refuse_strangers();
        value
    }

    /// Text read by `parse`; where it gives nothing: "`text` is no `what`".
    pub(super) fn parsed<T>(
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
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
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
}

impl Read for i64 {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        match slot.node.value {
            Value::Integer(number) => Some(number),
            _ => slot.unlike("an integer", "write a whole number, without quotes"),
        }
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
}

/// The start of a text from outside, for messages.
pub(super) fn cut(text: &str) -> String {
    const MOST: usize = 64;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
