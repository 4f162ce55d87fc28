//! Shelves: small things that others keep in the log's database, beside the events and under the same promise.

use bytes::Bytes;
use model::Text;

/// A change of what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shelving {
    /// Keeps something under a key, instead of what was there.
    Put {
        /// The shelf.
        shelf: Text,
        /// The key, unique on its shelf. Shelves are read in the order of keys.
        key: Text,
        /// What is kept.
        value: Bytes,
    },
    /// Takes one thing away.
    Drop {
        /// The shelf.
        shelf: Text,
        /// The key.
        key: Text,
    },
    /// Takes everything away from a shelf.
    Clear {
        /// The shelf.
        shelf: Text,
    },
}

impl Shelving {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Put { key, value, .. } => key.len() + value.len(),
            Self::Drop { key, .. } => key.len(),
            Self::Clear { .. } => 0,
        }
    }
}
