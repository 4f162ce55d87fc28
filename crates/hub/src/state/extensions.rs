//! Extensions: one fact may change several of their aspects, each of which is an event of its own.

use model::{
    Change, Collection, EntityId, EventType, Extension, ExtensionCallState, ExtensionRef, Native,
    Text,
    observation::{ExtensionPatch, Ref},
    source::Action,
};

use super::{State, fields::Fields, keep::Saying, mark::Turn, refs::Found};

/// One event's worth of change of an extension.
struct ExtensionStep {
    kind: EventType,
    change: Change,
    apply: fn(&mut Extension, &Extension),
}

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

    pub(super) fn find_extension(&self, turn: &Turn<'_>, at: &Ref) -> Option<Found> {
        let known = |id: &EntityId| self.view.extensions.contains_key(id);
        let (source, tenant) = (&turn.mark.source, turn.mark.tenant.as_ref());
        self.names
            .find(Collection::Extensions, source, tenant, at, known)
    }

    pub(super) fn meet_extension(
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

    pub(super) fn learn_extension(&mut self, turn: &Turn<'_>, extension: &Extension) {
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
