//! Static tokens: known by the SHA-256 of their text.

use std::{collections::HashMap, sync::Arc};

use hub::filter::{Narrowing, TypeSet};
use model::{Text, Timestamp};

use super::{Ended, Identity, Scope};
use crate::config::{self, Digest};

/// A token as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticToken {
    /// Who uses it.
    pub name: Text,
    /// The SHA-256 of the whole token text, which itself is not stored.
    pub sha256: Digest,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The tenants it may see; none limits nothing.
    pub tenants: Option<Vec<Text>>,
    /// The sources it may see; none limits nothing.
    pub sources: Option<Vec<Text>>,
    /// Globs over the event types it may see; none limits nothing.
    pub types: Option<Vec<Text>>,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
}

/// The tokens of the config, with who bears them.
#[derive(Debug, Default)]
pub(super) struct TokenSet(Vec<(StaticToken, Arc<Identity>)>);

impl TokenSet {
    pub(super) fn new(tokens: Vec<StaticToken>) -> Self {
        let mut set = Self::default();
        set.replace(tokens);
        set
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<Arc<Identity>> {
        // Every one is compared, and whole, however early it differs: how long it takes tells nothing.
        let found = self.0.iter().fold(None, |found, (token, identity)| {
            if token.sha256.is(digest) {
                Some(identity)
            } else {
                found
            }
        });
        found.cloned()
    }

    /// Takes over other tokens: unchanged ones keep their identity, the identity of all others ends.
    pub(super) fn replace(&mut self, tokens: Vec<StaticToken>) {
        let old = std::mem::take(&mut self.0);
        let mut old: HashMap<_, _> = old
            .into_iter()
            .map(|entry| (entry.0.sha256, entry))
            .collect();
        for token in tokens {
            let identity = match old.remove(&token.sha256) {
                Some((known, identity)) if known == token => identity,
                Some((_, identity)) => {
                    identity.end(Ended::Changed);
                    Arc::new(token.identity())
                }
                None => Arc::new(token.identity()),
            };
            self.0.push((token, identity));
        }
        for (_, identity) in old.into_values() {
            identity.end(Ended::Withdrawn);
        }
    }
}

impl StaticToken {
    fn identity(&self) -> Identity {
        let narrowing = Narrowing {
            tenants: self.tenants.clone(),
            sources: self.sources.clone(),
            types: self.types.as_ref().map(|globs| {
                globs.iter().fold(TypeSet::NONE, |types, glob| {
                    types.union(TypeSet::matching(glob))
                })
            }),
            ..Narrowing::none()
        };
        Identity::new(
            Text::clone(&self.name),
            self.scopes.iter().copied().collect(),
            narrowing,
            self.expires,
        )
    }
}

impl From<&config::Token> for StaticToken {
    fn from(token: &config::Token) -> Self {
        let texts = |list: &Option<Vec<String>>| -> Option<Vec<Text>> {
            let list = list.as_ref()?;
            Some(list.iter().map(|text| text.as_str().into()).collect())
        };
        Self {
            name: token.name.as_str().into(),
            sha256: token.sha256,
            scopes: token.scopes.clone(),
            tenants: texts(&token.tenants),
            sources: texts(&token.sources),
            types: texts(&token.types),
            expires: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str, digest: u8, scopes: &[Scope]) -> StaticToken {
        StaticToken {
            name: name.into(),
            sha256: Digest([digest; 32]),
            scopes: scopes.to_vec(),
            tenants: None,
            sources: None,
            types: None,
            expires: None,
        }
    }

    #[test]
    fn a_reload_ends_what_is_gone_or_changed_and_nothing_else() {
        let read = [Scope::EventsRead];
        let mut set = TokenSet::new(vec![
            token("stays", 1, &read),
            token("goes", 2, &read),
            token("changes", 3, &read),
        ]);
        let identities: Vec<_> = [1, 2, 3]
            .map(|n| set.find(&Digest([n; 32])).unwrap())
            .into();
        set.replace(vec![
            token("stays", 1, &read),
            token("changes", 3, &[Scope::StateRead]),
        ]);
        let ended: Vec<_> = identities.iter().map(|identity| identity.ended()).collect();
        assert_eq!(ended, [None, Some(Ended::Withdrawn), Some(Ended::Changed)]);
        assert!(set.find(&Digest([2; 32])).is_none());
        assert_eq!(set.find(&Digest([3; 32])).unwrap().ended(), None);
    }
}
