//! Identity: sources, entities, positions in the log, cursors.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::words::words;

/// The name of a configured source: `[a-z0-9-]{1,32}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(Arc<str>);

/// The id of an entity: `<source id>:<native key>`, at most [`EntityId::MAX`] bytes. Opaque to consumers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(Arc<str>);

/// The generation of a log: 8 characters of `[a-z0-9]`, chosen when the log is created.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch([u8; 8]);

/// A place in the log. Increasing, not contiguous. Zero is before the first event.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(pub u64);

/// An event id: `<epoch>-<position as 16 lower-case hex digits>`. It is also the position to resume from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The generation of the log that gave the position.
    pub epoch: Epoch,
    /// The position within that generation.
    pub position: Position,
}

/// The id of a raw frame: `<source>/<boot>/<n>`, where `boot` counts starts of the gateway and `n` frames since.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FrameId {
    /// The source that received the frame.
    pub source: SourceId,
    /// Which start of the gateway.
    pub boot: u32,
    /// The number of the frame since that start, from 1.
    pub n: u64,
}

words! {
    /// A kind of entity, by its path segment in subjects and under `/v1/`.
    Collection {
        /// Calls (their legs are part of them).
        Calls = "calls",
        /// Extensions.
        Extensions = "extensions",
        /// Users.
        Users = "users",
        /// Devices.
        Devices = "devices",
        /// Agents: an extension in a queue.
        Agents = "agents",
        /// Queues.
        Queues = "queues",
        /// Callers waiting in a queue, below it.
        Callers = "callers",
        /// Trunks.
        Trunks = "trunks",
        /// Conferences.
        Conferences = "conferences",
        /// Participants of a conference, below it.
        Participants = "participants",
        /// Recordings.
        Recordings = "recordings",
        /// Voicemail messages.
        Voicemails = "voicemails",
        /// Call detail records.
        Cdrs = "cdrs",
        /// Sources: connections to PBXs.
        Sources = "sources",
        /// Commands.
        Commands = "commands",
        /// Webhooks.
        Webhooks = "webhooks",
    }
}

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadId {
    what: &'static str,
    text: String,
    rule: &'static str,
}

impl SourceId {
    /// Checks a configured name.
    ///
    /// # Errors
    /// When the name is empty, longer than 32 bytes, or holds anything but `a-z`, `0-9` and `-`.
    pub fn new(name: &str) -> Result<Self, BadId> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=32).contains(&name.len()) && name.bytes().all(legal) {
            Ok(Self(name.into()))
        } else {
            Err(BadId::new(
                "source id",
                name,
                "1 to 32 characters of a-z, 0-9 and -",
            ))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the entity that the PBX knows as `key`.
    #[must_use]
    pub fn entity(&self, key: &str) -> EntityId {
        EntityId::new(self, key)
    }
}

impl EntityId {
    /// The most bytes an id has; a longer native key is replaced by its hash.
    pub const MAX: usize = 200;

    /// `<source>:<key>`; when that is longer than [`Self::MAX`], the key becomes `~` and 32 hex digits of its hash.
    #[must_use]
    pub fn new(source: &SourceId, key: &str) -> Self {
        let plain = source.as_str().len() + 1 + key.len();
        if plain <= Self::MAX {
            Self(format!("{source}:{key}").into())
        } else {
            Self(format!("{source}:~{:032x}", fnv128(key)).into())
        }
    }

    /// An id read back from the log or from a request.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first colon.
    #[must_use]
    pub fn source(&self) -> &str {
        self.0.split_once(':').map_or("", |(source, _)| source)
    }

    /// The part after the first colon: the PBX's own key, or its hash.
    #[must_use]
    pub fn key(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(_, key)| key)
    }

    /// The shared text.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl Epoch {
    /// The generation of ids that are in no log, as those of test events are: nothing can be resumed from them.
    pub const TESTS: Self = Self(*b"testtest");

    /// An epoch out of eight random bytes: each becomes one of 36 characters.
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        Self(bytes.map(|b| ALPHABET[usize::from(b) % 36]))
    }

    /// The eight characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("????????")
    }

    /// The cursor of a position in this epoch.
    #[must_use]
    pub const fn at(self, position: Position) -> Cursor {
        Cursor {
            epoch: self,
            position,
        }
    }
}

impl Cursor {
    /// The id as it is written, without a formatter: every event has one.
    fn characters(self) -> [u8; 25] {
        let mut text = [b'-'; 25];
        text[..8].copy_from_slice(&self.epoch.0);
        let mut left = self.position.0;
        for digit in text[9..].iter_mut().rev() {
            *digit = b"0123456789abcdef"[(left % 16) as usize];
            left /= 16;
        }
        text
    }
}

impl FromStr for Epoch {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId::new("epoch", text, "8 characters of a-z and 0-9");
        let bytes: [u8; 8] = text.as_bytes().try_into().map_err(|_| bad())?;
        let legal = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if bytes.iter().all(legal) {
            Ok(Self(bytes))
        } else {
            Err(bad())
        }
    }
}

impl FromStr for Cursor {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || {
            BadId::new(
                "event id",
                text,
                "<8 characters>-<16 lower-case hex digits>",
            )
        };
        let (epoch, offset) = text.split_once('-').ok_or_else(bad)?;
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if offset.len() != 16 || !offset.bytes().all(hex) {
            return Err(bad());
        }
        let position = u64::from_str_radix(offset, 16).map_err(|_| bad())?;
        Ok(Self {
            epoch: epoch.parse().map_err(|_| bad())?,
            position: Position(position),
        })
    }
}

impl FromStr for FrameId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId::new("frame id", text, "<source>/<start>/<number>");
        let mut parts = text.split('/');
        let mut part = || parts.next().ok_or_else(bad);
        let (source, boot, n) = (part()?, part()?, part()?);
        if part().is_ok() {
            return Err(bad());
        }
        Ok(Self {
            source: SourceId::new(source)?,
            boot: boot.parse().map_err(|_| bad())?,
            n: n.parse().map_err(|_| bad())?,
        })
    }
}

impl BadId {
    fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        let text = text.chars().take(64).collect();
        Self { what, text, rule }
    }
}

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not {} {}: it is {}",
            self.text,
            article(self.what),
            self.what,
            self.rule
        )
    }
}

impl std::error::Error for BadId {}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.characters()).unwrap_or_default())
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.characters()).unwrap_or_default())
    }
}

impl fmt::Display for FrameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.source, self.boot, self.n)
    }
}

macro_rules! text_id {
    ($name:ident, $description:literal, $read:expr) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        text_id!(read $name, $description, $read);
    };
    (read $name:ident, $description:literal, $read:expr) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <Cow<'de, str>>::deserialize(deserializer)?;
                let read: fn(&str) -> Result<Self, BadId> = $read;
                read(&text).map_err(serde::de::Error::custom)
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "description": $description})
            }
        }
    };
}

text_id!(SourceId, "Name of a configured source.", SourceId::new);
text_id!(EntityId, "`<source id>:<native key>`, opaque.", |text| Ok(
    EntityId::from_text(text)
));
text_id!(Epoch, "Generation of the log.", str::parse);
text_id!(read Cursor, "Event id, and the position to resume from.", str::parse);

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

/// FNV-1a, 128 bits: stable over versions and platforms, which an id must be.
fn fnv128(text: &str) -> u128 {
    let step = |hash: u128, byte: u8| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B)
    };
    text.bytes()
        .fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_are_written() {
        let cursor: Cursor = "k3v9q2xw-0000000000004712".parse().unwrap();
        assert_eq!(cursor.position, Position(0x4712));
        for text in ["k3v9q2xw-0000000000004712", "k3v9q2xw-fedcba9876543210"] {
            let cursor: Cursor = text.parse().unwrap();
            assert_eq!(cursor.to_string(), text);
            assert_eq!(serde_json::to_value(cursor).unwrap(), text);
        }
    }

    #[test]
    fn frame_ids_are_read_as_they_are_written() {
        let frame: FrameId = "hq/3/4711".parse().unwrap();
        assert_eq!((frame.boot, frame.n), (3, 4711));
        assert_eq!(frame.to_string(), "hq/3/4711");
        for text in ["", "hq", "hq/3", "hq/3/4/5", "HQ/3/4", "hq/x/4", "hq/3/-4"] {
            assert!(text.parse::<FrameId>().is_err(), "{text}");
        }
    }

    #[test]
    fn garbage_is_no_cursor() {
        for text in [
            "",
            "k3v9q2xw",
            "k3v9q2xw-4712",
            "K3V9Q2XW-0000000000004712",
            "k3v9q2xw-000000000000471G",
            "s-1",
            "k3v9q2xw-+000000000004712",
        ] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn long_keys_are_hashed_and_stay_distinct() {
        let hq = SourceId::new("hq").unwrap();
        let (a, b) = (hq.entity(&"a".repeat(300)), hq.entity(&"b".repeat(300)));
        assert!(a.as_str().len() <= EntityId::MAX);
        assert_ne!(a, b);
        assert_eq!(a.source(), "hq");
    }

    #[test]
    fn source_names_are_checked() {
        assert!(SourceId::new("hq-2").is_ok());
        for name in ["", "HQ", "h q", "h:q", &"a".repeat(33)] {
            assert!(SourceId::new(name).is_err(), "{name}");
        }
    }
}
