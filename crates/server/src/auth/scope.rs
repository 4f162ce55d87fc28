//! Sets of scopes: what a credential may do.

pub use crate::config::Scope;

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

const _: () = assert!(Scope::ALL.len() <= 8, "a set of scopes is 8 bits wide");

impl Scopes {
    /// What the local user of a gateway without authentication may do: all but commanding a PBX.
    #[must_use]
    pub const fn local() -> Self {
        Self(!bit(Scope::CommandsWrite))
    }

    /// True when the scope is in the set.
    #[must_use]
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }
}

impl FromIterator<Scope> for Scopes {
    /// `admin` brings every other scope with it.
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let bits = scopes.into_iter().fold(0, |bits, scope| bits | bit(scope));
        Self(if bits & bit(Scope::Admin) == 0 {
            bits
        } else {
            u8::MAX
        })
    }
}

const fn bit(scope: Scope) -> u8 {
    1 << scope as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_implies_every_scope() {
        let admin: Scopes = [Scope::Admin].into_iter().collect();
        assert!(Scope::ALL.into_iter().all(|(_, scope)| admin.has(scope)));
    }

    #[test]
    fn the_local_user_may_do_all_but_command() {
        for (_, scope) in Scope::ALL {
            assert_eq!(Scopes::local().has(scope), scope != Scope::CommandsWrite);
        }
    }
}
