//! What the map knows of users and groups, and the parties and references that it makes of them.

use std::collections::HashMap;

use model::{ExtensionRef, Normalizer, Number, Party, SourceId, Text, UserRef, observation::Ref};
use serde_json::{Map, Value};

use super::read::{self, pseudo};
use crate::config::Config;

/// The most users, groups and memberships remembered of each; further ones are known by id alone.
const MAX_KNOWN: usize = 200_000;
/// From this many characters on a number that is not known to be inside is read as a telephone number.
const PUBLIC_CHARS: usize = 7;

pub(super) struct Directory {
    source: SourceId,
    numbers: Normalizer,
    /// Configured, else as the PBX told it.
    pub(super) tenant: Option<Text>,
    users: HashMap<Text, User>,
    groups: HashMap<Text, Group>,
    /// Whose number it is.
    inside: HashMap<Text, Inside>,
    /// Memberships by key.
    members: HashMap<Text, Member>,
    /// Keys of memberships by user.
    of_user: HashMap<Text, Vec<Text>>,
}

/// A user.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct User {
    pub(super) number: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) label: Option<Text>,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    pub(super) number: Option<Text>,
    pub(super) name: Option<Text>,
    /// Its callers wait in line.
    pub(super) queue: bool,
}

/// Somebody's place in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) user: Text,
    pub(super) group: Text,
    pub(super) logged_in: bool,
    /// What else the PBX keeps about it.
    pub(super) kept: Map<String, Value>,
}

/// Who has a number inside the PBX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    User(Text),
    Group(Text),
}

impl Directory {
    pub(super) fn new(source: &SourceId, config: &Config) -> Self {
        Self {
            source: source.clone(),
            numbers: Normalizer::new(config.region.as_deref()),
            tenant: config
                .domain
                .as_deref()
                .map(|domain| read::cut(domain).into()),
            users: HashMap::new(),
            groups: HashMap::new(),
            inside: HashMap::new(),
            members: HashMap::new(),
            of_user: HashMap::new(),
        }
    }

    pub(super) fn user(&self, id: &str) -> Option<&User> {
        self.users.get(id)
    }

    pub(super) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.get(id)
    }

    /// Who has this number inside.
    pub(super) fn inside(&self, number: &str) -> Option<&Inside> {
        self.inside.get(number)
    }

    pub(super) fn user_ids(&self) -> impl Iterator<Item = &Text> {
        self.users.keys()
    }

    pub(super) fn note_user(&mut self, id: &Text, user: User) {
        let known = self.users.get(id);
        if known.is_none() && self.users.len() >= MAX_KNOWN {
            return;
        }
        let before = known.and_then(|known| known.number.clone());
        self.renumber(before, user.number.clone(), Inside::User(id.clone()));
        self.users.insert(id.clone(), user);
    }

    pub(super) fn forget_user(&mut self, id: &Text) {
        if let Some(user) = self.users.remove(id) {
            self.renumber(user.number, None, Inside::User(id.clone()));
        }
    }

    pub(super) fn note_group(&mut self, id: &Text, group: Group) {
        let known = self.groups.get(id);
        if known.is_none() && self.groups.len() >= MAX_KNOWN {
            return;
        }
        let before = known.and_then(|known| known.number.clone());
        self.renumber(before, group.number.clone(), Inside::Group(id.clone()));
        self.groups.insert(id.clone(), group);
    }

    pub(super) fn forget_group(&mut self, id: &Text) {
        if let Some(group) = self.groups.remove(id) {
            self.renumber(group.number, None, Inside::Group(id.clone()));
        }
    }

    fn renumber(&mut self, before: Option<Text>, now: Option<Text>, whose: Inside) {
        if before == now {
            return;
        }
        if let Some(before) = before
            && self.inside.get(&before) == Some(&whose)
        {
            self.inside.remove(&before);
        }
        if let Some(now) = now {
            self.inside.insert(now, whose);
        }
    }

    /// Remembers a membership; gives back the one that had this key.
    pub(super) fn note_member(&mut self, key: &Text, member: Member) -> Option<Member> {
        let before = self.forget_member(key);
        if self.members.len() < MAX_KNOWN {
            let keys = self.of_user.entry(member.user.clone()).or_default();
            keys.push(key.clone());
            self.members.insert(key.clone(), member);
        }
        before
    }

    pub(super) fn forget_member(&mut self, key: &str) -> Option<Member> {
        let member = self.members.remove(key)?;
        if let Some(keys) = self.of_user.get_mut(&member.user) {
            keys.retain(|known| **known != *key);
            if keys.is_empty() {
                self.of_user.remove(&member.user);
            }
        }
        Some(member)
    }

    /// A new list of memberships follows.
    pub(super) fn forget_members(&mut self) {
        self.members.clear();
        self.of_user.clear();
    }

    /// A new list of users follows.
    pub(super) fn forget_users(&mut self) {
        self.users.clear();
        self.inside
            .retain(|_, whose| matches!(whose, Inside::Group(_)));
    }

    /// A new list of groups follows.
    pub(super) fn forget_groups(&mut self) {
        self.groups.clear();
        self.inside
            .retain(|_, whose| matches!(whose, Inside::User(_)));
    }

    /// The places of a user.
    pub(super) fn places(&self, user: &str) -> impl Iterator<Item = &Member> {
        let keys = self.of_user.get(user).into_iter().flatten();
        keys.filter_map(|key| self.members.get(key))
    }

    /// A user's extension. Its number, where it is not known, is its id.
    pub(super) fn extension(&self, user: &str) -> Ref {
        let number = self.users.get(user).and_then(|user| user.number.clone());
        Ref {
            id: Some(user.into()),
            number,
        }
    }

    /// A group as a queue.
    pub(super) fn queue(&self, group: &str) -> Ref {
        let number = self
            .groups
            .get(group)
            .and_then(|group| group.number.clone());
        Ref {
            id: Some(group.into()),
            number,
        }
    }

    /// A user as a party. `told` is what a message calls them.
    pub(super) fn user_party(&self, id: &Text, told: Option<&str>) -> Party {
        let user = self.users.get(id);
        let number = user.and_then(|user| user.number.clone());
        let known = user.and_then(|user| user.label.clone().or_else(|| user.name.clone()));
        let name = known.or_else(|| told.map(Into::into));
        let account = user.and_then(|user| user.name.clone());
        Party {
            number: number.as_deref().map(Number::internal),
            name: name.clone(),
            extension: number.map(|number| ExtensionRef {
                id: Some(self.source.entity(id)),
                number,
            }),
            user: Some(UserRef {
                id: Some(self.source.entity(id)),
                name: account.or(name),
            }),
            ..Party::default()
        }
    }

    /// Whoever a number is dialled or shown for.
    pub(super) fn party(&mut self, number: &str, name: Option<&str>) -> Party {
        let mut party = match self.inside.get(number) {
            Some(Inside::User(id)) => self.user_party(&id.clone(), name),
            Some(Inside::Group(id)) => {
                let group = self.groups.get(id);
                Party {
                    name: group.and_then(|group| group.name.clone()),
                    ..Party::default()
                }
            }
            None => Party::default(),
        };
        if pseudo(number).is_none() {
            party.number = Some(self.number(number));
        }
        party.name = party.name.or_else(|| name.map(Into::into));
        party
    }

    /// A number, inside or outside.
    pub(super) fn number(&mut self, raw: &str) -> Number {
        if raw.chars().count() < PUBLIC_CHARS || self.inside.contains_key(raw) {
            Number::internal(raw)
        } else {
            self.numbers.number(raw)
        }
    }

    /// A number of the public network.
    pub(super) fn public(&mut self, raw: &str) -> Number {
        self.numbers.number(raw)
    }
}
