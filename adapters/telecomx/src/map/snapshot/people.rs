//! People: presence, extensions and what these do, and the calls we may see.

use std::collections::HashSet;

use adapter::json::Json;
use model::{
    Collection, Fact, Text,
    observation::{Ref, Scope, UserPatch},
};

use super::Translator;
use crate::{
    map::{
        directory,
        read::{self, text},
        remark,
        tell::{self, Telling},
        words,
    },
    wire::rest,
};

impl Translator {
    /// People: presence, extensions and what these do, and the calls we may see.
    pub(super) fn people(&mut self, tell: &mut Telling, people: Vec<rest::Employee<'_>>) {
        let scope = |collection| Scope {
            collection,
            tenant: tell.tenant.clone(),
            within: None,
            complete: false,
        };
        let scopes = [Collection::Users, Collection::Extensions].map(scope);
        for scope in scopes.clone() {
            tell.native("snapshot.people", Fact::SnapshotBegin(scope));
        }
        let mut visible: HashSet<Text> = HashSet::new();
        let mut calls = Vec::new();
        for mut person in people {
            let alone = text(&person.kind).is_some_and(|kind| words::normal(kind) == "EXTENSION");
            if alone {
                let extension = rest::Extension {
                    id: person.id.take(),
                    name: person.name.take(),
                    number: person.number.take(),
                    state: person.extension_state.take().or(person.state.take()),
                    calls: std::mem::take(&mut person.calls),
                    ..rest::Extension::default()
                };
                self.person_extension(tell, None, extension, &mut visible, &mut calls);
                continue;
            }
            let Some(id) = read::shared(&person.id) else {
                continue;
            };
            self.person(tell, &id, &person);
            for extension in std::mem::take(&mut person.extensions) {
                self.person_extension(tell, Some(&person), extension, &mut visible, &mut calls);
            }
            calls.append(&mut person.calls);
        }
        for scope in scopes {
            tell.native("snapshot.people", Fact::SnapshotEnd(scope));
        }
        let listed = self.calls_listed(tell, calls);
        self.absent(tell, |id, extension| {
            !listed.contains(id) && extension.is_some_and(|extension| visible.contains(extension))
        });
    }

    fn person(&mut self, tell: &mut Telling, id: &Text, person: &rest::Employee<'_>) {
        let extensions: Vec<Ref> = person
            .extensions
            .iter()
            .filter_map(|extension| {
                let id = text(&extension.id)?;
                let mut at = self.directory.extension_ref(id);
                at.number = read::shared(&extension.number).or(at.number);
                Some(at)
            })
            .collect();
        let presence = person
            .presence
            .first()
            .and_then(remark::presence)
            .filter(|_| !self.sync.is_touched(id));
        let fact = Fact::User {
            key: id.clone(),
            action: None,
            patch: Box::new(UserPatch {
                name: read::shared(&person.name),
                email: read::shared(&person.email),
                extensions: (!extensions.is_empty()).then_some(extensions),
                presence,
                enabled: None,
                native: tell::native(&[
                    ("employee_id", Some(id)),
                    ("title", text(&person.title)),
                    ("department", text(&person.department)),
                ]),
            }),
        };
        tell.native("snapshot.people", fact);
    }

    fn person_extension<'a>(
        &mut self,
        tell: &mut Telling,
        person: Option<&rest::Employee<'a>>,
        mut extension: rest::Extension<'a>,
        visible: &mut HashSet<Text>,
        calls: &mut Vec<rest::Call<'a>>,
    ) {
        let Some(id) = read::shared(&extension.id) else {
            return;
        };
        let its = std::mem::take(&mut extension.calls);
        if let Some(person) = person
            && let Some(employee) = &person.id
        {
            extension.employee = Json::Text(employee.clone());
        }
        if let Some((_, fact)) = self.extension_listed(&extension) {
            tell.native("snapshot.people", fact);
        }
        if let Some(person) = person {
            let named = directory::Extension {
                user_name: read::shared(&person.name),
                ..directory::Extension::default()
            };
            self.directory.learn_extension(&id, named);
        }
        if let Some(state) = self.directory.state(&id)
            && !self.sync.is_touched(&id)
        {
            self.agents_do(tell, &id, state, None, None);
        }
        visible.insert(id.clone());
        let number = read::shared(&extension.number);
        for mut call in its {
            // Legs of others in the same conversation may stand beside those of the extension.
            let inbound = matches!(text(&call.leg), Some("I" | "i"));
            let at = if inbound { &call.caller } else { &call.callee };
            let own = text(at).is_none_or(|at| number.as_deref() == Some(at));
            if call.extension.is_none() && own {
                call.extension = Some(id.to_string().into());
            }
            calls.push(call);
        }
    }
}
