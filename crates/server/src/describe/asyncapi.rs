//! AsyncAPI 3.0: what travels on a stream, both ways.

use model::EventType;
use serde_json::{Map, Value, json};

use super::{operations::filters, shapes};

/// The document of the streams.
#[must_use]
pub fn asyncapi() -> Value {
    let mut messages = Map::new();
    for kind in EventType::ALL {
        messages.insert(kind.to_string(), event(*kind));
    }
    for (name, text, data) in notices() {
        messages.insert(format!("stream.{name}"), notice(name, text, &data));
    }
    for (name, text, payload) in commands() {
        messages.insert(format!("op.{name}"), command(name, text, &payload));
    }
    let references = |keep: &dyn Fn(&str) -> bool| -> Vec<Value> {
        let names = messages.keys().filter(|name| keep(name));
        names
            .map(|name| json!({"$ref": format!("#/channels/events/messages/{name}")}))
            .collect()
    };
    let said = references(&|name| !name.starts_with("op."));
    let heard = references(&|name| name.starts_with("op."));
    let channel: Map<_, _> = messages
        .keys()
        .map(|name| {
            (
                name.clone(),
                json!({"$ref": format!("#/components/messages/{name}")}),
            )
        })
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Switchhook streams",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {
            "gateway": {
                "host": "127.0.0.1:7575",
                "protocol": "ws",
                "description": "A gateway with its defaults; `wss` where TLS is configured.",
                "security": [{"$ref": "#/components/securitySchemes/bearer"}],
            },
        },
        "channels": {
            "events": {
                "address": "/v1/events",
                "title": "Events",
                "description": "A WebSocket (one CloudEvent per text frame), or Server-Sent Events of the same content.",
                "bindings": {"ws": {"method": "GET", "query": query(), "bindingVersion": "0.1.0"}},
                "messages": channel,
            },
        },
        "operations": {
            "tell": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "summary": "The gateway tells events, and what the stream says about itself.",
                "messages": said,
            },
            "hear": {
                "action": "receive",
                "channel": {"$ref": "#/channels/events"},
                "summary": "The client changes its filter, renews its token, asks for a bookmark. WebSocket only.",
                "messages": heard,
            },
        },
        "components": {
            "messages": messages,
            "schemas": shapes::all(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A static token or a JWT."},
            },
        },
    })
}

const INTRODUCTION: &str = "\
At least once, in log order, without gaps: a stream carries every event that matches, or says `stream.reset`, or closes. Events about the \
stream itself have types `stream.*` and ids `s-<n>`; they are not in the log and are no position.

Close codes: 44xx say not to come back unchanged (4400 bad request, 4401 unauthenticated, 4403 forbidden), 45xx to come back with your \
cursor (4500 slow reader, 4501 shutting down, 4502 token ended, 4503 log unavailable, 4504 too many streams).";

fn event(kind: EventType) -> Value {
    json!({
        "name": kind.as_str(),
        "title": kind.as_str(),
        "summary": kind.description(),
        "contentType": "application/cloudevents+json",
        "payload": {
            "allOf": [
                shapes::of("Event"),
                {"properties": {
                    "type": {"const": kind.as_str()},
                    "dataschema": {"const": format!("urn:switchhook:schema:v1:{}", kind.schema())},
                }},
            ],
        },
    })
}

fn notice(name: &str, text: &str, data: &Value) -> Value {
    let kind = format!("stream.{name}");
    json!({
        "name": kind,
        "title": kind,
        "summary": text,
        "contentType": "application/cloudevents+json",
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "time", "data"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"type": "string", "pattern": "^s-[0-9]+$"},
                "source": {"type": "string", "pattern": "^/streams/"},
                "type": {"const": kind},
                "time": {"type": "string", "format": "date-time"},
                "datacontenttype": {"const": "application/json"},
                "data": data,
            },
        },
    })
}

/// What a stream says about itself.
fn notices() -> Vec<(&'static str, &'static str, Value)> {
    let cursor = || json!({"type": "string", "pattern": "^[a-z0-9]{8}-[0-9a-f]{16}$"});
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let at_cursor = || object(&["cursor"], json!({"cursor": cursor()}));
    let warnings = json!({
        "type": "array",
        "items": object(&["source", "type", "reason"], json!({
            "source": {"type": "string"},
            "type": {"type": "string"},
            "reason": {"type": "string"},
        })),
    });
    let announced = |more: Value| {
        let mut data = object(&["cursor", "filter", "scope", "scopes", "warnings"], more);
        data["properties"]["cursor"] = cursor();
        data["properties"]["filter"] =
            json!({"type": "object", "description": "The filter in force, as it was asked for."});
        data["properties"]["scope"] = json!({"type": "object", "description": "What the token is limited to; what is absent is not limited."});
        data["properties"]["scopes"] = json!({"type": "array", "items": {"type": "string"}, "description": "What the token may do."});
        data["properties"]["warnings"] = warnings.clone();
        data
    };
    vec![
        (
            "opened",
            "First of all: where the stream begins, the filter, and what can never come.",
            announced(json!({
                "connection": {"type": "string"},
                "heartbeat_s": {"type": "integer"},
            })),
        ),
        (
            "snapshot",
            "A page of state. `collection: null` with `done` ends all; what follows are exactly the events after `as_of`.",
            object(
                &["as_of", "collection", "items", "done"],
                json!({
                    "as_of": cursor(),
                    "collection": {"type": ["string", "null"]},
                    "items": {"type": "array", "items": {"type": "object"}},
                    "done": {"type": "boolean"},
                }),
            ),
        ),
        (
            "live",
            "Replay is done; from here on events come as they happen.",
            at_cursor(),
        ),
        (
            "bookmark",
            "Each heartbeat: go on from here even though all events were filtered out.",
            at_cursor(),
        ),
        (
            "reset",
            "The position cannot be resumed: forget versions and state. A snapshot follows, or replay from `oldest`, then live.",
            object(
                &["reason", "requested", "oldest", "newest"],
                json!({
                    "reason": {"type": "string", "enum": ["expired", "lost", "epoch", "ahead"]},
                    "requested": {"type": "string"},
                    "oldest": cursor(),
                    "newest": cursor(),
                }),
            ),
        ),
        (
            "filtered",
            "The answer to `subscribe`: the filter now in force.",
            announced(json!({})),
        ),
        (
            "expiring",
            "The token ends soon; renew it in place.",
            object(
                &["at"],
                json!({"at": {"type": "string", "format": "date-time"}}),
            ),
        ),
        (
            "error",
            "A client frame was wrong; the stream goes on.",
            shapes::of("Problem"),
        ),
        (
            "closing",
            "Last of all. Server-Sent Events have no close codes.",
            object(
                &["code", "reason", "retryable"],
                json!({
                    "code": {"type": "integer"},
                    "reason": {"type": "string"},
                    "retryable": {"type": "boolean"},
                }),
            ),
        ),
    ]
}

/// What a client may say.
fn commands() -> Vec<(&'static str, &'static str, Value)> {
    let mut subscribe = query();
    subscribe["properties"]["op"] = json!({"const": "subscribe"});
    subscribe["required"] = json!(["op"]);
    let closed = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false});
    vec![
        (
            "subscribe",
            "Replaces the filter, with `after` and `snapshot` as wished. Without `after` the stream goes on where it stands.",
            subscribe,
        ),
        (
            "token",
            "Authenticates (the first frame, within 10 s, when the handshake carried no credential) or renews.",
            closed(
                &["op", "token"],
                json!({"op": {"const": "token"}, "token": {"type": "string"}}),
            ),
        ),
        (
            "ping",
            "Asks for a bookmark.",
            closed(&["op"], json!({"op": {"const": "ping"}})),
        ),
    ]
}

fn command(name: &str, text: &str, payload: &Value) -> Value {
    json!({
        "name": format!("op.{name}"),
        "title": name,
        "summary": text,
        "contentType": "application/json",
        "payload": payload,
    })
}

/// The parameters of a stream as members of an object.
fn query() -> Value {
    let mut members: Map<String, Value> = filters()
        .into_iter()
        .map(|parameter| {
            // A comma list is a text as well.
            let schema = match parameter.schema["type"].as_str() {
                Some("array") => json!({"type": ["string", "array"], "items": {"type": "string"}}),
                _ => parameter.schema,
            };
            let mut schema = schema;
            schema["description"] = json!(parameter.text);
            (parameter.name.to_owned(), schema)
        })
        .collect();
    members.insert(
        "after".into(),
        json!({"type": "string", "description": "An event id, an RFC 3339 time, `earliest` or `latest`."}),
    );
    members.insert(
        "snapshot".into(),
        json!({"type": "boolean", "description": "State first."}),
    );
    json!({"type": "object", "properties": members, "additionalProperties": false})
}
