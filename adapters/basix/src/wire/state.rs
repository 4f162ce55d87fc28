//! What a leg is doing: `{Ts, Name, …}`, the rest by position and name.

use std::borrow::Cow;

use super::{
    record::{Field, Scalar},
    term::{Term, Terms},
};

/// What a leg is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct State<'a> {
    /// Since when, µs since 1970.
    pub since: Option<i64>,
    /// Its name, as it came.
    pub name: Cow<'a, str>,
    /// The rest.
    pub activity: Activity<'a>,
}

/// What a state's name says, and what comes with it.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "each variant is the state of that name, each field what the PBX calls it"
)]
pub enum Activity<'a> {
    /// It waits for somebody else to answer.
    Calling {
        /// `int` or `ext`.
        location: Scalar<'a>,
        to: Destination<'a>,
    },
    /// A web phone rings.
    Ringing,
    /// It talks with the other leg.
    Bridged,
    Voicemail {
        /// `user` or `group`.
        target_type: Scalar<'a>,
        target_id: Option<i64>,
        target_name: Scalar<'a>,
    },
    CheckingVoicemail {
        target_name: Scalar<'a>,
    },
    CallingSipTermination {
        url: Scalar<'a>,
    },
    Ivr {
        id: Scalar<'a>,
    },
    SystemOperation {
        operation: Scalar<'a>,
    },
    Conference {
        room_id: Scalar<'a>,
    },
    /// A program of the customer decides.
    XmlIvr,
    Park {
        slot: Scalar<'a>,
        terminal_name: Scalar<'a>,
        parker_id: Option<i64>,
        parker_name: Scalar<'a>,
    },
    /// It listens to another leg.
    Eavesdrop {
        uuid: Scalar<'a>,
        eavesdrop_state: Scalar<'a>,
    },
    /// Another state, with what followed its name.
    Other(Terms<'a>),
}

/// Whom a leg is calling.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each field is what the PBX calls it")]
pub enum Destination<'a> {
    User {
        id: Option<i64>,
    },
    Group {
        /// `ring` or `hunt`.
        group_type: Scalar<'a>,
        id: Option<i64>,
        /// The queue, of a ring group.
        queue_id: Scalar<'a>,
    },
    Pstn {
        address: Scalar<'a>,
    },
    Endpoint {
        name: Scalar<'a>,
        host: Scalar<'a>,
    },
    /// Another kind of destination, or none told.
    Other {
        kind: Scalar<'a>,
        data: Option<Term<'a>>,
    },
}

impl<'a> Field<'a> for Option<State<'a>> {
    #[inline]
    fn take(&mut self, value: Term<'a>) -> bool {
        let Some(mut at) = value.elements() else {
            return false;
        };
        if at.len() == 0 {
            return true;
        }
        let since = at.next().and_then(Term::int);
        let Some(name) = at.next().and_then(Term::text) else {
            return false;
        };
        *self = Some(State {
            since,
            activity: activity(&name, at),
            name,
        });
        true
    }
}

fn activity<'a>(name: &str, mut at: Terms<'a>) -> Activity<'a> {
    match name {
        "calling" => calling(at),
        // Until 2018.
        "calling_external" => Activity::Calling {
            location: Some("ext".into()),
            to: Destination::Pstn {
                address: text(&mut at),
            },
        },
        "ringing" => Activity::Ringing,
        "bridged" => Activity::Bridged,
        "voicemail" => Activity::Voicemail {
            target_type: text(&mut at),
            target_id: int(&mut at),
            target_name: text(&mut at),
        },
        "checking_voicemail" => Activity::CheckingVoicemail {
            target_name: text(&mut at),
        },
        "calling_siptermination" => Activity::CallingSipTermination { url: text(&mut at) },
        "ivr" => Activity::Ivr { id: text(&mut at) },
        "system_operation" => Activity::SystemOperation {
            operation: text(&mut at),
        },
        "conference" => Activity::Conference {
            room_id: text(&mut at),
        },
        "xml_ivr" | "plivo" => Activity::XmlIvr,
        "park" => Activity::Park {
            slot: text(&mut at),
            terminal_name: text(&mut at),
            parker_id: int(&mut at),
            parker_name: text(&mut at),
        },
        "eavesdrop" => Activity::Eavesdrop {
            uuid: text(&mut at),
            eavesdrop_state: text(&mut at),
        },
        _ => Activity::Other(at),
    }
}

fn calling<'a>(mut at: Terms<'a>) -> Activity<'a> {
    let first = text(&mut at);
    if matches!(first.as_deref(), None | Some("int" | "ext")) {
        let kind = text(&mut at);
        return Activity::Calling {
            location: first,
            to: destination(kind, at.next()),
        };
    }
    // Until 2018: `{Ts, calling, target_type, id, name}`.
    let to = match first.as_deref() {
        Some("user") => Destination::User { id: int(&mut at) },
        Some("group") => Destination::Group {
            group_type: None,
            id: int(&mut at),
            queue_id: None,
        },
        _ => Destination::Other {
            kind: first,
            data: at.next(),
        },
    };
    Activity::Calling { location: None, to }
}

fn destination<'a>(kind: Scalar<'a>, data: Option<Term<'a>>) -> Destination<'a> {
    let parts = data.and_then(Term::elements);
    match (kind.as_deref(), parts) {
        (Some("user"), Some(mut at)) => Destination::User { id: int(&mut at) },
        (Some("group"), Some(mut at)) => Destination::Group {
            group_type: text(&mut at),
            id: int(&mut at),
            queue_id: at.nth(2).and_then(Term::text),
        },
        (Some("pstn"), Some(mut at)) => Destination::Pstn {
            address: text(&mut at),
        },
        (Some("pstn"), None) => Destination::Pstn {
            address: data.and_then(Term::text),
        },
        (Some("bridged_endpoint"), Some(mut at)) => Destination::Endpoint {
            name: text(&mut at),
            host: text(&mut at),
        },
        _ => Destination::Other { kind, data },
    }
}

fn text<'a>(at: &mut Terms<'a>) -> Scalar<'a> {
    at.next().and_then(Term::text)
}

fn int(at: &mut Terms<'_>) -> Option<i64> {
    at.next().and_then(Term::int)
}
