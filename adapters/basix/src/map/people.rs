//! Users and their phones.

use model::{
    DeviceKind, Fact, Native, Text, UserRef,
    observation::{DevicePatch, ExtensionPatch, Ref, Registration, UserPatch},
    source::Action,
};
use serde_json::json;

use super::{
    Translator,
    directory::User,
    read,
    tell::{self, Telling},
};
use crate::wire::{self, Change, Entity};

/// The most fields, and bytes of a value, that the native type does not know and that are kept all the same.
const MAX_FIELDS: usize = 32;
const MAX_VALUE: usize = 512;

impl Translator {
    pub(super) fn user(
        &mut self,
        tell: &mut Telling,
        entity: &Entity<'_>,
        user: &wire::User<'_>,
        action: Option<Action>,
    ) {
        let Some(id) = read::number_id(user.id) else {
            return tell.unrecognized("missing:user.id");
        };
        let number = read::text(&user.main_extension).map(Text::from);
        if action == Some(Action::Deleted) {
            tell.native(
                "user",
                extension(
                    self.directory.extension(&id),
                    action,
                    ExtensionPatch::default(),
                ),
            );
            tell.native(
                "user",
                Fact::User {
                    key: id.clone(),
                    action,
                    patch: Box::default(),
                },
            );
            return self.directory.forget_user(&id);
        }
        let name = read::text(&user.name).map(Text::from);
        let label = read::text(&user.label).map(Text::from);
        let known = User {
            number: number.clone(),
            name: name.clone(),
            label: label.clone(),
        };
        self.directory.note_user(&id, known);
        let at = Ref {
            id: Some(id.clone()),
            number,
        };
        let shown = label.or_else(|| name.clone());
        let mut native = tell::native(&[("user_id", Some(&id))]);
        for (name, value) in [
            ("fwd_always_status", user.fwd_always_status),
            ("language", user.language),
            ("presence", user.presence),
            ("role", user.role),
            ("park_group", user.park_group),
            ("flags", user.flags),
        ] {
            if let Some(value) = value {
                native.set(name, value);
            }
        }
        for (name, value) in [
            ("mwi", &user.mwi),
            ("mwi_target", &user.mwi_target),
            ("avatar", &user.avatar),
        ] {
            if let Some(value) = read::text(value) {
                native.set(name, value);
            }
        }
        unknown_fields(&mut native, entity);
        let patch = ExtensionPatch {
            name: shown.clone(),
            user: Some(UserRef {
                id: Some(self.source.entity(&id)),
                name: name.clone().or_else(|| shown.clone()),
            }),
            dnd: user.do_not_disturb_status.map(|status| status != 0),
            native: native.clone(),
            ..ExtensionPatch::default()
        };
        tell.native("user", extension(at.clone(), action, patch));
        let patch = UserPatch {
            name: shown,
            email: read::text(&user.email).map(Into::into),
            extensions: Some(vec![at]),
            native,
            ..UserPatch::default()
        };
        tell.native(
            "user",
            Fact::User {
                key: id,
                action,
                patch: Box::new(patch),
            },
        );
    }

    pub(super) fn terminal(
        &mut self,
        tell: &mut Telling,
        entity: &Entity<'_>,
        terminal: &wire::Terminal<'_>,
        action: Option<Action>,
    ) {
        let Some(id) = read::id(&terminal.id) else {
            return tell.unrecognized("missing:terminal.id");
        };
        let gone = action == Some(Action::Deleted) || terminal.registered == Some(false);
        let mut native = tell::native(&[
            ("terminal_id", Some(&id)),
            ("name", read::text(&terminal.name)),
            ("type", read::text(&terminal.kind)),
        ]);
        unknown_fields(&mut native, entity);
        let user = read::number_id(terminal.assoc_user_id);
        let patch = DevicePatch {
            kind: Some(DeviceKind::Phone),
            extension: user.map(|user| self.directory.extension(&user)),
            user_agent: read::text(&terminal.user_agent).map(Into::into),
            native,
            ..DevicePatch::default()
        };
        let registration = if gone {
            Registration::Unregistered
        } else {
            Registration::Registered
        };
        tell.native(
            "terminal",
            Fact::Device {
                key: id,
                registration,
                patch: Box::new(patch),
            },
        );
    }
}

/// What a change of an entity is in a directory. None for a row of a list.
pub(super) fn action(change: Option<&Change<'_>>) -> Option<Action> {
    Some(match change? {
        Change::Added => Action::Created,
        Change::Removed => Action::Deleted,
        Change::Updated | Change::Other(_) => Action::Updated,
    })
}

/// Keeps fields that nobody knows, by name.
pub(super) fn unknown_fields(native: &mut Native, entity: &Entity<'_>) {
    for name in entity.unclaimed.iter().take(MAX_FIELDS) {
        let value = entity.get(name).map(|term| json!(term)).unwrap_or_default();
        if value.to_string().len() <= MAX_VALUE {
            native.set(name, value);
        }
    }
}

fn extension(at: Ref, action: Option<Action>, patch: ExtensionPatch) -> Fact {
    Fact::Extension {
        at,
        action,
        patch: Box::new(patch),
    }
}
