//! Sets of event types: the globs and profiles by which people name them, and a bit set by which events are tested.

use model::EventType;
use serde::{Serialize, Serializer};

/// A set of event types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TypeSet(u128);

/// A named selection of types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// What a CRM shows; without ringings that were over when they were reported.
    Crm,
    /// What a wallboard shows.
    Wallboard,
    /// Every type.
    All,
}

const _: () = assert!(
    EventType::ALL.len() <= 128,
    "a set of types is 128 bits wide"
);

impl TypeSet {
    /// No type.
    pub const NONE: Self = Self(0);

    /// Every type.
    #[must_use]
    pub fn all() -> Self {
        EventType::ALL.iter().copied().collect()
    }

    /// The types that a glob matches; `*` stands for any characters, dots too.
    #[must_use]
    pub fn matching(glob: &str) -> Self {
        let matches = |kind: &EventType| glob_matches(glob.as_bytes(), kind.as_str().as_bytes());
        EventType::ALL.iter().copied().filter(matches).collect()
    }

    /// True when the type is in the set.
    #[must_use]
    pub const fn has(self, kind: EventType) -> bool {
        self.0 >> kind.index() & 1 == 1
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// True when nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// One bit for each type, by [`EventType::index`].
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The types, in catalogue order.
    pub fn iter(self) -> impl Iterator<Item = EventType> {
        EventType::ALL
            .iter()
            .copied()
            .filter(move |kind| self.has(*kind))
    }
}

impl FromIterator<EventType> for TypeSet {
    fn from_iter<I: IntoIterator<Item = EventType>>(types: I) -> Self {
        Self(
            types
                .into_iter()
                .fold(0, |bits, kind| bits | 1 << kind.index()),
        )
    }
}

impl Serialize for TypeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Crm, Self::Wallboard, Self::All];

    /// The name in a request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Wallboard => "wallboard",
            Self::All => "all",
        }
    }

    /// The profile of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == name)
    }

    /// Its types.
    #[must_use]
    pub fn types(self) -> TypeSet {
        match self {
            Self::Crm => CRM.iter().copied().collect(),
            Self::Wallboard => WALLBOARD.iter().fold(TypeSet::NONE, |types, glob| {
                types.union(TypeSet::matching(glob))
            }),
            Self::All => TypeSet::all(),
        }
    }

    /// True when ringings that were over when they were reported are left out.
    #[must_use]
    pub const fn skips_reconstructed(self) -> bool {
        matches!(self, Self::Crm)
    }
}

impl Serialize for Profile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

const CRM: [EventType; 15] = [
    EventType::CallStarted,
    EventType::CallRinging,
    EventType::CallAnswered,
    EventType::CallHeld,
    EventType::CallResumed,
    EventType::CallTransferred,
    EventType::CallMissed,
    EventType::CallEnded,
    EventType::CallAmended,
    EventType::LegRinging,
    EventType::LegAnswered,
    EventType::LegEnded,
    EventType::RecordingEnded,
    EventType::VoicemailReceived,
    EventType::SourceGap,
];

const WALLBOARD: [&str; 9] = [
    "call.*",
    "leg.*",
    "agent.*",
    "queue.*",
    "extension.*",
    "user.*",
    "device.*",
    "trunk.*",
    "source.*",
];

/// Never backtracks further than to the last star, so hostile globs cost no more than their length times the text's.
fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if glob.get(g) == Some(&b'*') {
            retry = Some((g + 1, t));
            g += 1;
        } else if glob.get(g) == Some(&text[t]) {
            g += 1;
            t += 1;
        } else if let Some((after_star, from)) = retry {
            retry = Some((after_star, from + 1));
            g = after_star;
            t = from + 1;
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(set: TypeSet) -> Vec<&'static str> {
        set.iter().map(EventType::as_str).collect()
    }

    #[test]
    fn a_star_matches_any_characters_dots_too() {
        assert_eq!(TypeSet::matching("*"), TypeSet::all());
        assert_eq!(
            names(TypeSet::matching("queue.caller_*")),
            [
                "queue.caller_joined",
                "queue.caller_left",
                "queue.caller_moved"
            ]
        );
        assert_eq!(
            names(TypeSet::matching("c*l.*red")),
            ["call.answered", "call.transferred"]
        );
        assert_eq!(names(TypeSet::matching("call.ended")), ["call.ended"]);
        for nothing in ["", "call", "call.endedx", "CALL.ENDED", "stream.*"] {
            assert!(TypeSet::matching(nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn the_wallboard_leaves_out_what_is_not_live() {
        let types = Profile::Wallboard.types();
        assert!(types.has(EventType::QueueCallerJoined) && types.has(EventType::SourceGap));
        assert!(!types.has(EventType::CdrCreated) && !types.has(EventType::WebhookTest));
    }

    #[test]
    fn every_profile_is_found_by_its_name() {
        for profile in Profile::ALL {
            assert_eq!(Profile::parse(profile.as_str()), Some(profile));
        }
        assert_eq!(Profile::parse("CRM"), None);
    }
}
