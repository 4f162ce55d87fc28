//! What changes no entity: variables, prompts, phones, the database, realtime clients, and what other clients say.

use std::collections::BTreeMap;

use adapter::json::Json;
use model::{
    Fact, Native, Presence, Text,
    observation::UserPatch,
    source::{Action, Alert, DirectoryObject, Message, Variable},
};
use serde_json::Value;

use super::{
    Translator,
    read::{self, flag, text, time},
    session::leg_id,
    tell::{self, Telling},
    words,
};
use crate::wire::{
    self, AudioRecord, ClientMessage, ClientStep, Event, Peer, PhoneHost, Redis, RedisStep,
    VariableKind,
};

impl Translator {
    /// `EMPLOYEE_PRESENCE_CHANGED`; the id is the employee.
    pub(super) fn presence(
        &mut self,
        tell: &mut Telling,
        event: &Event<'_>,
        told: &[wire::Presence<'_>],
    ) {
        let Some(employee) = text(&event.id) else {
            return tell.missing("_id");
        };
        let Some(presence) = told.first() else {
            return tell.missing("data");
        };
        self.sync.touched(employee);
        self.user_presence(tell, employee, presence, "EMPLOYEE_PRESENCE_CHANGED");
    }

    pub(super) fn user_presence(
        &mut self,
        tell: &mut Telling,
        employee: &str,
        told: &wire::Presence<'_>,
        rule: &'static str,
    ) {
        let Some(presence) = presence(told) else {
            return tell.missing("data.state");
        };
        let fact = Fact::User {
            key: employee.into(),
            action: None,
            patch: Box::new(UserPatch {
                presence: Some(presence),
                native: tell::native(&[
                    ("employee_id", Some(employee)),
                    ("location", text(&told.location)),
                ]),
                ..UserPatch::default()
            }),
        };
        tell.native(rule, fact);
    }

    /// `CALL_VARIABLE`, `VARIABLE`, `SWITCH`.
    pub(super) fn variable(
        &mut self,
        tell: &mut Telling,
        event: &Event<'_>,
        kind: VariableKind,
        body: &wire::Variable<'_>,
    ) {
        let Some(name) = text(&body.name) else {
            return tell.missing("name");
        };
        let scope = match (kind, text(&body.scope)) {
            (VariableKind::Call, _) => "call",
            (_, Some(word)) => match &*words::normal(word) {
                "SYSTEM" => "system",
                "SHARED" => "shared",
                "PERSONAL" => "user",
                _ => {
                    tell.strange("variableType", word);
                    "system"
                }
            },
            // The name alone may tell.
            (_, None) if name.starts_with("SHARED:") => "shared",
            (_, None) if name.contains(':') => "user",
            (_, None) => "system",
        };
        let (prefix, bare) = match name.split_once(':') {
            Some((prefix, bare)) if matches!(scope, "shared" | "user") => (Some(prefix), bare),
            _ => (None, name),
        };
        let owner: Option<Text> = match scope {
            "call" => {
                let leg = text(&body.channel)
                    .map(|channel| leg_id(text(&event.server).unwrap_or(""), channel));
                let call = leg.as_ref().and_then(|leg| self.sessions.of_leg(leg));
                let session = call.as_ref().and_then(|key| self.sessions.get(key));
                tell.conceal |= session.is_some_and(super::session::Session::is_private);
                call.map(|key| self.source.entity(&key).text()).or(leg)
            }
            "user" => prefix
                .or(text(&event.employee))
                .map(|employee| self.source.entity(employee).text()),
            _ => None,
        };
        let deleted = flag(&body.deleted) == Some(true);
        let variable = Variable {
            scope: scope.into(),
            name: bare.into(),
            value: if deleted {
                Value::Null
            } else {
                bounded(&body.value)
            },
            owner,
        };
        let rule = match kind {
            VariableKind::Call => "CALL_VARIABLE",
            VariableKind::Variable => "VARIABLE",
            VariableKind::Switch => "SWITCH",
        };
        tell.native(rule, Fact::Variable(Box::new(variable)));
    }

    /// `AUDIO_RECORD`; the id is a session of recording.
    pub(super) fn audio_record(
        &mut self,
        tell: &mut Telling,
        event: &Event<'_>,
        body: &AudioRecord<'_>,
    ) {
        let state = text(&body.state);
        let done = state.is_some_and(|word| words::normal(word) == "COMPLETED");
        let native = tell::native(&[
            ("state", state),
            ("extension", text(&body.extension)),
            ("audio", text(&body.audio).filter(|_| done)),
        ]);
        let action = if done { Action::Created } else { Action::Other };
        let id = text(&event.id);
        self.object(tell, "audio_recording", id, action, native, "AUDIO_RECORD");
    }

    /// `SIP_PHONE_HOST`; the id is the phone.
    pub(super) fn phone_host(
        &mut self,
        tell: &mut Telling,
        event: &Event<'_>,
        body: &PhoneHost<'_>,
    ) {
        let native = tell::native(&[("count", text(&body.count))]);
        let id = text(&event.id);
        self.object(
            tell,
            "sip_phone_host",
            id,
            Action::Updated,
            native,
            "SIP_PHONE_HOST",
        );
    }

    /// `MASTER_SWITCH`, `SERVER_DOWN`, `SERVER_UP`.
    pub(super) fn redis(&mut self, tell: &mut Telling, step: RedisStep, body: &Redis<'_>) {
        let (kind, what) = match step {
            RedisStep::MasterSwitch => ("database_switch", "another database server is master"),
            RedisStep::ServerDown | RedisStep::ServerUp => {
                ("database_down", "a database server is down")
            }
        };
        let mut details = BTreeMap::new();
        for (name, value) in [
            ("from", &body.from),
            ("to", &body.to),
            ("server_type", &body.server_type),
            ("host", &body.host),
        ] {
            if let Some(value) = text(value) {
                details.insert(name.to_owned(), value.into());
            }
        }
        let alert = Alert {
            kind: kind.into(),
            text: Some(what.into()),
            details,
        };
        let raised = step != RedisStep::ServerUp;
        tell.native("REDIS", Fact::Alert(Box::new(alert), raised));
    }

    /// A realtime client comes or goes. Which, and in what words, is not documented.
    pub(super) fn realtime(&mut self, tell: &mut Telling, event: &Event<'_>, body: &Json<'_>) {
        let mut native = Native::new();
        native.set("event", &*event.name);
        take_all(&mut native, body);
        let id = text(&event.id);
        self.object(
            tell,
            "realtime_client",
            id,
            Action::Other,
            native,
            "REALTIME",
        );
    }

    /// `REQUEST`, `REPLY`: of another client, to whoever listens.
    pub(super) fn client_message(
        &mut self,
        tell: &mut Telling,
        step: ClientStep,
        message: &ClientMessage<'_>,
    ) {
        let Some(kind) = text(&message.request) else {
            return tell.missing("request");
        };
        let sender = match step {
            ClientStep::Request => message.reply_to.first().or(message.from.first()),
            ClientStep::Reply => message.from.first(),
        };
        let message = Message {
            kind: kind.into(),
            id: read::shared(&message.request_id),
            from: sender.and_then(peer),
            body: bounded(&message.data),
        };
        match step {
            ClientStep::Request => tell.native("REQUEST", Fact::Request(Box::new(message))),
            ClientStep::Reply => tell.native("REPLY", Fact::Reply(Box::new(message))),
        }
    }

    /// A configuration object without an entity of its own.
    pub(super) fn object(
        &mut self,
        tell: &mut Telling,
        kind: &str,
        id: Option<&str>,
        action: Action,
        native: Native,
        rule: &'static str,
    ) {
        let object = DirectoryObject {
            kind: kind.into(),
            id: id.map(Into::into),
            action,
            native,
        };
        tell.native(rule, Fact::Directory(Box::new(object)));
    }
}

/// What a person says about himself. None when no state is told.
pub(super) fn presence(told: &wire::Presence<'_>) -> Option<Presence> {
    let state = text(&told.state)?;
    Some(Presence {
        status: words::presence(state),
        note: read::shared(&told.message),
        until: time(&told.expire),
        native: Some(state.into()),
    })
}

/// All fields of an object, up to a bearable number.
pub(super) fn take_all(native: &mut Native, object: &Json<'_>) {
    const MAX_FIELDS: usize = 64;
    match object {
        Json::Object(pairs) => {
            for (key, value) in pairs.iter().take(MAX_FIELDS) {
                native.set(read::cut(key), bounded(value));
            }
        }
        Json::Array(items) => native.set("items", bounded(&Json::Array(items.clone()))),
        Json::Null => {}
        scalar => native.set("data", bounded(scalar)),
    }
}

/// A value, unless it is too large to be handed around: then its beginning.
fn bounded(value: &Json<'_>) -> Value {
    const MAX_BYTES: usize = 8 * 1024;
    let value = value.to_value();
    let text = value.to_string();
    if text.len() <= MAX_BYTES {
        return value;
    }
    let mut end = MAX_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Value::String(text[..end].to_owned())
}

/// `<employee>/<instance>`.
fn peer(peer: &Peer<'_>) -> Option<Text> {
    let employee = text(&peer.employee)?;
    Some(match text(&peer.instance_id) {
        Some(instance) => format!("{employee}/{instance}").into(),
        None => employee.into(),
    })
}
