//! Observations as readable JSON: what is not told is left out, times are RFC 3339.

use model::{
    Basis, Fact, Observation,
    observation::{
        AgentPatch, CallPatch, CallerFact, CdrFact, CdrLeg, CommandOutcome, DevicePatch,
        ExtensionPatch, LegFact, LegPatch, QueuePatch, Ref, Registration, Scope, SourceFact,
        UserPatch,
    },
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// One observation.
#[must_use]
pub fn observation(observation: &Observation) -> Value {
    let mut fields = fact(&observation.fact);
    put(&mut fields, "rule", &observation.rule);
    put(&mut fields, "time", &observation.time);
    put(&mut fields, "tenant", &observation.tenant);
    if observation.basis == Basis::Inferred {
        put(&mut fields, "inferred", &true);
    }
    Value::Object(fields)
}

fn fact(fact: &Fact) -> Map<String, Value> {
    match fact {
        Fact::Call { call, opens, patch } => {
            let mut fields = call_patch(patch);
            put(&mut fields, "call", call);
            put(&mut fields, "opens", opens);
            named("call", fields)
        }
        Fact::Leg(leg) => named("leg", leg_fact(leg)),
        Fact::LegMoved { from, leg, to } => named(
            "leg_moved",
            object(json!({"from": from, "leg": leg, "to": to})),
        ),
        Fact::Transferred {
            call,
            kind,
            from,
            to,
            related,
        } => named(
            "transferred",
            object(json!({"call": call, "kind": kind, "from": from, "to": to, "related": related})),
        ),
        Fact::Parked { call, slot } => named("parked", object(json!({"call": call, "slot": slot}))),
        Fact::CallEnded { call, end, settle } => named(
            "call_ended",
            object(json!({"call": call, "end": end, "settle_ms": settle.as_millis() as u64})),
        ),
        Fact::Cdr(cdr) => named("cdr", cdr_fact(cdr)),
        Fact::Extension { at, action, patch } => {
            let mut fields = extension_patch(patch);
            put(&mut fields, "extension", &reference(at));
            put(&mut fields, "action", action);
            named("extension", fields)
        }
        Fact::User { key, action, patch } => {
            let mut fields = user_patch(patch);
            put(&mut fields, "user", key);
            put(&mut fields, "action", action);
            named("user", fields)
        }
        Fact::Device {
            key,
            registration,
            patch,
        } => {
            let mut fields = device_patch(patch);
            put(&mut fields, "device", key);
            let registration = match registration {
                Registration::Registered => "registered",
                Registration::Unregistered => "unregistered",
                Registration::Failed => "failed",
            };
            put(&mut fields, "registration", &registration);
            named("device", fields)
        }
        Fact::Agent {
            extension,
            queue,
            patch,
        } => {
            let mut fields = agent_patch(patch);
            put(&mut fields, "extension", &reference(extension));
            put(&mut fields, "queue", &reference(queue));
            named("agent", fields)
        }
        Fact::AgentLeft { extension, queue } => named(
            "agent_left",
            object(json!({"extension": reference(extension), "queue": reference(queue)})),
        ),
        Fact::Queue { at, action, patch } => {
            let mut fields = queue_patch(patch);
            put(&mut fields, "queue", &reference(at));
            put(&mut fields, "action", action);
            named("queue", fields)
        }
        Fact::Caller(caller) => named("caller", caller_fact(caller)),
        Fact::CallerLeft { queue, key, reason } => named(
            "caller_left",
            object(json!({"queue": reference(queue), "key": key, "reason": reason})),
        ),
        Fact::SlaBreached {
            queue,
            caller,
            breach,
        } => named(
            "sla_breached",
            object(json!({"queue": reference(queue), "caller": caller, "breach": breach})),
        ),
        Fact::Trunk {
            at,
            state,
            address,
            native,
        } => named(
            "trunk",
            object(
                json!({"trunk": reference(at), "state": state, "address": address, "native": native}),
            ),
        ),
        Fact::Participant {
            conference,
            room,
            key,
            present,
            call,
            party,
            muted,
        } => named(
            "participant",
            object(json!({
                "conference": reference(conference), "room": room, "key": key, "present": present,
                "call": call, "party": party, "muted": muted,
            })),
        ),
        Fact::Recording {
            key,
            alias,
            state,
            call,
            duration_ms,
            uri,
            native,
        } => named(
            "recording",
            object(json!({
                "key": key, "alias": alias, "state": state, "call": call, "duration_ms": duration_ms,
                "uri": uri, "native": native,
            })),
        ),
        Fact::Voicemail {
            key,
            mailbox,
            present,
            read,
            caller,
            duration_ms,
            counters,
        } => named(
            "voicemail",
            object(json!({
                "key": key, "box": mailbox, "present": present, "read": read, "caller": caller,
                "duration_ms": duration_ms, "counters": counters,
            })),
        ),
        Fact::Directory(it) => named("directory", object(json!(it))),
        Fact::Variable(variable) => named("variable", object(json!(variable))),
        Fact::Alert(alert, raised) => {
            let mut fields = object(json!(alert));
            put(&mut fields, "raised", raised);
            named("alert", fields)
        }
        Fact::Message(message) => named("message", object(json!(message))),
        Fact::Request(message) => named("request", object(json!(message))),
        Fact::Reply(message) => named("reply", object(json!(message))),
        Fact::SnapshotBegin(scope) => named("snapshot_begin", scope_fields(scope)),
        Fact::SnapshotEnd(scope) => named("snapshot_end", scope_fields(scope)),
        Fact::Source(source) => named("source", source_fact(source)),
        Fact::Command { id, outcome } => named("command", command(id, outcome)),
        Fact::Unrecognized { shape } => named("unrecognized", object(json!({"shape": shape}))),
    }
}

fn command(id: &str, outcome: &CommandOutcome) -> Map<String, Value> {
    object(match outcome {
        CommandOutcome::Succeeded { native } => {
            json!({"id": id, "outcome": "succeeded", "native": native})
        }
        CommandOutcome::Failed { reason, detail } => {
            json!({"id": id, "outcome": "failed", "reason": reason, "detail": detail})
        }
        CommandOutcome::Unknown { reason } => {
            json!({"id": id, "outcome": "unknown", "reason": reason})
        }
    })
}

fn call_patch(patch: &CallPatch) -> Map<String, Value> {
    object(json!({
        "direction": patch.direction, "caller": patch.caller, "callee": patch.callee, "did": patch.did,
        "trunk": patch.trunk, "route": patch.route, "native": patch.native,
    }))
}

fn leg_patch(patch: &LegPatch) -> Map<String, Value> {
    object(json!({
        "role": patch.role, "party": patch.party, "device": patch.device,
        "queue": patch.queue.as_ref().map(reference), "route": patch.route, "native": patch.native,
    }))
}

fn leg_fact(leg: &LegFact) -> Map<String, Value> {
    let mut fields = leg_patch(&leg.patch);
    put(&mut fields, "call", &leg.call);
    put(&mut fields, "leg", &leg.leg);
    put(&mut fields, "state", &leg.state);
    put(&mut fields, "end", &leg.end);
    fields
}

fn cdr_fact(cdr: &CdrFact) -> Map<String, Value> {
    let legs: Vec<Value> = cdr
        .legs
        .iter()
        .map(|leg| Value::Object(cdr_leg(leg)))
        .collect();
    let mut fields = call_patch(&cdr.patch);
    for (key, value) in object(json!({
        "key": cdr.key, "call": cdr.call, "settles": cdr.settles, "started_at": cdr.started_at,
        "ended_at": cdr.ended_at, "end": cdr.end, "legs": legs, "record": cdr.native,
    })) {
        fields.insert(key, value);
    }
    fields
}

fn cdr_leg(leg: &CdrLeg) -> Map<String, Value> {
    let mut fields = leg_patch(&leg.patch);
    for (key, value) in object(json!({
        "leg": leg.leg, "started_at": leg.started_at, "ringing_at": leg.ringing_at,
        "answered_at": leg.answered_at, "ended_at": leg.ended_at, "end": leg.end,
    })) {
        fields.insert(key, value);
    }
    fields
}

fn extension_patch(patch: &ExtensionPatch) -> Map<String, Value> {
    object(json!({
        "name": patch.name, "uri": patch.uri, "user": patch.user, "call_state": patch.call_state,
        "online": patch.online, "push_online": patch.push_online, "presence": patch.presence,
        "dnd": patch.dnd, "agent_state": patch.agent_state, "enabled": patch.enabled,
        "native": patch.native,
    }))
}

fn user_patch(patch: &UserPatch) -> Map<String, Value> {
    let extensions = patch.extensions.as_ref();
    let extensions = extensions.map(|list| list.iter().map(reference).collect::<Vec<_>>());
    object(json!({
        "name": patch.name, "email": patch.email, "extensions": extensions,
        "presence": patch.presence, "enabled": patch.enabled, "native": patch.native,
    }))
}

fn device_patch(patch: &DevicePatch) -> Map<String, Value> {
    object(json!({
        "kind": patch.kind, "extension": patch.extension.as_ref().map(reference), "address": patch.address,
        "user_agent": patch.user_agent, "expires_at": patch.expires_at, "native": patch.native,
    }))
}

fn agent_patch(patch: &AgentPatch) -> Map<String, Value> {
    let mut fields = object(json!({
        "state": patch.state, "reason": patch.reason, "busy_kind": patch.busy_kind, "since": patch.since,
    }));
    if let Some(call) = &patch.call {
        fields.insert("call".into(), json!(call));
    }
    if !patch.stats.is_empty() {
        fields.insert("stats".into(), json!(patch.stats));
    }
    fields
}

fn queue_patch(patch: &QueuePatch) -> Map<String, Value> {
    object(json!({"name": patch.name, "kind": patch.kind, "native": patch.native}))
}

fn caller_fact(caller: &CallerFact) -> Map<String, Value> {
    object(json!({
        "queue": reference(&caller.queue), "key": caller.key, "call": caller.call, "party": caller.party,
        "position": caller.position, "state": caller.state, "entered_at": caller.entered_at,
    }))
}

fn scope_fields(scope: &Scope) -> Map<String, Value> {
    object(json!({
        "collection": scope.collection, "of_tenant": scope.tenant,
        "within": scope.within.as_ref().map(reference), "complete": scope.complete,
    }))
}

fn source_fact(fact: &SourceFact) -> Map<String, Value> {
    object(match fact {
        SourceFact::Connecting => json!({"state": "connecting"}),
        SourceFact::Connected {
            dialect,
            reconciles,
        } => {
            json!({"state": "connected", "dialect": dialect, "reconciles": reconciles})
        }
        SourceFact::Synced => json!({"state": "synced"}),
        SourceFact::Degraded { reason } => json!({"state": "degraded", "reason": reason}),
        SourceFact::Disconnected { reason } => json!({"state": "disconnected", "reason": reason}),
        SourceFact::AuthFailed { reason } => json!({"state": "auth_failed", "reason": reason}),
        SourceFact::LimitReached { reason } => json!({"state": "limit_reached", "reason": reason}),
        SourceFact::Replaced { reason } => json!({"state": "replaced", "reason": reason}),
    })
}

/// `id|number`, or the one that is known.
fn reference(at: &Ref) -> Value {
    match (&at.id, &at.number) {
        (Some(id), Some(number)) => json!(format!("{id}|{number}")),
        (Some(id), None) => json!(format!("{id}|")),
        (None, Some(number)) => json!(&**number),
        (None, None) => Value::Null,
    }
}

fn named(fact: &str, mut fields: Map<String, Value>) -> Map<String, Value> {
    put(&mut fields, "fact", &fact);
    fields
}

/// The fields that say something.
fn object(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else {
        return Map::new();
    };
    fields
        .into_iter()
        .filter(|(_, value)| !is_void(value))
        .collect()
}

fn put<T: Serialize>(fields: &mut Map<String, Value>, key: &str, value: &T) {
    let value = json!(value);
    if !is_void(&value) {
        fields.insert(key.to_owned(), value);
    }
}

fn is_void(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
