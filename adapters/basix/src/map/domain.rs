//! The domain: the tenant, and an object of the directory.

use model::{
    Fact, MemoChange, Native,
    source::{Action, DirectoryObject},
};
use serde_json::Value;

use super::{Translator, read, tell::Telling};
use crate::wire::{self, Entity};

/// The memo's key of the domain as it was last told.
const DOMAIN: &str = "domain";
/// The most bytes of a domain's row that are remembered.
const MAX_DOMAIN: usize = 8 * 1024;

impl Translator {
    /// The domain is the tenant, unless another is configured. It is told when it is another than before.
    pub(super) fn domain(
        &mut self,
        tell: &mut Telling,
        entity: &Entity<'_>,
        domain: &wire::Domain<'_>,
        action: Option<Action>,
    ) {
        if self.directory.tenant.is_none() {
            self.directory.tenant = read::text(&domain.name).map(Into::into);
        }
        let row = serde_json::to_value(entity).unwrap_or_default();
        if self.domain.as_ref() == Some(&row) && action != Some(Action::Deleted) {
            return;
        }
        let mut native = Native::new();
        if let Value::Object(fields) = &row {
            for (name, value) in fields {
                native.set(name, value.clone());
            }
        }
        let object = DirectoryObject {
            kind: DOMAIN.into(),
            id: read::id(&domain.id).or_else(|| read::id(&domain.name)),
            action: action.unwrap_or(Action::Other),
            native,
        };
        tell.native("domain", Fact::Directory(Box::new(object)));
        let text = row.to_string();
        // A domain too large to be remembered is told again after a restart.
        if text.len() <= MAX_DOMAIN {
            tell.memo.push(MemoChange {
                key: DOMAIN.into(),
                value: Some(text.into()),
            });
        }
        self.domain = Some(row);
    }

    pub(super) fn resume_domain(&mut self, memo: Option<&bytes::Bytes>) {
        self.domain = memo.and_then(|memo| serde_json::from_slice(memo).ok());
    }
}
