//! Patches: what is told is taken over, and what that changes is named.

use model::{Change, Native, Text};
use serde_json::{Map, Value};

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

    /// What a PBX keeps about somebody: what is told of it.
    pub(super) fn stats(
        &mut self,
        known: &mut Option<Map<String, Value>>,
        told: &Map<String, Value>,
    ) {
        let is_known = |name: &str, value: &Value| {
            let known = known.as_ref().and_then(|known| known.get(name));
            known == Some(value)
        };
        if told.iter().all(|(name, value)| is_known(name, value)) {
            return;
        }
        let told = told
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        known.get_or_insert_default().extend(told);
        self.note("stats");
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
