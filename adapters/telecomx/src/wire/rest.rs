//! Answers of REST. Their shapes are known in part: what is not known is passed over.

use adapter::{
    json::Json,
    record,
    record::{Record, Scalar, Unclaimed, read},
};

use super::event::Member;

record! {
    /// A person, or an extension without one, of `/pbx/app/employees`.
    Employee {
        id: Scalar<'a> = "_id" | "id",
        kind: Scalar<'a> = "type",
        name: Scalar<'a> = "name",
        email: Scalar<'a> = "emailAddress" | "email",
        number: Scalar<'a> = "number",
        state: Scalar<'a> = "state",
        access_level: Scalar<'a> = "accessLevel",
        title: Scalar<'a> = "title",
        department: Scalar<'a> = "department",
        presence: Vec<super::event::Presence<'a>> = "presence",
        extensions: Vec<Extension<'a>> = "extensions",
        extension_state: Scalar<'a> = "extensionState",
        calls: Vec<Call<'a>> = "calls",
    }
}

record! {
    /// An extension, within a person or of `/pbx/extension`.
    Extension {
        id: Scalar<'a> = "_id" | "id",
        kind: Scalar<'a> = "type",
        name: Scalar<'a> = "name",
        number: Scalar<'a> = "number",
        direct: Scalar<'a> = "direct",
        employee: Json<'a> = "employee" | "employeeId",
        state: Scalar<'a> = "state" | "extensionState",
        dnd: Scalar<'a> = "dnd",
        customer: Scalar<'a> = "customer",
        calls: Vec<Call<'a>> = "calls",
    }
}

record! {
    /// A leg that lives: the fields of the events, where they are given.
    Call {
        server: Scalar<'a> = "pbxServer" | "pbx",
        channel: Scalar<'a> = "channel" | "channelId",
        call: Scalar<'a> = "call" | "_id" | "id",
        session_id: Scalar<'a> = "sessionId",
        call_id: Scalar<'a> = "callId" | "callid",
        caller: Scalar<'a> = "caller",
        caller_name: Scalar<'a> = "callerName",
        caller_privacy: Scalar<'a> = "callerPrivacy",
        callee: Scalar<'a> = "callee",
        callee_name: Scalar<'a> = "calleeName",
        direction: Scalar<'a> = "direction",
        leg: Scalar<'a> = "leg",
        originator: Scalar<'a> = "originator",
        device: Scalar<'a> = "device",
        extension: Scalar<'a> = "extension",
        queue_id: Scalar<'a> = "queueId",
        queue_name: Scalar<'a> = "queueName",
        hide_other_party: Scalar<'a> = "hideOtherParty",
        state: Scalar<'a> = "state",
        answered: Scalar<'a> = "answered",
        handler: Vec<Handler<'a>> = "handler",
    }
}

record! {
    /// What the PBX knows of a channel, of `/pbx/calls?full=true`.
    Handler {
        channel: Scalar<'a> = "channelId",
        session_id: Scalar<'a> = "sessionId",
        closed: Scalar<'a> = "channelClosed",
    }
}

record! {
    /// A queue of `/pbx/app/queues` or `/pbx/queue/ID`.
    Queue {
        id: Scalar<'a> = "_id" | "id",
        name: Scalar<'a> = "name",
        number: Scalar<'a> = "number",
        strategy: Scalar<'a> = "strategy",
        members: Json<'a> = "members",
        callers: Json<'a> = "callers",
    }
}

record! {
    /// Somebody who waits.
    Caller {
        id: Scalar<'a> = "_id" | "id",
        state: Scalar<'a> = "state",
        number: Scalar<'a> = "number",
        name: Scalar<'a> = "name",
        privacy: Scalar<'a> = "privacy",
        position: Scalar<'a> = "position",
        entered: Scalar<'a> = "entered",
        answered: Scalar<'a> = "answered",
        session_id: Scalar<'a> = "sessionId",
    }
}

record! {
    /// A conference.
    Conference {
        id: Scalar<'a> = "_id" | "id",
        name: Scalar<'a> = "name" | "conferenceName",
        number: Scalar<'a> = "number",
        live: Json<'a> = "live" | "participants",
    }
}

record! {
    /// Somebody in a conference.
    Participant {
        channel: Scalar<'a> = "channelId" | "channel" | "_id",
        server: Scalar<'a> = "pbxServer",
        number: Scalar<'a> = "number",
        name: Scalar<'a> = "name",
        employee: Scalar<'a> = "employee",
        muted: Scalar<'a> = "muted",
        room: Scalar<'a> = "room",
        entered: Scalar<'a> = "entered",
    }
}

/// One page of a list: its items, and how many there are in all.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<R> {
    /// The items.
    pub items: Vec<R>,
    /// How many there are in all, when that is told.
    pub total: Option<u64>,
}

/// Reads a list: an array, or an object with one under `key`. None when it is neither.
pub fn page<'a, R: Record<'a>>(body: Json<'a>, key: &str) -> Option<Page<R>> {
    let (items, total) = match body {
        Json::Array(items) => (items, None),
        Json::Object(pairs) => {
            let mut items = None;
            let mut total = None;
            for (name, value) in pairs {
                match value {
                    Json::Array(list) if *name == *key || items.is_none() => items = Some(list),
                    value if name == "total" => {
                        total = value.into_text().and_then(|text| text.parse().ok());
                    }
                    _ => {}
                }
            }
            (items?, total)
        }
        _ => return None,
    };
    Some(Page {
        items: records(items),
        total,
    })
}

/// Reads one object.
pub fn object<'a, R: Record<'a>>(body: Json<'a>) -> Option<R> {
    match body {
        Json::Object(pairs) => Some(read(pairs, &mut Unclaimed::default())),
        _ => None,
    }
}

/// Members or callers: a list, unless only their number is told.
pub fn list<'a, R: Record<'a>>(body: Json<'a>) -> Option<Vec<R>> {
    match body {
        Json::Array(items) => Some(records(items)),
        _ => None,
    }
}

/// The members of a queue.
pub fn members(body: Json<'_>) -> Option<Vec<Member<'_>>> {
    list(body)
}

fn records<'a, R: Record<'a>>(items: Vec<Json<'a>>) -> Vec<R> {
    items.into_iter().filter_map(object).collect()
}
