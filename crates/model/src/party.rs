//! Who takes part: a party is one side of a call as far as it is known.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{EntityId, Number, Text};

/// One side of a call. Every field is what the PBX told; nothing is filled in by guess.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Party {
    /// The number or address dialled or shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// The extension, when the party is inside the PBX.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<ExtensionRef>,
    /// The user behind the extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRef>,
    /// The SIP URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<Text>,
    /// True when the party asked not to be shown: without the scope `pii:read` only this flag remains.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
}

/// An extension, by number and, where known, by id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExtensionRef {
    /// The entity, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
    /// The number inside the PBX.
    pub number: Text,
}

/// A user, by id and name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserRef {
    /// The entity, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
}

impl Party {
    /// A party known by its number alone.
    #[must_use]
    pub fn numbered(number: Number) -> Self {
        Self {
            number: Some(number),
            ..Self::default()
        }
    }

    /// A party that is an extension, known by its number.
    #[must_use]
    pub fn extension(number: &str) -> Self {
        let extension = ExtensionRef {
            id: None,
            number: number.into(),
        };
        Self {
            number: Some(Number::internal(number)),
            extension: Some(extension),
            ..Self::default()
        }
    }

    /// True when nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes over what `other` knows; keeps what `other` does not.
    pub fn merge(&mut self, other: &Self) {
        fn take<T: Clone>(mine: &mut Option<T>, theirs: Option<&T>) {
            if let Some(value) = theirs {
                *mine = Some(value.clone());
            }
        }
        take(&mut self.number, other.number.as_ref());
        take(&mut self.name, other.name.as_ref());
        take(&mut self.user, other.user.as_ref());
        take(&mut self.uri, other.uri.as_ref());
        self.private |= other.private;
        match (&mut self.extension, &other.extension) {
            (Some(mine), Some(theirs)) if mine.number == theirs.number => {
                take(&mut mine.id, theirs.id.as_ref());
            }
            (mine, theirs) => take(mine, theirs.as_ref()),
        }
    }
}
