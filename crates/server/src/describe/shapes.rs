//! The schemas that the documents refer to: those of the types, and of the few answers that have no type of their own.

use model::{
    Agent, Call, Caller, Collection, Conference, Device, Event, EventType, Extension, Participant,
    Queue, Source, Trunk, User,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// A reference to a schema of the document.
pub(super) fn of(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A page of a collection.
pub(super) fn list_of(name: &str) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "items": {"type": "array", "items": of(name)},
            "next": {"type": "string", "description": "`page` of the next page; absent on the last."},
        },
    })
}

/// The schema of an item of a collection, as state shows it.
pub(super) const fn item(collection: Collection) -> &'static str {
    match collection {
        Collection::Calls => "CallItem",
        Collection::Extensions => "ExtensionItem",
        Collection::Agents => "AgentItem",
        Collection::Queues => "QueueItem",
        Collection::Callers => "CallerItem",
        Collection::Trunks => "TrunkItem",
        Collection::Conferences => "ConferenceItem",
        Collection::Participants => "ParticipantItem",
        Collection::Devices => "DeviceItem",
        Collection::Users => "UserItem",
        _ => "SourceItem",
    }
}

/// Every schema, by name.
pub(super) fn all() -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    generator.subschema_for::<Event>();
    let mut items = Map::new();
    for (name, entity) in [
        entity::<Agent>(&mut generator),
        entity::<Call>(&mut generator),
        entity::<Caller>(&mut generator),
        entity::<Conference>(&mut generator),
        entity::<Device>(&mut generator),
        entity::<Extension>(&mut generator),
        entity::<Participant>(&mut generator),
        entity::<Queue>(&mut generator),
        entity::<Source>(&mut generator),
        entity::<Trunk>(&mut generator),
        entity::<User>(&mut generator),
    ] {
        items.insert(
            format!("{name}Item"),
            json!({"allOf": [entity, of("Freshness")]}),
        );
    }
    for (name, place) in places() {
        if let Some(parts) = items
            .get_mut(name)
            .and_then(|item| item["allOf"].as_array_mut())
        {
            parts.push(place);
        }
    }
    let mut all = generator.take_definitions(true);
    all.extend(items);
    all.extend(own());
    all
}

fn entity<T: JsonSchema>(generator: &mut SchemaGenerator) -> (String, Value) {
    let schema = generator.subschema_for::<T>().to_value();
    (T::schema_name().into_owned(), schema)
}

/// Where those entities stand that do not name themselves, by the schema of their item.
fn places() -> [(&'static str, Value); 2] {
    let text = |says: &str| json!({"type": "string", "description": says});
    let place = |names: &[&str], properties: Value| json!({"type": "object", "required": names, "properties": properties});
    let caller =
        json!({"id": text("Unique in its queue: events name it `queues/{queue}/callers/{id}`.")});
    let participant = json!({
        "id": text("Unique in its conference: events name it `conferences/{conference}/participants/{id}`."),
        "conference": text("The conference."),
    });
    [
        ("CallerItem", place(&["id"], caller)),
        ("ParticipantItem", place(&["id", "conference"], participant)),
    ]
}

/// Answers without a type of their own.
fn own() -> Map<String, Value> {
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let text = json!({"type": "string"});
    let time = json!({"type": "string", "format": "date-time"});
    let cursor = json!({"type": "string", "pattern": "^[a-z0-9]{8}-[0-9a-f]{16}$"});
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let types: Vec<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
    let support = json!({"type": "string", "enum": ["native", "inferred", "never"]});
    let Value::Object(own) = json!({
        "Freshness": {
            "type": "object",
            "required": ["freshness"],
            "properties": {
                "freshness": {
                    "type": "string",
                    "enum": ["live", "stale", "unconfirmed"],
                    "description": "How far the entity can be relied on: the source is connected and would have told; it is not connected; it has not confirmed the entity since it was not.",
                },
            },
        },
        "Problem": {
            "description": "An RFC 9457 problem. `type` resolves to what to do.",
            "type": "object",
            "required": ["type", "title", "status", "detail", "retryable"],
            "properties": {
                "type": {"type": "string", "description": "`/problems/<slug>`; stable.", "format": "uri-reference"},
                "title": text,
                "status": {"type": "integer"},
                "detail": text,
                "retryable": {"type": "boolean", "description": "The same request may succeed later."},
                "errors": {
                    "type": "array",
                    "items": object(&["detail"], json!({
                        "detail": text,
                        "parameter": {"type": "string", "description": "The query parameter that is wrong."},
                        "pointer": {"type": "string", "description": "The member of the body that is wrong, as a JSON Pointer."},
                    })),
                },
                "reason": {"type": "string", "enum": ["expired", "lost", "epoch", "ahead"], "description": "Why a position cannot be resumed."},
                "oldest": cursor,
                "newest": cursor,
            },
        },
        "Ticket": object(&["ticket", "expires_at"], json!({"ticket": text, "expires_at": time})),
        "Capabilities": object(&["source", "capabilities"], json!({
            "source": text,
            "capabilities": {
                "type": "object",
                "description": "By event type: told by the PBX, concluded by the gateway, or never.",
                "propertyNames": {"examples": types},
                "additionalProperties": support,
            },
        })),
        "Reconnecting": object(&["source", "state"], json!({"source": text, "state": text})),
        "Ledger": object(&["source", "from", "to", "complete", "periods"], json!({
            "source": text,
            "from": time,
            "to": time,
            "complete": {"type": "boolean", "description": "Nothing of the span is unknown."},
            "periods": {
                "type": "array",
                "description": "Without holes, in order of time.",
                "items": object(&["from", "to", "state"], json!({
                    "from": time,
                    "to": time,
                    "state": {"type": "string", "examples": ["complete", "gap", "unheard"]},
                    "reason": text,
                    "reconciled": texts,
                    "unknown": texts,
                    "open": {"type": "boolean", "description": "The gap lasts."},
                })),
            },
            "next": {"type": "string", "description": "Where the ledger goes on, when there are more gaps than an answer holds."},
        })),
        "WebhookEndpoint": object(&["id", "url", "order", "owner", "state", "since", "created_at", "cursor", "pending"], json!({
            "id": text,
            "url": text,
            "order": {"type": "string", "enum": ["partition", "none"]},
            "owner": {"type": "string", "description": "The name of the token that made it."},
            "state": {"type": "string", "examples": ["enabled", "failing", "disabled", "paused"]},
            "since": time,
            "created_at": time,
            "cursor": cursor,
            "pending": {"type": "integer", "description": "Events that wait to be delivered."},
            "reason": text,
            "description": text,
            "retry_for_s": {"type": "integer"},
        })),
        "NewWebhook": {"allOf": [of("WebhookEndpoint"), object(&["secret"], json!({
            "secret": {"type": "string", "pattern": "^whsec_", "description": "Shown this once."},
        }))]},
        "WebhookList": object(&["items"], json!({"items": {"type": "array", "items": of("WebhookEndpoint")}})),
        "TestDelivery": object(&["event", "delivered"], json!({
            "event": cursor,
            "delivered": {"type": "boolean"},
            "status": {"type": ["integer", "null"]},
            "error": {"type": ["string", "null"]},
            "latency_ms": {"type": "integer"},
            "answer": text,
        })),
        "Replay": object(&["after", "until"], json!({"after": cursor, "until": cursor})),
        "ReplayCount": object(&["dry_run", "events", "complete"], json!({
            "dry_run": {"const": true},
            "events": {"type": "integer"},
            "complete": {"type": "boolean", "description": "False when counting took too long: there are more."},
        })),
        "DeliveryList": object(&["items"], json!({
            "items": {
                "type": "array",
                "items": object(&["event", "type", "status", "attempts"], json!({
                    "event": cursor,
                    "type": text,
                    "status": {"type": "string", "enum": ["pending", "delivered", "failed", "expired"]},
                    "attempts": {
                        "type": "array",
                        "description": "The latest, in order.",
                        "items": object(&["at", "latency_ms"], json!({
                            "at": time,
                            "status": {"type": "integer"},
                            "error": text,
                            "latency_ms": {"type": "integer"},
                        })),
                    },
                    "next_attempt_at": time,
                    "answer": {"type": "string", "description": "The beginning of the last answer."},
                })),
            },
            "next": text,
        })),
        "CommandTypes": object(&["items"], json!({
            "items": {
                "type": "array",
                "items": object(&["type", "title", "target", "timeout_s", "schema"], json!({
                    "type": text,
                    "title": text,
                    "target": {"type": ["string", "null"], "examples": ["call"]},
                    "timeout_s": {"type": "integer"},
                    "schema": {"type": "object"},
                })),
            },
        })),
        "Explanation": object(&["frame", "mapping", "subject", "event"], json!({
            "frame": object(&["state"], json!({
                "id": text,
                "state": {"type": "string", "examples": ["kept", "carried", "evicted", "none", "withheld"], "description": "`carried`: the event holds the native body itself. `none`: the gateway said it by itself."},
                "text": text,
                "base64": text,
            })),
            "decoded": {"description": "What the frame says, decoded."},
            "mapping": {"type": "object", "description": "The mapping and its rule, the native event, and how the gateway knows."},
            "subject": object(&["name", "version", "before_state"], json!({
                "name": text,
                "version": {"type": "integer"},
                "before": {"description": "The entity as the event before left it."},
                "before_state": {"type": "string", "examples": ["known", "none", "expired", "not_found_in_time"]},
                "after": {"description": "The entity as this event left it."},
                "change": {},
            })),
            "event": of("Event"),
        })),
        "Catalog": object(&["items"], json!({
            "items": {
                "type": "array",
                "items": object(&["type", "class", "description", "dataschema", "schema", "subject", "sources"], json!({
                    "type": {"type": "string", "examples": types},
                    "class": {"type": "string", "enum": ["guaranteed", "capability", "derived"]},
                    "description": text,
                    "dataschema": {"type": "string", "format": "uri"},
                    "schema": {"type": "string", "format": "uri-reference"},
                    "subject": text,
                    "profiles": texts,
                    "sources": {"type": "object", "additionalProperties": support},
                    "example": of("Event"),
                })),
            },
        })),
        "Live": object(&["status"], json!({"status": {"const": "live"}})),
        "Ready": object(&["status"], json!({
            "status": {"type": "string", "enum": ["ready", "unavailable"]},
            "log_writable": {"type": "boolean"},
            "state_rebuilt": {"type": "boolean"},
            "sources": {"type": "object", "additionalProperties": object(&["required", "connected"], json!({
                "required": {"type": "boolean"},
                "connected": {"type": "boolean"},
                "state": text,
            }))},
        })),
    }) else {
        return Map::new();
    };
    own
}
