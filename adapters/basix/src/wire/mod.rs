//! Frames: bytes in, native messages out. Tolerant, bounded, pure.
//!
//! A frame is one term of Erlang. [`scan()`] passes it, and from there on it is read in place: a [`Term`] is a view, an
//! entity borrows its texts, and nothing is decoded that nobody looks at.

pub mod command;
mod debug;
#[cfg(feature = "sim")]
mod eetf;
mod element;
mod encoded;
mod json;
mod party;
mod record;
mod scan;
mod spec;
mod state;
mod tag;
mod term;
mod text;
#[cfg(feature = "sim")]
pub mod write;

use std::borrow::Cow;

use thiserror::Error;

pub use element::*;
pub use encoded::{Contact, EndUser, Origination, Tags, percent_decode};
pub use party::{OtherInfo, Target};
pub use record::Scalar;
pub use scan::{MAX_BIG, MAX_DEPTH, MAX_TERMS, ScanError, scan};
pub use spec::{Element, Entity, FieldSpec, MAX_ELEMENTS, MAX_FIELDS, Specs};
pub use state::{Activity, Destination, State};
pub use term::{Big, Pairs, Term, Terms, Value};

/// A message of the PBX.
#[derive(Clone, Debug, PartialEq)]
pub enum Message<'a> {
    /// What the fields of an element are, on this connection, from now on.
    FieldSpec(FieldSpec),
    /// All entities of an element.
    InitialInfo {
        /// Which element.
        element: Element,
        /// Its entities, to be read with [`FieldSpec::entity`].
        entities: Terms<'a>,
    },
    /// An entity came, changed or went.
    InfoEvent {
        /// Its element.
        element: Element,
        /// It, whole, to be read with [`FieldSpec::entity`].
        entity: Term<'a>,
        /// What happened to it.
        change: Change<'a>,
    },
    /// About the connection itself.
    SystemMsg(SystemMsg<'a>),
    /// A message for users, in no known form.
    Msg(Term<'a>),
    /// Another kind of message.
    Unknown {
        /// Its kind.
        kind: Cow<'a, str>,
        /// The message, kind and all.
        message: Term<'a>,
    },
}

/// What happened to an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// It is new.
    Added,
    /// It is as told now.
    Updated,
    /// It is gone. What is told is how it was last, or no more than its key.
    Removed,
    /// Something else; treated as `updated` by the vendor's clients.
    Other(Cow<'a, str>),
}

/// About the connection itself.
#[derive(Clone, Debug, PartialEq)]
pub enum SystemMsg<'a> {
    /// As many connections as allowed are open already; this one will be closed.
    ConnectionLimitReached,
    /// Another connection took the place of this one, which will be closed.
    ConnectionReplaced,
    /// The session has ended.
    Logout,
    /// Something else.
    Other(Term<'a>),
}

/// Why a frame cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Not a term within the bounds.
    #[error("frame is not a term that can be read")]
    Scan(#[from] ScanError),
    /// A term, but no message.
    #[error("frame is not a message")]
    NoMessage,
    /// A message of a known kind without what belongs to it.
    #[error("`{0}` is not of its documented form")]
    Form(&'static str),
    /// A message of servers of 2016 to 2018, whose messages differ in all.
    #[error("`{0}` is of a server before 2019, which is not supported")]
    Outdated(String),
}

impl DecodeError {
    /// The kind of what could not be read, for `source.unrecognized`.
    #[must_use]
    pub const fn shape(&self) -> &'static str {
        match self {
            Self::Scan(error) => error.shape(),
            Self::NoMessage => "frame",
            Self::Form(kind) => kind,
            Self::Outdated(_) => "outdated",
        }
    }
}

/// Reads a frame.
///
/// # Errors
/// When it is no term within the bounds, or no message.
pub fn decode(frame: &[u8]) -> Result<Message<'_>, DecodeError> {
    let message = scan(frame)?;
    let mut parts = message.elements().ok_or(DecodeError::NoMessage)?;
    let first = parts.next().ok_or(DecodeError::NoMessage)?;
    let Value::Text(kind) = first.value() else {
        return Err(wrapped(first));
    };
    match &*kind {
        "field_spec" => {
            let form = DecodeError::Form("field_spec");
            let (Some(element), Some(names)) = (element(parts.next()), list(parts.next())) else {
                return Err(form);
            };
            Ok(Message::FieldSpec(FieldSpec::new(element, names)))
        }
        "initial_info" => {
            let form = DecodeError::Form("initial_info");
            let (Some(element), Some(entities)) = (element(parts.next()), list(parts.next()))
            else {
                return Err(form);
            };
            Ok(Message::InitialInfo { element, entities })
        }
        "info_event" => {
            let form = DecodeError::Form("info_event");
            let (Some(element), Some(entity)) = (element(parts.next()), parts.next()) else {
                return Err(form);
            };
            let change = parts.next().and_then(Term::text).unwrap_or_default();
            Ok(Message::InfoEvent {
                element,
                entity,
                change: Change::parse(change),
            })
        }
        "system_msg" => {
            let message = parts.next().ok_or(DecodeError::Form("system_msg"))?;
            Ok(Message::SystemMsg(SystemMsg::parse(message)))
        }
        "msg" => {
            let payload = parts.next().ok_or(DecodeError::Form("msg"))?;
            Ok(Message::Msg(payload))
        }
        "initial_chan_info" | "chan_info" | "park_info" | "unpark_info" | "mwi_info" => {
            Err(DecodeError::Outdated(kind.into_owned()))
        }
        _ => Ok(Message::Unknown { kind, message }),
    }
}

impl<'a> Change<'a> {
    fn parse(name: Cow<'a, str>) -> Self {
        match &*name {
            "added" => Self::Added,
            "updated" => Self::Updated,
            "removed" => Self::Removed,
            _ => Self::Other(name),
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Removed => "removed",
            Self::Other(name) => name,
        }
    }
}

impl<'a> SystemMsg<'a> {
    fn parse(message: Term<'a>) -> Self {
        match message.text().as_deref() {
            Some("connection_limit_reached") => Self::ConnectionLimitReached,
            Some("connection_replaced") => Self::ConnectionReplaced,
            Some("logout") => Self::Logout,
            _ => Self::Other(message),
        }
    }
}

/// Until 2018-11 every message was the first element of another tuple.
fn wrapped(first: Term<'_>) -> DecodeError {
    let kind = first.elements().and_then(|mut inner| inner.next()?.text());
    kind.map_or(DecodeError::NoMessage, |kind| {
        DecodeError::Outdated(text::cut(&kind, 64).to_owned())
    })
}

fn element(name: Option<Term<'_>>) -> Option<Element> {
    let name = name?.text()?;
    (!name.is_empty()).then(|| Element::parse(&name))
}

fn list(term: Option<Term<'_>>) -> Option<Terms<'_>> {
    match term?.value() {
        Value::List(elements) => Some(elements),
        Value::Empty => Some(Terms::default()),
        _ => None,
    }
}
