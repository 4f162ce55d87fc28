//! Extensions, users, devices and trunks.

use model::{
    Change, Collection, Device, DeviceKind, EntityId, EventType, Extension, ExtensionCallState,
    ExtensionRef, Native, Text, Trunk, TrunkState, User,
    observation::{DevicePatch, ExtensionPatch, Ref, Registration, UserPatch},
    source::Action,
};

use super::{State, keep::Saying, mark::Turn, refs::Found};

impl State {
    /// Folds what a message tells of an extension.
    pub(super) fn extension(
        &mut self,
        turn: &mut Turn<'_>,
        at: &Ref,
        action: Option<Action>,
        patch: &ExtensionPatch,
    ) {
        if action == Some(Action::Deleted) {
            if let Some(Found::Known(id, _)) = self.find_extension(turn, at) {
                self.delete_extension(turn, &id);
            }
            return;
        }
        let Some((id, known)) = self.meet_extension(turn, at) else {
            return;
        };
        let first = known.is_none();
        let before = known.unwrap_or_else(|| new_extension(&id, at));
        let mut after = before.clone();
        let steps = patch_extension(&mut after, at, patch);
        if first {
            let kind = match action {
                Some(Action::Created) => EventType::ExtensionCreated,
                Some(_) => EventType::ExtensionUpdated,
                None if turn.mark.is_snapshot() => EventType::ExtensionUpdated,
                None => steps
                    .first()
                    .map_or(EventType::ExtensionUpdated, |step| step.kind),
            };
            self.learn_extension(turn, &after);
            self.publish(turn, kind, &id, after, Saying::default());
            return;
        }
        if steps.is_empty() {
            self.seen::<Extension>(turn, &id);
            return;
        }
        let mut now = before;
        for step in steps {
            (step.apply)(&mut now, &after);
            if step.kind == EventType::ExtensionUpdated {
                self.learn_extension(turn, &now);
            }
            let saying = Saying {
                change: step.change,
                ..Saying::default()
            };
            self.publish(turn, step.kind, &id, now.clone(), saying);
        }
    }

    /// The extension a reference means; created when there is none.
    pub(super) fn extension_at(&mut self, turn: &mut Turn<'_>, at: &Ref) -> Option<ExtensionRef> {
        let (id, known) = self.meet_extension(turn, at)?;
        let number = match known {
            Some(known) => known.number,
            None => {
                let extension = new_extension(&id, at);
                let number = Text::clone(&extension.number);
                self.learn_extension(turn, &extension);
                let kind = EventType::ExtensionUpdated;
                self.publish(turn, kind, &id, extension, Saying::default());
                number
            }
        };
        Some(ExtensionRef {
            id: Some(id),
            number,
        })
    }

    fn find_extension(&self, turn: &Turn<'_>, at: &Ref) -> Option<Found> {
        let known = |id: &EntityId| self.view.extensions.contains_key(id);
        let (source, tenant) = (&turn.mark.source, turn.mark.tenant.as_ref());
        self.names
            .find(Collection::Extensions, source, tenant, at, known)
    }

    fn meet_extension(
        &mut self,
        turn: &mut Turn<'_>,
        at: &Ref,
    ) -> Option<(EntityId, Option<Extension>)> {
        match self.find_extension(turn, at)? {
            Found::Known(id, alias) => {
                if let Some(alias) = alias {
                    self.alias(Collection::Extensions, alias, &id);
                }
                let known = self.get::<Extension>(&id).map(|known| (*known).clone());
                self.confirm(turn, &id);
                Some((id, known))
            }
            Found::New(id) => {
                self.confirm(turn, &id);
                Some((id, None))
            }
        }
    }

    fn learn_extension(&mut self, turn: &Turn<'_>, extension: &Extension) {
        let tenant = self
            .view
            .extensions
            .get(&extension.id)
            .map_or_else(|| turn.mark.tenant.clone(), |stored| stored.tenant.clone());
        let (source, tenant) = (&turn.mark.source, tenant.as_ref());
        if let Some(known) = self.get::<Extension>(&extension.id)
            && known.number != extension.number
        {
            self.names.forget_number(
                Collection::Extensions,
                source,
                tenant,
                &known.number,
                &known.id,
            );
        }
        self.names.learn_number(
            Collection::Extensions,
            source,
            tenant,
            &extension.number,
            &extension.id,
        );
    }

    pub(super) fn delete_extension(&mut self, turn: &mut Turn<'_>, id: &EntityId) {
        let Some(stored) = self.view.extensions.get(id).cloned() else {
            return;
        };
        let saying = Saying {
            closes: true,
            ..Saying::default()
        };
        let extension = (*stored.entity).clone();
        self.publish(turn, EventType::ExtensionDeleted, id, extension, saying);
        self.names.forget_number(
            Collection::Extensions,
            &stored.source,
            stored.tenant.as_ref(),
            &stored.entity.number,
            id,
        );
        self.forget_aliases(Collection::Extensions, id);
    }

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

/// One event's worth of change of an extension.
struct ExtensionStep {
    kind: EventType,
    change: Change,
    apply: fn(&mut Extension, &Extension),
}

/// Applies a patch and says which events tell of it.
fn patch_extension(after: &mut Extension, at: &Ref, patch: &ExtensionPatch) -> Vec<ExtensionStep> {
    let mut steps = Vec::new();
    if let Some(state) = patch.call_state.filter(|state| *state != after.call_state) {
        let change = Change {
            from: Some(after.call_state.as_str().into()),
            to: Some(state.as_str().into()),
            ..Change::default()
        };
        after.call_state = state;
        steps.push(ExtensionStep {
            kind: EventType::ExtensionCallStateChanged,
            change,
            apply: |now, after| now.call_state = after.call_state,
        });
    }
    let mut registration = Fields::default();
    registration.set("online", &mut after.online, &patch.online);
    registration.set("push_online", &mut after.push_online, &patch.push_online);
    if !registration.is_empty() {
        steps.push(ExtensionStep {
            kind: EventType::ExtensionRegistrationChanged,
            change: registration.change(),
            apply: |now, after| {
                now.online = after.online;
                now.push_online = after.push_online;
            },
        });
    }
    if let Some(presence) = patch
        .presence
        .as_ref()
        .filter(|presence| after.presence.as_ref() != Some(presence))
    {
        let known = after.presence.as_ref();
        let change = Change {
            from: known.map(|known| known.status.as_str().into()),
            to: Some(presence.status.as_str().into()),
            ..Change::default()
        };
        after.presence = Some(presence.clone());
        steps.push(ExtensionStep {
            kind: EventType::ExtensionPresenceChanged,
            change,
            apply: |now, after| now.presence.clone_from(&after.presence),
        });
    }
    let mut dnd = Fields::default();
    dnd.set("dnd", &mut after.dnd, &patch.dnd);
    if !dnd.is_empty() {
        steps.push(ExtensionStep {
            kind: EventType::ExtensionDndChanged,
            change: dnd.change(),
            apply: |now, after| now.dnd = after.dnd,
        });
    }
    let mut rest = Fields::default();
    if let Some(number) = at.number.as_ref().filter(|number| **number != after.number) {
        after.number = Text::clone(number);
        rest.note("number");
    }
    rest.set("name", &mut after.name, &patch.name);
    rest.set("uri", &mut after.uri, &patch.uri);
    rest.set("user", &mut after.user, &patch.user);
    rest.set("agent_state", &mut after.agent_state, &patch.agent_state);
    rest.set("enabled", &mut after.enabled, &patch.enabled);
    rest.native(&mut after.native, &patch.native);
    if !rest.is_empty() {
        steps.push(ExtensionStep {
            kind: EventType::ExtensionUpdated,
            change: rest.change(),
            apply: Extension::clone_from,
        });
    }
    steps
}

fn new_extension(id: &EntityId, at: &Ref) -> Extension {
    let number = at.number.clone().unwrap_or_else(|| id.key().into());
    Extension {
        id: id.clone(),
        number,
        name: None,
        uri: None,
        user: None,
        call_state: ExtensionCallState::Unknown,
        online: None,
        push_online: None,
        presence: None,
        dnd: None,
        agent_state: None,
        enabled: None,
        version: 0,
        native: Native::new(),
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
