//! What the link says itself, in frames of its own: which channels stand, what REST answered, what could not be read.

use std::borrow::Cow;

use adapter::{
    json::Json,
    record,
    record::{Scalar, Unclaimed, read},
};

/// A word of the link.
#[derive(Clone, Debug, PartialEq)]
pub enum Note<'a> {
    /// Who we are to Telecom X.
    Session(Session<'a>),
    /// A channel stands, or is refused.
    Subscribed(Subscribed<'a>),
    /// The answer to a request for REST.
    Rest(Box<Rest<'a>>),
    /// The answer to something emitted.
    Ack(Ack<'a>),
    /// Something came that is no event.
    Bad(Bad<'a>),
    /// Not known.
    Unknown(String),
}

record! {
    /// What the login told.
    Session {
        level: Scalar<'a> = "level",
    }
}

record! {
    /// A channel stands, or is refused.
    Subscribed {
        channel: Scalar<'a> = "channel",
        ok: Scalar<'a> = "ok",
        error: Scalar<'a> = "error",
        last: Scalar<'a> = "final",
    }
}

record! {
    /// The answer to a request for REST; without a status there was none.
    Rest {
        path: Scalar<'a> = "path",
        status: Scalar<'a> = "status",
        body: Json<'a> = "body",
        text: Scalar<'a> = "text",
        error: Scalar<'a> = "error",
    }
}

record! {
    /// The answer to something emitted, or why there is none.
    Ack {
        id: Scalar<'a> = "id",
        args: Json<'a> = "args",
        error: Scalar<'a> = "error",
    }
}

record! {
    /// Something came that is no event.
    Bad {
        kind: Scalar<'a> = "kind",
        error: Scalar<'a> = "error",
        text: Scalar<'a> = "text",
        base64: Scalar<'a> = "base64",
        alarm: Scalar<'a> = "alarm",
    }
}

impl<'a> Note<'a> {
    pub(super) fn read(kind: &str, pairs: Vec<(Cow<'a, str>, Json<'a>)>) -> Self {
        let unclaimed = &mut Unclaimed::default();
        match kind {
            "session" => Self::Session(read(pairs, unclaimed)),
            "subscribed" => Self::Subscribed(read(pairs, unclaimed)),
            "rest" => Self::Rest(Box::new(read(pairs, unclaimed))),
            "ack" => Self::Ack(read(pairs, unclaimed)),
            "bad" => Self::Bad(read(pairs, unclaimed)),
            other => Self::Unknown(other.chars().take(64).collect()),
        }
    }
}
