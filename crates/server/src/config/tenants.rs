//! `[tenants]`: one name for what each PBX calls its tenant.

use std::collections::BTreeMap;

use model::{SourceId, Text};
use serde_json::{Value as Json, json};

use super::{
    reader::{Read, Reader, Slot, cut},
    sources,
    tree::Value,
};

/// Canonical names of tenants, by source and native id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenants(BTreeMap<SourceId, BTreeMap<String, Text>>);

/// The ids by which one PBX knows a tenant: one text or a list of them.
struct NativeIds(Vec<String>);

impl Tenants {
    /// The canonical name of a native tenant id, where one is configured.
    #[must_use]
    pub fn name(&self, source: &SourceId, native: &str) -> Option<&Text> {
        self.0.get(source)?.get(native)
    }

    /// The names by native id, for one source.
    #[must_use]
    pub fn of(&self, source: &SourceId) -> Option<&BTreeMap<String, Text>> {
        self.0.get(source)
    }

    /// Reads the names; `given` are the names of the sources in the file.
    pub(super) fn read(reader: &mut Reader<'_>, given: &[&str]) -> Self {
        let mut tenants = Self::default();
        for (name, _, slot) in reader.entries() {
            slot.read_table(|natives| {
                for (source, origin, ids) in natives.entries() {
                    sources::refuse_unknown(source, given, |wrong, mend| {
                        ids.context.complain(origin, ids.key.clone(), wrong, mend);
                    });
                    if let Ok(source) = SourceId::new(source) {
                        tenants.add(source, name, &ids);
                    }
                }
                natives.accept_all();
                Some(())
            });
        }
        reader.accept_names(json!({"type": "object", "additionalProperties": NativeIds::schema()}));
        tenants
    }

    fn add(&mut self, source: SourceId, name: &str, slot: &Slot<'_>) {
        let names = self.0.entry(source).or_default();
        for id in NativeIds::read(slot).into_iter().flat_map(|ids| ids.0) {
            if let Some(other) = names.insert(id, name.into())
                && *other != *name
            {
                let wrong = format!("tenant {:?} has this id already", cut(&other));
                slot.wrong::<()>(wrong, "a native id belongs to one tenant");
            }
        }
    }
}

impl Read for NativeIds {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        match slot.node.value {
            Value::List(_) => Read::read(slot).map(Self),
            _ => String::read(slot).map(|id| Self(vec![id])),
        }
    }

    fn schema() -> Json {
        json!({"type": ["string", "array"], "items": {"type": "string"}})
    }
}
