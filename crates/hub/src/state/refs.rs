//! Names: how ids, numbers and later aliases lead to an entity.

use std::collections::HashMap;

use model::{
    Collection, EntityId, ExtensionRef, Party, QueueRef, SourceId, Text, observation::Ref,
};

use super::{State, mark::Involved};
use crate::block::Key;

/// What leads to an entity beside its id.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Number, EntityId>,
    aliases: HashMap<(Collection, EntityId), EntityId>,
    aliases_of: HashMap<(Collection, EntityId), Vec<EntityId>>,
}

/// A number is unique within a tenant of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Number {
    collection: Collection,
    source: SourceId,
    tenant: Option<Text>,
    number: Text,
}

impl Number {
    fn of(collection: Collection, source: &SourceId, tenant: Option<&Text>, number: &Text) -> Self {
        Self {
            collection,
            source: source.clone(),
            tenant: tenant.cloned(),
            number: Text::clone(number),
        }
    }
}

/// What a reference leads to.
pub(super) enum Found {
    /// An entity that is known, and the alias that this reference reveals.
    Known(EntityId, Option<EntityId>),
    /// None yet; it would get this id.
    New(EntityId),
}

impl Names {
    /// Follows an alias.
    pub(super) fn canonical(&self, collection: Collection, id: EntityId) -> EntityId {
        match self.aliases.get(&(collection, id.clone())) {
            Some(canonical) => canonical.clone(),
            None => id,
        }
    }

    pub(super) fn by_number(
        &self,
        collection: Collection,
        source: &SourceId,
        tenant: Option<&Text>,
        number: &Text,
    ) -> Option<&EntityId> {
        self.numbers
            .get(&Number::of(collection, source, tenant, number))
    }

    pub(super) fn learn_number(
        &mut self,
        collection: Collection,
        source: &SourceId,
        tenant: Option<&Text>,
        number: &Text,
        id: &EntityId,
    ) {
        let key = Number::of(collection, source, tenant, number);
        self.numbers.insert(key, id.clone());
    }

    /// Forgets a number, when it still leads to this entity.
    pub(super) fn forget_number(
        &mut self,
        collection: Collection,
        source: &SourceId,
        tenant: Option<&Text>,
        number: &Text,
        id: &EntityId,
    ) {
        let key = Number::of(collection, source, tenant, number);
        if self.numbers.get(&key) == Some(id) {
            self.numbers.remove(&key);
        }
    }

    pub(super) fn learn_alias(
        &mut self,
        collection: Collection,
        alias: EntityId,
        canonical: &EntityId,
    ) {
        let of = self
            .aliases_of
            .entry((collection, canonical.clone()))
            .or_default();
        if !of.contains(&alias) {
            of.push(alias.clone());
        }
        self.aliases.insert((collection, alias), canonical.clone());
    }

    /// Forgets the aliases of an entity that is gone, and says which they were.
    pub(super) fn forget_aliases(
        &mut self,
        collection: Collection,
        canonical: &EntityId,
    ) -> Vec<EntityId> {
        let aliases = self
            .aliases_of
            .remove(&(collection, canonical.clone()))
            .unwrap_or_default();
        for alias in &aliases {
            self.aliases.remove(&(collection, alias.clone()));
        }
        aliases
    }

    pub(super) fn aliases_of(&self, collection: Collection, canonical: &EntityId) -> &[EntityId] {
        self.aliases_of
            .get(&(collection, canonical.clone()))
            .map_or(&[], Vec::as_slice)
    }

    /// Finds what a reference means. `known` tells whether an id is in the state.
    pub(super) fn find(
        &self,
        collection: Collection,
        source: &SourceId,
        tenant: Option<&Text>,
        at: &Ref,
        known: impl Fn(&EntityId) -> bool,
    ) -> Option<Found> {
        let by_id = at
            .id
            .as_ref()
            .map(|id| self.canonical(collection, source.entity(id)));
        if let Some(id) = by_id.as_ref().filter(|id| known(id)) {
            return Some(Found::Known(id.clone(), None));
        }
        let number = at.number.as_ref();
        let by_number =
            number.and_then(|number| self.by_number(collection, source, tenant, number));
        match (by_id, by_number) {
            (None, Some(known)) => Some(Found::Known(known.clone(), None)),
            // An entity that was first met by its number has that for a key; only such a one can learn its id.
            // Any other under this number is another entity that had the number before.
            (Some(id), Some(known))
                if number.is_some_and(|number| **number == *known.key())
                    && self.aliases_of(collection, known).is_empty() =>
            {
                Some(Found::Known(known.clone(), Some(id)))
            }
            (Some(id), _) => Some(Found::New(id)),
            (None, None) => number.map(|number| Found::New(source.entity(number))),
        }
    }
}

impl State {
    /// The extension's id and number, when the state knows them.
    pub(super) fn extension_named(
        &self,
        source: &SourceId,
        tenant: Option<&Text>,
        at: &Ref,
    ) -> Option<ExtensionRef> {
        let known = |id: &EntityId| self.view.extensions.contains_key(id);
        match self
            .names
            .find(Collection::Extensions, source, tenant, at, known)?
        {
            Found::Known(id, _) => {
                let number = self.view.extensions.get(&id)?.entity.number.clone();
                Some(ExtensionRef {
                    id: Some(id),
                    number,
                })
            }
            Found::New(_) => at
                .number
                .clone()
                .map(|number| ExtensionRef { id: None, number }),
        }
    }

    /// Tells a party the extension it is, when its number is one of the tenant.
    pub(super) fn enrich(&self, source: &SourceId, tenant: Option<&Text>, party: &mut Party) {
        let number = match (&party.extension, &party.number) {
            (Some(extension), _) if extension.id.is_some() => return,
            (Some(extension), _) => &extension.number,
            (None, Some(number)) => &number.raw,
            (None, None) => return,
        };
        if let Some(id) = self
            .names
            .by_number(Collection::Extensions, source, tenant, number)
        {
            party.extension = Some(ExtensionRef {
                id: Some(id.clone()),
                number: Text::clone(number),
            });
        }
    }

    /// Notes the extension behind a party, or its number where no extension is known: a PBX need not list everybody.
    pub(super) fn involve_party(&self, involved: &mut Involved, party: &Party) {
        involved.private |= party.private;
        match (&party.extension, &party.number) {
            (Some(extension), _) => self.involve_extension(involved, extension),
            // Whoever asks for a number must not learn that it is the one that was withheld.
            (None, Some(number)) if !party.private => involved.extension(Key::of(&number.raw)),
            (None, _) => {}
        }
    }

    /// What is said of somebody in a call of a private party may tell who that is.
    pub(super) fn involve_privacy(&self, involved: &mut Involved, call: Option<&EntityId>) {
        let slot = call.and_then(|call| self.calls.get(call));
        involved.private |= slot.is_some_and(|slot| slot.involved.private);
    }

    pub(super) fn involve_extension(&self, involved: &mut Involved, extension: &ExtensionRef) {
        involved.extension(Key::of(&extension.number));
        if let Some(id) = &extension.id {
            self.keys(Collection::Extensions, id, |key| involved.extension(key));
        }
    }

    pub(super) fn involve_queue(&self, involved: &mut Involved, queue: &QueueRef) {
        if let Some(number) = &queue.number {
            involved.queue(Key::of(number));
        }
        self.keys(Collection::Queues, &queue.id, |key| involved.queue(key));
    }

    pub(super) fn keys(&self, collection: Collection, id: &EntityId, mut note: impl FnMut(Key)) {
        for id in std::iter::once(id).chain(self.names.aliases_of(collection, id)) {
            note(Key::of(id.as_str()));
            note(Key::of(id.key()));
        }
    }
}
