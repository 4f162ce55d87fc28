//! Engine.IO 3 and 4, and Socket.IO 4 and 5 inside: text to packets and back. Pure, and never panics.
//!
//! An event stays the text that it was: whether it is JSON with a name in front is checked without building a value, so
//! that what a stricter reader would drop (deep nesting, `1e400`, half a surrogate pair) is handed on.

mod binary;
mod decoder;

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

pub use self::{
    binary::{MAX_ATTACHMENTS, reinsert},
    decoder::{Bad, Decoder, Heard},
};

/// A version of Engine.IO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Spoken by socket.io 2: the client pings, the default namespace is joined unasked.
    V3,
    /// Spoken by socket.io 3 and 4: the server pings, namespaces are joined by wish.
    V4,
}

/// An Engine.IO packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope<'a> {
    /// The handshake, JSON.
    Open(&'a str),
    /// The other side ends the session.
    Close,
    /// Are you there? What it carries comes back in the pong.
    Ping(&'a str),
    /// I am.
    Pong,
    /// A Socket.IO packet.
    Message(&'a str),
    /// A binary message of Engine.IO 3 in Base64 (`b4…`), still encoded.
    Base64(&'a str),
    /// A transport is changed for another, which a client that opens a WebSocket at once does not do.
    Upgrade,
    /// Nothing.
    Noop,
}

/// A Socket.IO packet of the default namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The namespace is joined. The data is JSON or empty.
    Connect(&'a str),
    /// The namespace is left.
    Disconnect,
    /// An event: a JSON array that begins with its name.
    Event {
        /// The id under which the other side waits for an answer.
        ack: Option<u64>,
        /// The array.
        args: &'a str,
    },
    /// An answer to an event: a JSON array.
    Ack {
        /// The id of the event.
        id: u64,
        /// The array.
        args: &'a str,
    },
    /// Joining is refused. The data is JSON.
    Refused(&'a str),
    /// An event or answer whose attachments follow as binary frames.
    Announced {
        /// How many.
        attachments: usize,
        /// Whether it is an answer.
        is_ack: bool,
        /// The id, which an answer always has.
        id: Option<u64>,
        /// The array, with placeholders.
        args: &'a str,
    },
}

/// Why a frame is no packet that makes sense here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says it")]
pub enum Malformed {
    #[error("the frame is empty")]
    Empty,
    #[error("no Engine.IO packet has this type")]
    EngineType,
    #[error("an Engine.IO packet that has no place in a session that is open")]
    OutOfPlace,
    #[error("no Socket.IO packet has this type")]
    SocketType,
    #[error("a packet of another namespace")]
    Namespace,
    #[error("the number of attachments cannot be read")]
    Attachments,
    #[error("too many or too large attachments are announced")]
    TooManyAttachments,
    #[error("an answer without the id of its question")]
    AckId,
    #[error("an answer that nobody waits for")]
    StrayAck,
    #[error("not JSON")]
    NotJson,
    #[error("not a JSON array")]
    NotAnArray,
    #[error("an event without a name")]
    NoName,
    #[error("an event with a name that is reserved for the gateway")]
    Reserved,
    #[error("a binary frame that nothing announced")]
    StrayBinary,
    #[error("attachments were announced and did not come")]
    Incomplete,
    #[error("the placeholders do not fit the attachments")]
    Placeholders,
}

impl Engine {
    /// The value of `EIO` in the URL, and of `engine_io` in the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V3 => "3",
            Self::V4 => "4",
        }
    }
}

impl Malformed {
    /// A word for it, to count by.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::EngineType => "engine_type",
            Self::OutOfPlace => "out_of_place",
            Self::SocketType => "socket_type",
            Self::Namespace => "namespace",
            Self::Attachments => "attachments",
            Self::TooManyAttachments => "too_many_attachments",
            Self::AckId => "ack_id",
            Self::StrayAck => "stray_ack",
            Self::NotJson => "not_json",
            Self::NotAnArray => "not_an_array",
            Self::NoName => "no_name",
            Self::Reserved => "reserved",
            Self::StrayBinary => "stray_binary",
            Self::Incomplete => "incomplete",
            Self::Placeholders => "placeholders",
        }
    }
}

/// Reads the outer packet of a text frame.
///
/// # Errors
/// When it is none.
pub fn envelope(frame: &str) -> Result<Envelope<'_>, Malformed> {
    let mut rest = frame.chars();
    let kind = rest.next().ok_or(Malformed::Empty)?;
    let rest = rest.as_str();
    Ok(match kind {
        '0' => Envelope::Open(rest),
        '1' => Envelope::Close,
        '2' => Envelope::Ping(rest),
        '3' => Envelope::Pong,
        '4' => Envelope::Message(rest),
        '5' => Envelope::Upgrade,
        '6' => Envelope::Noop,
        'b' if rest.starts_with('4') => Envelope::Base64(&rest[1..]),
        _ => return Err(Malformed::EngineType),
    })
}

/// Reads the packet in a message.
///
/// # Errors
/// When it is none, or of another namespace than the default one.
pub fn packet(message: &str) -> Result<Packet<'_>, Malformed> {
    let mut rest = message.chars();
    let kind = rest.next().ok_or(Malformed::SocketType)?;
    let mut rest = rest.as_str();
    let mut attachments = None;
    if matches!(kind, '5' | '6') {
        let (count, after) = rest.split_once('-').ok_or(Malformed::Attachments)?;
        attachments = Some(number(count).ok_or(Malformed::Attachments)?);
        rest = after;
    }
    let rest = default_namespace(rest)?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (digits, args) = rest.split_at(digits);
    let id = || match digits {
        "" => Ok(None),
        digits => number(digits).map(Some).ok_or(Malformed::AckId),
    };
    Ok(match (kind, attachments) {
        ('0', _) => Packet::Connect(rest),
        ('1', _) => Packet::Disconnect,
        ('2', _) => {
            named(args)?;
            Packet::Event { ack: id()?, args }
        }
        ('3', _) => {
            array(args)?;
            let id = id()?.ok_or(Malformed::AckId)?;
            Packet::Ack { id, args }
        }
        ('4', _) => Packet::Refused(rest),
        (kind @ ('5' | '6'), Some(attachments)) => {
            let attachments = usize::try_from(attachments).unwrap_or(usize::MAX);
            if attachments > MAX_ATTACHMENTS {
                return Err(Malformed::TooManyAttachments);
            }
            let (id, is_ack) = (id()?, kind == '6');
            if is_ack {
                array(args)?;
                id.ok_or(Malformed::AckId)?;
            } else {
                named(args)?;
            }
            Packet::Announced {
                attachments,
                is_ack,
                id,
                args,
            }
        }
        _ => return Err(Malformed::SocketType),
    })
}

/// An event as a text frame. The arguments are a JSON array that begins with the name.
#[must_use]
pub fn event(ack: Option<u64>, args: &str) -> String {
    ack.map_or_else(|| format!("42{args}"), |id| format!("42{id}{args}"))
}

/// An answer as a text frame. The arguments are a JSON array.
#[must_use]
pub fn ack(id: u64, args: &str) -> String {
    format!("43{id}{args}")
}

/// The name of an event, or nothing when it has none that can be read.
#[must_use]
pub fn name(args: &str) -> Option<Cow<'_, str>> {
    Arguments::read(args).ok()?.name
}

fn default_namespace(rest: &str) -> Result<&str, Malformed> {
    if !rest.starts_with('/') {
        return Ok(rest);
    }
    let (namespace, after) = rest.split_once(',').unwrap_or((rest, ""));
    // Engine.IO 3 servers may append a query.
    let name = namespace.split('?').next().unwrap_or("");
    (name == "/").then_some(after).ok_or(Malformed::Namespace)
}

fn number(digits: &str) -> Option<u64> {
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
}

fn array(args: &str) -> Result<Arguments<'_>, Malformed> {
    let arguments = Arguments::read(args);
    arguments.map_err(|_| {
        let is_json = serde_json::from_str::<IgnoredAny>(args).is_ok();
        if is_json {
            Malformed::NotAnArray
        } else {
            Malformed::NotJson
        }
    })
}

fn named(args: &str) -> Result<(), Malformed> {
    let name = array(args)?.name.ok_or(Malformed::NoName)?;
    if name.starts_with('#') {
        return Err(Malformed::Reserved);
    }
    Ok(())
}

/// An array of which only the first element is looked at.
struct Arguments<'a> {
    name: Option<Cow<'a, str>>,
}

impl<'a> Arguments<'a> {
    fn read(args: &'a str) -> Result<Self, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(args);
        let arguments = Self::deserialize(&mut reader)?;
        reader.end()?;
        Ok(arguments)
    }
}

impl<'de> Deserialize<'de> for Arguments<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Array;
        impl<'de> Visitor<'de> for Array {
            type Value = Arguments<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let name = seq.next_element::<Name<'_>>()?.and_then(|name| name.0);
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Arguments { name })
            }
        }
        reader.deserialize_seq(Array)
    }
}

/// A text, or nothing when it is anything else.
struct Name<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("anything")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Name(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Name(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Name(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Name(None))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Name(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Name(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Name(None))
            }
        }
        reader.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests;
