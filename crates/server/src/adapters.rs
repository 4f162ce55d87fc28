//! The adapters there are: the only place in this crate that names a PBX vendor.

mod portsip;

use crate::config::{Problem, Source};

/// Every adapter. The order is that of messages.
pub const ALL: &[Entry] = &[portsip::ENTRY];

/// What the config must know of an adapter.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in `adapter = "…"`.
    pub name: &'static str,
    /// The URL schemes it speaks, the encrypted one first.
    pub schemes: &'static [&'static str],
    /// A URL to show as an example.
    pub example: &'static str,
    /// Its own keys, beside those common to all sources.
    pub keys: &'static [Key],
    /// Finds broken rules that span several keys, or that only the adapter knows. Does no IO.
    pub check: fn(&Source) -> Vec<Problem>,
}

/// A key that an adapter declares.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether it must be given.
    pub required: bool,
    /// What to write, for who left it out or got it wrong.
    pub help: &'static str,
}

/// What the value of an adapter's key is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text that is not empty.
    Text,
    /// A secret: literal, from a variable, or from a file.
    Secret,
    /// A list of texts.
    Texts,
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these words.
    Words(&'static [&'static str]),
}

impl Entry {
    /// What to write for a key.
    #[must_use]
    pub fn advice(&self, key: &str) -> &'static str {
        let known = self.keys.iter().find(|known| known.name == key);
        known.map_or("correct it", |key| key.help)
    }
}
