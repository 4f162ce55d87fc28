//! What is wrong with a config, where, and how to mend it.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// In the file: line and column, both from 1, columns in characters.
    File {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// In the environment variable of this name.
    Variable(Arc<str>),
}

/// One mistake. Never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Where.
    pub origin: Origin,
    /// The key: `sources.hq.url`. Empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong.
    pub wrong: String,
    /// What to do about it.
    pub mend: String,
}

/// Every mistake of a config, in the order of the file; those of the environment last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    file: PathBuf,
    list: Vec<Mistake>,
}

impl Origin {
    /// The start of a file.
    pub(super) const START: Self = Self::File { line: 1, column: 1 };
}

impl Mistakes {
    pub(super) fn new(file: &Path, mut list: Vec<Mistake>) -> Self {
        list.sort();
        list.dedup();
        let file = file.to_owned();
        Self { file, list }
    }

    /// The mistakes; at least one.
    #[must_use]
    pub fn list(&self) -> &[Mistake] {
        &self.list
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.list {
            match &mistake.origin {
                Origin::File { line, column } => {
                    write!(f, "{}:{line}:{column}: ", self.file.display())?;
                }
                Origin::Variable(name) => write!(f, "{name}: ")?,
            }
            if !mistake.key.is_empty() {
                write!(f, "{}: ", mistake.key)?;
            }
            writeln!(f, "{}\n  mend: {}", mistake.wrong, mistake.mend)?;
        }
        match self.list.len() {
            1 => write!(f, "1 mistake"),
            n => write!(f, "{n} mistakes"),
        }
    }
}

impl std::error::Error for Mistakes {}
