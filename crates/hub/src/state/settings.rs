//! What the state is told about a configured source.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use model::{Collection, Text};

/// How a source is to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSettings {
    /// The adapter, for the source entity.
    pub adapter: Text,
    /// The mapping and its version, for `origin.mapping`.
    pub mapping: Text,
    /// How long a call that had an open leg and has none stays open.
    pub call_grace: Duration,
    /// How long a call lives of which nothing is heard.
    pub max_call_age: Duration,
    /// The most open calls. What belongs to a further one is dropped, and the source is degraded.
    pub max_open_calls: usize,
    /// Whether events carry the native body.
    pub include_native: bool,
    /// What the source can tell of at all: a gap may hide news of it.
    pub tells: BTreeSet<Collection>,
    /// The PBX's id of the tenant that everything of the source belongs to, when there is only one.
    pub tenant: Option<Text>,
    /// Names of tenants, by the PBX's id.
    pub tenants: BTreeMap<Text, Text>,
}

impl SourceSettings {
    /// The name of a tenant; its native id when none is configured.
    pub(super) fn tenant(&self, native: &Text) -> Text {
        Text::clone(self.tenants.get(native).unwrap_or(native))
    }
}

impl Default for SourceSettings {
    fn default() -> Self {
        Self {
            adapter: "".into(),
            mapping: "".into(),
            call_grace: Duration::from_secs(3),
            max_call_age: Duration::from_secs(12 * 60 * 60),
            max_open_calls: 100_000,
            include_native: true,
            tells: BTreeSet::new(),
            tenant: None,
            tenants: BTreeMap::new(),
        }
    }
}
