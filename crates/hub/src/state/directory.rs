//! Users, devices and trunks.

use model::{
    Change, Collection, Device, DeviceKind, EntityId, EventType, ExtensionRef, Native, Text, Trunk,
    TrunkState, User,
    observation::{DevicePatch, Ref, Registration, UserPatch},
    source::Action,
};

use super::{State, fields::Fields, keep::Saying, mark::Turn, refs::Found};

impl State {
    /// Folds what a message tells of a user.
    pub(super) fn user(
        &mut self,
        turn: &mut Turn<'_>,
        key: &Text,
        action: Option<Action>,
        patch: &UserPatch,
    ) {
        let id = turn.mark.source.entity(key);
        self.confirm(turn, &id);
        let known = self.get::<User>(&id).map(|known| (*known).clone());
        if action == Some(Action::Deleted) {
            if let Some(user) = known {
                let saying = Saying {
                    closes: true,
                    ..Saying::default()
                };
                self.publish(turn, EventType::UserDeleted, &id, user, saying);
            }
            return;
        }
        let first = known.is_none();
        let mut user = known.unwrap_or_else(|| User {
            id: id.clone(),
            name: None,
            email: None,
            extensions: Vec::new(),
            presence: None,
            enabled: None,
            version: 0,
            native: Native::new(),
        });
        let mut fields = Fields::default();
        fields.set("name", &mut user.name, &patch.name);
        fields.set("email", &mut user.email, &patch.email);
        fields.set("enabled", &mut user.enabled, &patch.enabled);
        fields.native(&mut user.native, &patch.native);
        if let Some(extensions) = &patch.extensions {
            let (source, tenant) = (turn.mark.source.clone(), turn.mark.tenant.clone());
            let extensions: Vec<ExtensionRef> = extensions
                .iter()
                .filter_map(|at| self.extension_named(&source, tenant.as_ref(), at))
                .collect();
            if extensions != user.extensions {
                user.extensions = extensions;
                fields.note("extensions");
            }
        }
        let presence = patch
            .presence
            .as_ref()
            .filter(|presence| user.presence.as_ref() != Some(presence));
        let quiet = turn.mark.is_snapshot() || action.is_some();
        if first && (quiet || presence.is_none()) {
            user.presence.clone_from(&patch.presence);
            let kind = if action == Some(Action::Created) {
                EventType::UserCreated
            } else {
                EventType::UserUpdated
            };
            self.publish(turn, kind, &id, user, Saying::default());
            return;
        }
        if !first && !fields.is_empty() {
            let saying = Saying {
                change: fields.change(),
                ..Saying::default()
            };
            self.publish(turn, EventType::UserUpdated, &id, user.clone(), saying);
        }
        if let Some(presence) = presence {
            let change = Change {
                from: user
                    .presence
                    .as_ref()
                    .map(|presence| presence.status.as_str().into()),
                to: Some(presence.status.as_str().into()),
                ..Change::default()
            };
            user.presence = Some(presence.clone());
            let saying = Saying {
                change,
                ..Saying::default()
            };
            let kind = EventType::UserPresenceChanged;
            self.publish(turn, kind, &id, user, saying);
        } else {
            self.seen::<User>(turn, &id);
        }
    }

    /// Folds what a message tells of a device.
    pub(super) fn device(
        &mut self,
        turn: &mut Turn<'_>,
        key: &Text,
        registration: Registration,
        patch: &DevicePatch,
    ) {
        let id = turn.mark.source.entity(key);
        self.confirm(turn, &id);
        let known = self.get::<Device>(&id);
        let first = known.is_none();
        let mut device = known.map_or_else(|| new_device(&id), |known| (*known).clone());
        let mut fields = Fields::default();
        if let Some(kind) = patch.kind.filter(|kind| *kind != device.kind) {
            device.kind = kind;
            fields.note("kind");
        }
        if let Some(at) = &patch.extension {
            let extension = self.extension_at(turn, at);
            fields.set("extension", &mut device.extension, &extension);
        }
        fields.set("address", &mut device.address, &patch.address);
        fields.set("user_agent", &mut device.user_agent, &patch.user_agent);
        fields.set("expires_at", &mut device.expires_at, &patch.expires_at);
        fields.native(&mut device.native, &patch.native);
        let change = if first {
            Change::default()
        } else {
            fields.change()
        };
        let (kind, closes) = match registration {
            Registration::Registered if first || !fields.is_empty() => {
                (EventType::DeviceRegistered, false)
            }
            Registration::Registered => {
                self.seen::<Device>(turn, &id);
                return;
            }
            Registration::Unregistered if first => return,
            Registration::Unregistered => (EventType::DeviceUnregistered, true),
            Registration::Failed => {
                if self.repeated(turn, &format!("failed {id}")) {
                    return;
                }
                (EventType::DeviceRegistrationFailed, first)
            }
        };
        let saying = Saying {
            change,
            closes,
            ..Saying::default()
        };
        self.publish(turn, kind, &id, device, saying);
    }

    /// Folds what a message tells of a trunk.
    pub(super) fn trunk(
        &mut self,
        turn: &mut Turn<'_>,
        at: &Ref,
        state: TrunkState,
        address: Option<&Text>,
        native: &Native,
    ) {
        let known = |id: &EntityId| self.view.trunks.contains_key(id);
        let (source, tenant) = (turn.mark.source.clone(), turn.mark.tenant.clone());
        let found = self
            .names
            .find(Collection::Trunks, &source, tenant.as_ref(), at, known);
        let id = match found {
            Some(Found::Known(id, alias)) => {
                if let Some(alias) = alias {
                    self.alias(Collection::Trunks, alias, &id);
                }
                id
            }
            Some(Found::New(id)) => id,
            None => return,
        };
        self.confirm(turn, &id);
        let known = self.get::<Trunk>(&id);
        let from = known.as_ref().map(|known| known.state);
        let mut trunk = known.map_or_else(
            || Trunk {
                id: id.clone(),
                name: None,
                state: TrunkState::Unknown,
                address: None,
                version: 0,
                native: Native::new(),
            },
            |known| (*known).clone(),
        );
        let mut fields = Fields::default();
        fields.set("name", &mut trunk.name, &at.number);
        fields.set("address", &mut trunk.address, &address.cloned());
        fields.native(&mut trunk.native, native);
        // An unknown state is no news, and there is no event for it.
        let to = if state == TrunkState::Unknown {
            trunk.state
        } else {
            state
        };
        let kind = match to {
            TrunkState::Connected => EventType::TrunkConnected,
            TrunkState::Disconnected => EventType::TrunkDisconnected,
            TrunkState::Unknown => return,
        };
        if from == Some(to) && fields.is_empty() {
            self.seen::<Trunk>(turn, &id);
            return;
        }
        trunk.state = to;
        let mut change = if from.is_some() {
            fields.change()
        } else {
            Change::default()
        };
        if let Some(from) = from.filter(|from| *from != to) {
            change.from = Some(from.as_str().into());
            change.to = Some(to.as_str().into());
        }
        if let Some(name) = &trunk.name {
            self.names
                .learn_number(Collection::Trunks, &source, tenant.as_ref(), name, &id);
        }
        let saying = Saying {
            change,
            ..Saying::default()
        };
        self.publish(turn, kind, &id, trunk, saying);
    }
}

fn new_device(id: &EntityId) -> Device {
    Device {
        id: id.clone(),
        kind: DeviceKind::Unknown,
        extension: None,
        address: None,
        user_agent: None,
        expires_at: None,
        version: 0,
        native: Native::new(),
    }
}
