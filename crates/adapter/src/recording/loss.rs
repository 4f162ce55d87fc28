//! How a connection is lost, as a recording tells it.

use model::{SourceState, Text, observation::SourceFact};

/// What became of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// It broke, or was given up.
    #[default]
    Broken,
    /// The PBX refuses the credentials.
    AuthFailed,
    /// The PBX refuses further connections.
    LimitReached,
    /// Another client took its place.
    Replaced,
}

impl Loss {
    const ALL: [Self; 4] = [
        Self::Broken,
        Self::AuthFailed,
        Self::LimitReached,
        Self::Replaced,
    ];

    /// The loss that a fact tells of, and why.
    #[must_use]
    pub fn of(fact: &SourceFact) -> Option<(Self, &Text)> {
        match fact {
            SourceFact::Disconnected { reason } => Some((Self::Broken, reason)),
            SourceFact::AuthFailed { reason } => Some((Self::AuthFailed, reason)),
            SourceFact::LimitReached { reason } => Some((Self::LimitReached, reason)),
            SourceFact::Replaced { reason } => Some((Self::Replaced, reason)),
            SourceFact::Connecting
            | SourceFact::Connected { .. }
            | SourceFact::Synced
            | SourceFact::Degraded { .. } => None,
        }
    }

    /// The fact that tells of it.
    #[must_use]
    pub fn fact(self, reason: Text) -> SourceFact {
        match self {
            Self::Broken => SourceFact::Disconnected { reason },
            Self::AuthFailed => SourceFact::AuthFailed { reason },
            Self::LimitReached => SourceFact::LimitReached { reason },
            Self::Replaced => SourceFact::Replaced { reason },
        }
    }

    /// The state in which it leaves a source: its word in recordings.
    #[must_use]
    pub fn state(self) -> SourceState {
        match self {
            Self::Broken => SourceState::Disconnected,
            Self::AuthFailed => SourceState::AuthFailed,
            Self::LimitReached => SourceState::LimitReached,
            Self::Replaced => SourceState::Replaced,
        }
    }

    /// The loss of that word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|loss| loss.state().as_str() == word)
    }
}
