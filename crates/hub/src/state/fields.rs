//! Patches: what is told is taken over, and what that changes is named.

use model::{Change, Native, Text};

/// The names of the fields that a patch changed.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<Text>);

impl Fields {
    /// Takes over what is told.
    pub(super) fn set<T: Clone + PartialEq>(
        &mut self,
        name: &str,
        known: &mut Option<T>,
        told: &Option<T>,
    ) {
        if told.is_some() && known != told {
            known.clone_from(told);
            self.note(name);
        }
    }

    pub(super) fn native(&mut self, known: &mut Native, told: &Native) {
        let before = known.clone();
        known.merge(told);
        if *known != before {
            self.note("native");
        }
    }

    pub(super) fn note(&mut self, name: &str) {
        self.0.push(name.into());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn change(&self) -> Change {
        Change {
            fields: self.0.clone(),
            ..Change::default()
        }
    }
}
