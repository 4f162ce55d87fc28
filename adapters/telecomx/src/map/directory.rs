//! What the map knows of extensions and queues: events name them by id, people know their numbers.

use std::collections::{BTreeSet, HashMap, HashSet};

use model::{
    ExtensionCallState, ExtensionRef, Normalizer, Number, Party, SourceId, Text, UserRef,
    observation::Ref,
};

use super::read::cut;

/// The most extensions, and the most queues, remembered; of further ones only the id is known.
const MAX_KNOWN: usize = 100_000;
/// From this many characters on a number that is not known to be inside is read as a telephone number.
const PUBLIC_CHARS: usize = 7;

pub(super) struct Directory {
    source: SourceId,
    numbers: Normalizer,
    extensions: HashMap<Text, Extension>,
    by_number: HashMap<Text, Text>,
    /// Numbers outside that lead to extensions.
    directs: HashSet<Text>,
    queues: HashMap<Text, Queue>,
    queues_by_number: HashMap<Text, Text>,
    /// By extension: the queues it is a member of.
    queues_of: HashMap<Text, BTreeSet<Text>>,
    /// By queue: its members.
    members_of: HashMap<Text, BTreeSet<Text>>,
}

/// An extension.
#[derive(Clone, Debug, Default)]
pub(super) struct Extension {
    pub(super) number: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) user: Option<Text>,
    pub(super) user_name: Option<Text>,
    /// What it does, on this connection.
    pub(super) state: Option<ExtensionCallState>,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    number: Option<Text>,
}

impl Directory {
    pub(super) fn new(source: &SourceId, region: Option<&str>) -> Self {
        Self {
            source: source.clone(),
            numbers: Normalizer::new(region),
            extensions: HashMap::new(),
            by_number: HashMap::new(),
            directs: HashSet::new(),
            queues: HashMap::new(),
            queues_by_number: HashMap::new(),
            queues_of: HashMap::new(),
            members_of: HashMap::new(),
        }
    }

    /// A new connection: what extensions did before is not known any more.
    pub(super) fn reconnected(&mut self) {
        for extension in self.extensions.values_mut() {
            extension.state = None;
        }
    }

    /// Learns of an extension what is told.
    pub(super) fn learn_extension(&mut self, id: &str, told: Extension) {
        if !self.extensions.contains_key(id) && self.extensions.len() >= MAX_KNOWN {
            return;
        }
        let known = self.extensions.entry(id.into()).or_default();
        if let Some(number) = told.number.filter(|new| known.number.as_ref() != Some(new)) {
            if let Some(old) = known.number.take()
                && self.by_number.get(&old).is_some_and(|known| **known == *id)
            {
                self.by_number.remove(&old);
            }
            self.by_number.insert(number.clone(), id.into());
            known.number = Some(number);
        }
        known.name = told.name.or(known.name.take());
        known.user = told.user.or(known.user.take());
        known.user_name = told.user_name.or(known.user_name.take());
        known.state = told.state.or(known.state);
    }

    /// Whose extension it is.
    pub(super) fn user_of(&self, id: &str) -> Option<&Text> {
        self.extensions.get(id)?.user.as_ref()
    }

    /// A number outside that leads to an extension.
    pub(super) fn learn_direct(&mut self, number: &str) {
        if self.directs.len() < MAX_KNOWN {
            self.directs.insert(number.into());
        }
    }

    pub(super) fn forget_extension(&mut self, id: &str) {
        if let Some(known) = self.extensions.remove(id)
            && let Some(number) = known.number
        {
            self.by_number.remove(&number);
        }
        for queue in self.queues_of.remove(id).unwrap_or_default() {
            remove(&mut self.members_of, &queue, id);
        }
    }

    /// Notes what an extension does. True when that is news.
    pub(super) fn now_does(&mut self, id: &str, state: ExtensionCallState) -> bool {
        if !self.extensions.contains_key(id) && self.extensions.len() >= MAX_KNOWN {
            return true;
        }
        let known = self.extensions.entry(id.into()).or_default();
        known.state.replace(state) != Some(state)
    }

    pub(super) fn state(&self, id: &str) -> Option<ExtensionCallState> {
        self.extensions.get(id)?.state
    }

    /// Learns of a queue what is told.
    pub(super) fn learn_queue(&mut self, id: &str, number: Option<Text>) {
        if !self.queues.contains_key(id) && self.queues.len() >= MAX_KNOWN {
            return;
        }
        let known = self.queues.entry(id.into()).or_default();
        if let Some(number) = number {
            self.queues_by_number.insert(number.clone(), id.into());
            known.number = Some(number);
        }
    }

    pub(super) fn forget_queue(&mut self, id: &str) {
        if let Some(known) = self.queues.remove(id)
            && let Some(number) = known.number
        {
            self.queues_by_number.remove(&number);
        }
        for extension in self.members_of.remove(id).unwrap_or_default() {
            remove(&mut self.queues_of, &extension, id);
        }
    }

    /// An extension becomes a member of a queue, or is none any more.
    pub(super) fn member(&mut self, extension: &str, queue: &str, is: bool) {
        if !is {
            remove(&mut self.queues_of, extension, queue);
            remove(&mut self.members_of, queue, extension);
        } else if self.queues_of.len() < MAX_KNOWN || self.queues_of.contains_key(extension) {
            let queues = self.queues_of.entry(extension.into()).or_default();
            queues.insert(queue.into());
            let members = self.members_of.entry(queue.into()).or_default();
            members.insert(extension.into());
        }
    }

    pub(super) fn is_member(&self, extension: &str, queue: &str) -> bool {
        let queues = self.queues_of.get(extension);
        queues.is_some_and(|queues| queues.contains(queue))
    }

    /// The members of a queue.
    pub(super) fn members_of(&self, queue: &str) -> impl Iterator<Item = &Text> {
        self.members_of.get(queue).into_iter().flatten()
    }

    pub(super) fn knows_extension(&self, id: &str) -> bool {
        self.extensions.contains_key(id)
    }

    pub(super) fn knows_queue(&self, id: &str) -> bool {
        self.queues.contains_key(id)
    }

    /// The queues that an extension is a member of.
    pub(super) fn queues_of(&self, extension: &str) -> impl Iterator<Item = &Text> {
        self.queues_of.get(extension).into_iter().flatten()
    }

    pub(super) fn extension_ref(&self, id: &str) -> Ref {
        Ref {
            id: Some(id.into()),
            number: self
                .extensions
                .get(id)
                .and_then(|known| known.number.clone()),
        }
    }

    pub(super) fn queue_ref(&self, id: &str) -> Ref {
        Ref {
            id: Some(id.into()),
            number: self.queues.get(id).and_then(|known| known.number.clone()),
        }
    }

    /// The extension of a number.
    pub(super) fn extension_of(&self, number: &str) -> Option<&Text> {
        self.by_number.get(number)
    }

    /// Whether a number leads inside: to an extension or a queue.
    pub(super) fn is_inside(&self, number: &str) -> bool {
        self.has(number) || self.directs.contains(number)
    }

    fn has(&self, number: &str) -> bool {
        self.by_number.contains_key(number) || self.queues_by_number.contains_key(number)
    }

    /// A telephone number from outside, with what libphonenumber reads in it.
    pub(super) fn public(&mut self, raw: &str) -> Number {
        self.numbers.number(cut(raw))
    }

    /// Somebody at a number. `extension` is told where the PBX names it.
    pub(super) fn party(
        &mut self,
        number: Option<&str>,
        name: Option<&str>,
        extension: Option<&str>,
    ) -> Party {
        let own = extension.or_else(|| number.and_then(|number| self.inside(number)));
        let own: Option<Text> = own.map(Into::into);
        let mut party = match number {
            Some(number) if is_public(number) && !self.has(number) => {
                Party::numbered(self.public(number))
            }
            Some(number) => Party::numbered(Number::internal(cut(number))),
            None => Party::default(),
        };
        party.name = name.map(Into::into);
        let Some(id) = own else {
            return party;
        };
        let known = self.extensions.get(&id).cloned().unwrap_or_default();
        let internal = number.filter(|number| !is_public(number));
        party.extension = Some(ExtensionRef {
            id: Some(self.source.entity(&id)),
            number: known
                .number
                .or_else(|| internal.map(Into::into))
                .unwrap_or_else(|| id.clone()),
        });
        if let Some(user) = known.user {
            party.user = Some(UserRef {
                id: Some(self.source.entity(&user)),
                name: known.user_name.or(known.name),
            });
        }
        party
    }

    fn inside(&self, number: &str) -> Option<&str> {
        self.by_number.get(number).map(|id| &**id)
    }
}

/// Whether a number reaches the world outside.
pub(super) fn is_public(number: &str) -> bool {
    number.starts_with('+') || number.len() >= PUBLIC_CHARS
}

/// Takes one of many out.
fn remove(sets: &mut HashMap<Text, BTreeSet<Text>>, key: &str, one: &str) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(one);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
