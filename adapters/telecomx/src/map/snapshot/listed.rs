//! Extensions and users: lists that come in pages, and single ones that changed.

use std::collections::HashSet;

use adapter::json::Json;
use model::{
    Collection, Fact, Text, UserRef,
    observation::{ExtensionPatch, UserPatch},
};

use super::{Ask, MAX_LISTED, Translator};
use crate::{
    map::{
        directory,
        read::{self, flag, text},
        tell::{self, Telling},
        words,
    },
    wire::rest,
};

impl Translator {
    pub(super) fn extensions(
        &mut self,
        tell: &mut Telling,
        from: u64,
        page: &rest::Page<rest::Extension<'_>>,
    ) {
        if from == 0 {
            self.pages.extensions.clear();
        }
        let next = next_page(from, page.items.len(), page.total);
        for extension in &page.items {
            if self.pages.extensions.len() < MAX_LISTED
                && let Some(listed) = self.extension_listed(extension)
            {
                self.pages.extensions.push(listed);
            }
        }
        if let Some(next) = next {
            return self.sync.want_next(Ask::Extensions(next));
        }
        let listed = std::mem::take(&mut self.pages.extensions);
        let names: HashSet<Text> = listed.iter().map(|(id, _)| id.clone()).collect();
        let spared: Vec<Fact> = self
            .sync
            .touched_keys()
            .filter(|id| !names.contains(*id) && self.directory.knows_extension(id))
            .map(|id| Fact::Extension {
                at: self.directory.extension_ref(id),
                action: None,
                patch: Box::default(),
            })
            .collect();
        let facts = listed.into_iter().map(|(_, fact)| fact).chain(spared);
        self.list(tell, Collection::Extensions, "snapshot.extension", facts);
    }

    pub(super) fn users(
        &mut self,
        tell: &mut Telling,
        from: u64,
        page: &rest::Page<rest::Employee<'_>>,
    ) {
        if from == 0 {
            self.pages.users.clear();
        }
        let next = next_page(from, page.items.len(), page.total);
        for user in &page.items {
            if self.pages.users.len() < MAX_LISTED
                && let Some(listed) = user_listed(user)
            {
                self.pages.users.push(listed);
            }
        }
        if let Some(next) = next {
            return self.sync.want_next(Ask::Users(next));
        }
        let listed = std::mem::take(&mut self.pages.users);
        let facts = listed.into_iter().map(|(_, fact)| fact);
        self.list(tell, Collection::Users, "snapshot.user", facts);
    }

    pub(super) fn extension_listed(&mut self, told: &rest::Extension<'_>) -> Option<(Text, Fact)> {
        let id = text(&told.id)?;
        if self.sync.is_touched(id) && !self.directory.knows_extension(id) {
            // Gone since the question was asked.
            return None;
        }
        if let Some(direct) = text(&told.direct) {
            self.directory.learn_direct(direct);
        }
        let employee = owner(&told.employee);
        let state = text(&told.state)
            .and_then(words::extension_state)
            .filter(|_| !self.sync.is_touched(id));
        let learnt = directory::Extension {
            number: read::shared(&told.number),
            name: read::shared(&told.name),
            user: employee.clone(),
            user_name: None,
            state,
        };
        self.directory.learn_extension(id, learnt);
        let patch = ExtensionPatch {
            name: read::shared(&told.name),
            user: employee.as_deref().map(|employee| UserRef {
                id: Some(self.source.entity(employee)),
                name: None,
            }),
            call_state: state,
            dnd: flag(&told.dnd).filter(|_| !self.sync.is_touched(id)),
            native: tell::native(&[
                ("extension_id", Some(id)),
                ("customer", text(&told.customer)),
                ("direct", text(&told.direct)),
                ("type", text(&told.kind)),
                ("employee_id", employee.as_deref()),
            ]),
            ..ExtensionPatch::default()
        };
        let fact = Fact::Extension {
            at: self.directory.extension_ref(id),
            action: None,
            patch: Box::new(patch),
        };
        Some((id.into(), fact))
    }
}

/// A user as listed. None for one that is deleted.
pub(super) fn user_listed(told: &rest::Employee<'_>) -> Option<(Text, Fact)> {
    let id = read::shared(&told.id)?;
    let state = text(&told.state).map(words::normal);
    let enabled = match state.as_deref() {
        Some("DELETED") => return None,
        Some("ENABLED") => Some(true),
        Some("DISABLED") => Some(false),
        _ => None,
    };
    let fact = Fact::User {
        key: id.clone(),
        action: None,
        patch: Box::new(UserPatch {
            name: read::shared(&told.name),
            email: read::shared(&told.email),
            enabled,
            native: tell::native(&[
                ("employee_id", Some(&id)),
                ("access_level", text(&told.access_level)),
            ]),
            ..UserPatch::default()
        }),
    };
    Some((id, fact))
}

/// Where the next page begins, when there is one.
fn next_page(from: u64, items: usize, total: Option<u64>) -> Option<u64> {
    let next = from + u64::try_from(items).unwrap_or(0);
    let more = total.is_some_and(|total| next < total);
    (items > 0 && more).then_some(next)
}

/// Whose an extension is: an id, or an object with one.
fn owner(told: &Json<'_>) -> Option<Text> {
    match told {
        Json::Text(id) => {
            let id = id.trim();
            (!id.is_empty()).then(|| read::cut(id).into())
        }
        Json::Object(pairs) => {
            let id = pairs.iter().find(|(key, _)| key == "_id" || key == "id");
            owner(&id?.1)
        }
        _ => None,
    }
}
