//! Reads typed values out of the tree and gathers every mistake on the way, unknown keys included.

mod slot;

use std::{
    cell::RefCell, collections::BTreeMap, fmt::Display, io, ops::RangeInclusive, path::Path,
};

use serde_json::{Value as Json, json};

pub(super) use slot::{Read, Slot, cut};

use super::{
    environment::Variables,
    mistake::{Mistake, Origin},
    suggest::nearest,
    tree::{Entry, Table, Value},
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

/// One table of the config. Keys that nobody asks for are mistakes; those that are asked for make up its schema.
pub(super) struct Reader<'a> {
    table: Option<&'a Table>,
    origin: Origin,
    path: String,
    /// The schema of each key that was asked for.
    asked: BTreeMap<&'static str, Json>,
    /// The keys that must be there.
    required: Vec<&'static str>,
    /// The schema of the values of a table whose keys are names.
    named: Option<Json>,
    context: &'a Context<'a>,
}

impl<'a> Context<'a> {
    /// Reads the whole config.
    pub(super) fn read<T>(&'a self, read: impl FnOnce(&mut Reader<'a>) -> T) -> T {
        Reader::on(Some(self.root), Origin::START, String::new(), self).finish(read)
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
    fn on(
        table: Option<&'a Table>,
        origin: Origin,
        path: String,
        context: &'a Context<'a>,
    ) -> Self {
        Self {
            table,
            origin,
            path,
            asked: BTreeMap::new(),
            required: Vec::new(),
            named: None,
            context,
        }
    }

    /// Reads, then refuses the keys that nobody asked for.
    fn finish<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let value = read(self);
        self.refuse_strangers();
        value
    }

    /// A value that may be absent.
    pub(super) fn optional<T: Read>(&mut self, key: &'static str) -> Option<T> {
        self.describe(key, T::schema());
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
        let mut schema = T::schema();
        schema["default"] = json!(default.to_string());
        self.describe(key, schema);
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
        let (least, most) = limits.into_inner();
        let limits = i64::from(least)..=i64::from(most);
        let number = self.within(key, i64::from(default), limits);
        self.describe(
            key,
            json!({"type": "integer", "minimum": least, "maximum": most, "default": default}),
        );
        u32::try_from(number).unwrap_or(default)
    }

    /// One of a fixed set of words, which may be absent.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        self.describe(key, json!({ "enum": names }));
        self.slot(key)?.word(words)
    }

    /// A value that must be there; `mend` says what to write.
    pub(super) fn required<T: Read>(&mut self, key: &'static str, mend: &str) -> Option<T> {
        let value = self.optional(key);
        self.require(key, mend);
        value
    }

    /// Complains when a key is missing; `mend` says what to write.
    pub(super) fn require(&mut self, key: &'static str, mend: &str) {
        self.required.push(key);
        if self.entry(key).is_none() {
            let wrong = format!("the key `{key}` is missing");
            self.context
                .complain(&self.origin, self.path.clone(), wrong, mend);
        }
    }

    /// A table below this one; an absent one is read as empty.
    pub(super) fn table<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        let slot = self.slot(key);
        let origin = match &slot {
            Some(slot) => slot.node.origin.clone(),
            None => self.origin.clone(),
        };
        let table = slot.as_ref().and_then(Slot::table);
        let mut below = Reader::on(table, origin, self.join(key), self.context);
        let value = below.finish(read);
        self.describe(key, below.schema());
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
        let mut values = Vec::new();
        for item in self.slot(key).iter().flat_map(Slot::items) {
            let Some(table) = item.table() else { continue };
            let mut below = Reader::on(
                Some(table),
                item.node.origin.clone(),
                item.key,
                self.context,
            );
            values.extend(below.finish(&mut read));
            self.describe(key, json!({"type": "array", "items": below.schema()}));
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
        self.asked.entry(key).or_insert_with(|| json!({}));
        self.entry(key).map(|entry| Slot {
            node: &entry.node,
            key: self.join(key),
            context: self.context,
        })
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

    /// Says what the values are in a table whose keys are names.
    pub(super) fn accept_names(&mut self, schema: Json) {
        self.named = Some(schema);
        self.accept_all();
    }

    /// Says what a key is, in place of what was said before.
    pub(super) fn describe(&mut self, key: &'static str, schema: Json) {
        self.asked.insert(key, schema);
    }

    /// The JSON Schema of this table, as far as it was read.
    pub(super) fn schema(&self) -> Json {
        json!({
            "type": "object",
            "properties": self.asked,
            "required": self.required,
            "additionalProperties": self.named.as_ref().unwrap_or(&Json::Bool(false)),
        })
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
        for (name, entry) in entries.filter(|(name, _)| !self.asked.contains_key(name.as_str())) {
            let known: Vec<&str> = self.asked.keys().copied().collect();
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
