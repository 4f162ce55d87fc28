//! Scopes: what a credential may do.

use std::fmt;

/// One permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scope {
    /// Streams and pages of events.
    EventsRead,
    /// The state.
    StateRead,
    /// Webhooks, reading them included.
    WebhooksWrite,
    /// Commands to a PBX.
    CommandsWrite,
    /// Reconnecting a source.
    SourcesOperate,
    /// Metrics.
    MetricsRead,
    /// Parties that asked not to be shown.
    PiiRead,
    /// Everything.
    Admin,
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 8] = [
        Self::EventsRead,
        Self::StateRead,
        Self::WebhooksWrite,
        Self::CommandsWrite,
        Self::SourcesOperate,
        Self::MetricsRead,
        Self::PiiRead,
        Self::Admin,
    ];

    /// The name in tokens and configs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventsRead => "events:read",
            Self::StateRead => "state:read",
            Self::WebhooksWrite => "webhooks:write",
            Self::CommandsWrite => "commands:write",
            Self::SourcesOperate => "sources:operate",
            Self::MetricsRead => "metrics:read",
            Self::PiiRead => "pii:read",
            Self::Admin => "admin",
        }
    }

    /// The scope of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Scopes {
    /// What the local user of a gateway without authentication may do: all but commanding a PBX.
    #[must_use]
    pub fn local() -> Self {
        Self(u8::MAX & !Scope::CommandsWrite.bit())
    }

    /// True when the scope is in the set.
    #[must_use]
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }
}

impl Scope {
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl FromIterator<Scope> for Scopes {
    /// `admin` brings every other scope with it.
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let bits = scopes.into_iter().fold(0, |bits, scope| bits | scope.bit());
        Self(if bits & Scope::Admin.bit() == 0 {
            bits
        } else {
            u8::MAX
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_implies_every_scope() {
        let admin: Scopes = [Scope::Admin].into_iter().collect();
        assert!(Scope::ALL.into_iter().all(|scope| admin.has(scope)));
    }

    #[test]
    fn the_local_user_may_do_all_but_command() {
        for scope in Scope::ALL {
            assert_eq!(Scopes::local().has(scope), scope != Scope::CommandsWrite);
        }
    }

    #[test]
    fn names_lead_back() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::parse("events"), None);
    }
}
