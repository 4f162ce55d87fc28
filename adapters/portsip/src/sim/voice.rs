//! How the simulated PBX puts what happens into messages, per dialect.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    call::{Call, Side, Target},
    people::{Agent, AgentState, CallStatus, Extension, Presence, Queue, Waiting},
    profile::Profile,
};
use crate::wire::Dialect;

/// The topics that events are told under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Topic {
    Extension,
    Cdr,
    Queue,
    QueueManagement,
    ExtensionManagement,
    Trunk,
}

/// A message and who may hear it.
#[derive(Clone, Debug)]
pub(super) struct Emission {
    pub(super) topic: Topic,
    /// Numbers of the extensions or queues it is about; none for topics without a scope.
    pub(super) about: Vec<String>,
    pub(super) body: Body,
}

/// A JSON object with sorted keys.
pub(super) type Body = BTreeMap<&'static str, Value>;

/// Something that happens to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TargetEvent {
    Add,
    Ringing,
    Answer,
    NoAnswer,
    Fail,
    End,
}

impl Topic {
    pub(super) const ALL: [Self; 6] = [
        Self::Extension,
        Self::Cdr,
        Self::Queue,
        Self::QueueManagement,
        Self::ExtensionManagement,
        Self::Trunk,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Extension => "extension_events",
            Self::Cdr => "cdr_events",
            Self::Queue => "queue_events",
            Self::QueueManagement => "queue_management_events",
            Self::ExtensionManagement => "extension_management_events",
            Self::Trunk => "trunk_events",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

impl Emission {
    pub(super) fn event(&self) -> &str {
        self.body
            .get("event_type")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// Words for one moment.
pub(super) struct Voice<'a> {
    pub(super) profile: &'a Profile,
    pub(super) extensions: &'a [Extension],
    /// Unix milliseconds.
    pub(super) at: i64,
}

impl Voice<'_> {
    pub(super) fn call_start(&self, call: &Call) -> Emission {
        let mut body = self.body("call_start");
        body.insert("call_id", json!(call.call_id));
        body.insert("caller", json!(self.written(&call.caller)));
        body.insert("callee", json!(self.written(&call.callee)));
        body.insert("caller_display_name", json!(call.caller.name));
        body.insert("cdr_id", self.id(call.cdr));
        body.insert("direction", json!(self.direction(call)));
        body.insert("session_id", self.id(call.session));
        if self.per_call() {
            body.insert("request_id", json!("0"));
            return self.about_call(call, body);
        }
        body.insert("callee_display_name", json!(call.callee.name));
        if self.profile.dialect >= Dialect::V22 {
            self.outer_numbers(call, &mut body);
            body.insert("user_data", json!(""));
        }
        self.on(Topic::Cdr, body)
    }

    pub(super) fn call_update(&self, call: &Call) -> Option<Emission> {
        if self.profile.dialect < Dialect::V22 {
            return None;
        }
        let mut body = self.body("call_update_info");
        body.insert("caller", json!(self.written(&call.caller)));
        body.insert("callee", json!(self.written(&call.towards)));
        body.insert("caller_display_name", json!(call.caller.name));
        body.insert("callee_display_name", json!(call.towards.name));
        body.insert("cdr_id", self.id(call.cdr));
        body.insert("direction", json!(self.direction(call)));
        body.insert("session_id", self.id(call.session));
        self.outer_numbers(call, &mut body);
        Some(self.on(Topic::Cdr, body))
    }

    pub(super) fn target(
        &self,
        call: &Call,
        target: &Target,
        event: TargetEvent,
    ) -> Option<Emission> {
        if self.per_call() {
            let name = match event {
                TargetEvent::Add => "target_add",
                TargetEvent::Ringing => "target_ringing",
                TargetEvent::Answer => "call_established",
                TargetEvent::NoAnswer => "target_noanswer",
                TargetEvent::Fail => "target_fail",
                TargetEvent::End => "target_ended",
            };
            let side = format!("sip:{}@{}", target.number, self.profile.domain);
            return Some(self.call_event(name, call, &side, None));
        }
        if self.profile.dialect < Dialect::V22 || !self.profile.target_events {
            return None;
        }
        let (plain, prefixed) = match event {
            TargetEvent::Add => ("target_add", "cdr_target_add"),
            TargetEvent::Ringing => ("target_ringing", "cdr_target_ringing"),
            TargetEvent::Answer => ("target_answer", "cdr_target_answer"),
            TargetEvent::NoAnswer => ("target_noanswer", "cdr_target_noanswer"),
            TargetEvent::Fail => ("target_fail", "cdr_target_fail"),
            TargetEvent::End => ("target_end", "cdr_target_end"),
        };
        let mut body = self.body(if self.profile.cdr_prefix {
            prefixed
        } else {
            plain
        });
        let mut destination = target.destination.clone();
        if event == TargetEvent::Answer && self.profile.wrong_answer_user {
            destination = destination.replace(&format!("sip:{}@", target.number), "sip:webrtc@");
        }
        body.insert("caller", json!(call.caller.number));
        body.insert("cdr_id", self.id(call.cdr));
        body.insert("destination", json!(destination));
        if !self.profile.no_target_direction {
            body.insert("direction", json!(self.direction(call)));
        }
        body.insert("session_id", self.id(call.session));
        self.outer_numbers(call, &mut body);
        Some(self.on(Topic::Cdr, body))
    }

    /// `call_ended`, `call_noanswer`, `call_fail`, `call_reroute`: only where calls are told one by one.
    pub(super) fn call_event(
        &self,
        name: &'static str,
        call: &Call,
        target: &str,
        fail_code: Option<u16>,
    ) -> Emission {
        let mut body = self.body(name);
        body.insert("call_id", json!(call.call_id));
        body.insert("call_target", json!(target));
        body.insert("caller", json!(self.written(&call.caller)));
        body.insert("callee", json!(self.written(&call.callee)));
        if let Some(code) = fail_code {
            body.insert("fail_code", json!(code));
        }
        body.insert("session_id", self.id(call.session));
        self.about_call(call, body)
    }

    pub(super) fn hold(&self, call: &Call, holder: &Side, held: bool) -> Option<Emission> {
        if !self.per_call() {
            return None;
        }
        let mut body = self.body(if held { "call_hold" } else { "call_unhold" });
        body.insert("aor", json!(self.written(holder)));
        body.insert("peer_aor", json!(self.written(&call.caller)));
        body.insert("call_id", json!(call.call_id));
        body.insert("session_id", self.id(call.session));
        Some(self.about_call(call, body))
    }

    pub(super) fn extension_call(&self, extension: &Extension) -> Option<Emission> {
        if self.per_call() {
            return None;
        }
        let mut body = self.about_extension("extension_call", extension);
        body.insert("call_status", json!(self.call_status(extension.status())));
        Some(self.at_extension(extension, body))
    }

    pub(super) fn presence(&self, extension: &Extension) -> Option<Emission> {
        if self.profile.dialect < Dialect::V16 {
            return None;
        }
        let mut body = self.about_extension("extension_presence", extension);
        match self.profile.dialect {
            Dialect::V12 | Dialect::V16 => {
                body.remove("extension_id");
                body.insert("note", json!(note(extension.presence)));
            }
            Dialect::V16_2 => {
                body.insert("presence_note", json!(note(extension.presence)));
            }
            Dialect::V22 | Dialect::V22_3 => {
                body.insert("presence", json!(self.presence_word(extension.presence)));
                body.insert("presence_note", json!(""));
            }
        }
        Some(self.at_extension(extension, body))
    }

    /// The phone came or went.
    pub(super) fn registration(&self, extension: &Extension) -> Emission {
        if !self.per_call() {
            return self.extension_status(&[extension]);
        }
        let secs = self.at / 1000;
        let Extension {
            number, contact, ..
        } = extension;
        let instance = format!("urn:uuid:{:032X}", u128::from(extension.id));
        let expires = if extension.online { secs + 300 } else { secs };
        let contact = json!({
            "contact_uri": format!("<sip:{number}@{contact}>;+sip.instance=\"<{instance}>\""),
            "expires": expires,
            "instance": format!("<{instance}>"),
            "last_update": secs,
            "public_address": contact,
            "received_from": contact,
            "reg_id": 0,
            "user_agent": "PortSIP UC Client iOS - v16.0.001",
        });
        let mut body = self.about_extension("extension_register", extension);
        let key = if extension.online {
            "registration_contacts"
        } else {
            "removed_contacts"
        };
        body.insert(key, json!([contact]));
        self.at_extension(extension, body)
    }

    pub(super) fn extension_status(&self, extensions: &[&Extension]) -> Emission {
        let status: Vec<Value> = extensions
            .iter()
            .map(|extension| {
                let mut entry = Body::new();
                entry.insert("call_status", json!(self.call_status(extension.status())));
                entry.insert("extension", json!(self.sip(&extension.number)));
                entry.insert("extension_id", self.id(extension.id));
                entry.insert("online", json!(extension.online));
                if self.profile.dialect >= Dialect::V22 {
                    entry.insert("presence", json!(self.presence_word(extension.presence)));
                    entry.insert("presence_note", json!(""));
                } else {
                    entry.insert("presence_note", json!(note(extension.presence)));
                }
                entry.insert("push_online", json!(false));
                entry.insert("time", self.time(self.at));
                json!(entry)
            })
            .collect();
        let mut body = self.body("extension_status");
        body.remove("time");
        body.insert("status", json!(status));
        Emission {
            topic: Topic::Extension,
            about: extensions.iter().map(|e| e.number.clone()).collect(),
            body,
        }
    }

    pub(super) fn extension_updated(&self, extension: &Extension) -> Emission {
        let mut body = self.body("extension_updated");
        body.remove("time");
        body.insert("disp_name", json!(extension.name));
        let user = extension.name.to_lowercase().replace([' ', '\''], ".");
        body.insert("email", json!(format!("{user}@{}", self.profile.domain)));
        body.insert("enabled", json!(true));
        body.insert("extension_id", self.id(extension.id));
        body.insert("extension_number", json!(extension.number));
        body.insert("username", json!(user));
        self.on(Topic::ExtensionManagement, body)
    }

    /// What there is to say about an agent whose state changed.
    pub(super) fn agent(&self, queue: &Queue, agent: &Agent) -> Vec<Emission> {
        let Some(extension) = self.extensions.get(agent.extension) else {
            return Vec::new();
        };
        let mut told = Vec::new();
        if self.profile.dialect == Dialect::V12 {
            if matches!(agent.state, AgentState::Ready | AgentState::NotReady) {
                let mut body = self.body("queue_member_state");
                body.insert("extension", json!(self.sip(&extension.number)));
                body.insert("queue_number", json!(queue.number));
                body.insert("state", json!(agent.state.word()));
                told.push(self.at_queue(queue, body));
            }
            told.push(self.queue_status(queue));
            return told;
        }
        let mut body = self.body("queue_agent_status");
        body.remove("time");
        body.insert("queue_id", self.id(queue.id));
        body.insert("updated_agents", json!([self.agent_entry(agent)]));
        told.push(self.at_queue(queue, body));
        if self.profile.dialect >= Dialect::V16_2 {
            let mut body = self.about_extension("extension_agent_status", extension);
            body.insert(
                "agent_status",
                json!([{"queue_number": queue.number, "status": agent.state.word()}]),
            );
            if self.profile.numeric_agent_id {
                body.insert("extension_id", json!(extension.id));
            }
            told.push(self.at_extension(extension, body));
        }
        told
    }

    pub(super) fn queue_status(&self, queue: &Queue) -> Emission {
        let agents: Vec<Value> = queue
            .agents
            .iter()
            .map(|agent| json!(self.agent_entry(agent)))
            .collect();
        let waiting: Vec<Value> = queue
            .waiting
            .iter()
            .enumerate()
            .map(|(index, waiting)| {
                let mut entry = self.waiting_entry(waiting, index + 1);
                entry.insert("caller_name", json!(waiting.name));
                json!(entry)
            })
            .collect();
        let mut body = self.body("queue_status");
        body.remove("time");
        body.insert("agents", json!(agents));
        body.insert("queue_id", self.id(queue.id));
        body.insert("queue_name", json!(queue.name));
        body.insert("queue_number", json!(queue.number));
        body.insert("waiting_list", json!(waiting));
        self.at_queue(queue, body)
    }

    /// A caller came (`enqueue`) or went. `position` is the place it has or had.
    pub(super) fn queue_caller(
        &self,
        queue: &Queue,
        caller: &Waiting,
        position: usize,
        reason: &str,
    ) -> Emission {
        if self.profile.dialect == Dialect::V12 {
            return self.queue_status(queue);
        }
        let mut entry = self.waiting_entry(caller, position);
        entry.insert("reason", json!(reason));
        entry.insert("timestamp", self.time(self.at));
        let mut body = self.body("queue_caller_status");
        body.remove("time");
        body.insert("queue_id", self.id(queue.id));
        body.insert("updated_callers", json!([entry]));
        self.at_queue(queue, body)
    }

    pub(super) fn sla_breached(&self, queue: &Queue, caller: &Waiting) -> Option<Emission> {
        if self.profile.dialect < Dialect::V16 {
            return None;
        }
        let mut body = self.body("queue_sla_breached");
        body.remove("time");
        body.insert("caller", json!(caller.number));
        body.insert("queue_id", self.id(queue.id));
        body.insert("sla_time_secs", json!(20));
        body.insert("timestamp", self.time(self.at));
        body.insert("total_callers_breached", json!(queue.breaches));
        body.insert("waiting_callers", json!(queue.waiting.len()));
        Some(self.at_queue(queue, body))
    }

    pub(super) fn queue_created(&self, queue: &Queue) -> Emission {
        let mut body = self.body("queue_created");
        body.remove("time");
        body.insert("queue_number", json!(queue.number));
        self.on(Topic::QueueManagement, body)
    }

    /// True where calls are told one by one on `extension_events`.
    pub(super) fn per_call(&self) -> bool {
        self.profile.dialect < Dialect::V16_2
    }

    pub(super) fn sip(&self, number: &str) -> String {
        format!("sip:{number}@{}", self.profile.domain)
    }

    pub(super) fn id(&self, id: u64) -> Value {
        if self.profile.numeric_ids {
            json!(id)
        } else {
            json!(id.to_string())
        }
    }

    pub(super) fn time(&self, millis: i64) -> Value {
        json!((millis / 1000).to_string())
    }

    pub(super) fn direction(&self, call: &Call) -> &'static str {
        match (call.plot.direction(), self.profile.long_directions) {
            ("internal", false) => "ext",
            ("outbound", false) => "out",
            (_, false) => "in",
            (long, true) => long,
        }
    }

    pub(super) fn body(&self, event: &'static str) -> Body {
        let mut body = Body::new();
        body.insert("event_type", json!(event));
        body.insert("tenant_id", self.id(self.profile.tenant_id));
        body.insert("time", self.time(self.at));
        if self.profile.tenant_names {
            body.insert("tenant_name", json!(self.profile.tenant_name));
        }
        body
    }

    pub(super) fn on(&self, topic: Topic, body: Body) -> Emission {
        Emission {
            topic,
            about: Vec::new(),
            body,
        }
    }

    fn outer_numbers(&self, call: &Call, body: &mut Body) {
        let outbound = call.plot.direction() == "outbound";
        let outbound_id = if outbound { "02079460000" } else { "" };
        body.insert("did", json!(call.did));
        body.insert("outbound_caller_id", json!(outbound_id));
    }

    /// Parties are SIP URIs before v22, bare numbers after.
    fn written(&self, side: &Side) -> String {
        if self.profile.dialect >= Dialect::V22 {
            side.number.clone()
        } else {
            self.sip(&side.number)
        }
    }

    fn about_call(&self, call: &Call, body: Body) -> Emission {
        let mut about = vec![call.caller.number.clone(), call.callee.number.clone()];
        about.extend(call.targets.iter().map(|target| target.number.clone()));
        Emission {
            topic: Topic::Extension,
            about,
            body,
        }
    }

    fn about_extension(&self, event: &'static str, extension: &Extension) -> Body {
        let mut body = self.body(event);
        body.insert("extension", json!(self.sip(&extension.number)));
        body.insert("extension_id", self.id(extension.id));
        body
    }

    fn at_extension(&self, extension: &Extension, body: Body) -> Emission {
        Emission {
            topic: Topic::Extension,
            about: vec![extension.number.clone()],
            body,
        }
    }

    fn at_queue(&self, queue: &Queue, body: Body) -> Emission {
        Emission {
            topic: Topic::Queue,
            about: vec![queue.number.clone()],
            body,
        }
    }

    fn agent_entry(&self, agent: &Agent) -> Body {
        let number = self.extensions.get(agent.extension).map(|e| &e.number);
        let mut entry = Body::new();
        entry.insert("agent_extension_number", json!(number));
        entry.insert("state", json!(agent.state.word()));
        entry.insert("timestamp", self.time(agent.since));
        let (session, caller, name) = match &agent.call {
            Some((session, number, name)) => (self.id(*session), number.as_str(), name.as_str()),
            None => (json!(""), "", ""),
        };
        entry.insert("session_id", session);
        entry.insert("caller_number", json!(caller));
        entry.insert("caller_name", json!(name));
        entry
    }

    fn waiting_entry(&self, waiting: &Waiting, position: usize) -> Body {
        let mut entry = Body::new();
        entry.insert("caller_number", json!(waiting.number));
        entry.insert("position", json!(position.to_string()));
        entry.insert("session_id", self.id(waiting.session));
        entry.insert("timestamp", self.time(waiting.since));
        entry.insert("type", json!("normal"));
        entry
    }

    fn call_status(&self, status: CallStatus) -> &'static str {
        let title = self.profile.dialect < Dialect::V22;
        match (status, title) {
            (CallStatus::Idle, _) => "",
            (CallStatus::Ringing, true) => "Ringing",
            (CallStatus::OnCall, true) => "On Call",
            (CallStatus::Ringing, false) => "RINGING",
            (CallStatus::OnCall, false) => "ON_CALL",
        }
    }

    fn presence_word(&self, presence: Presence) -> &'static str {
        match presence {
            Presence::Available if self.profile.presence_online => "ONLINE",
            Presence::Available => "AVAILABLE",
            Presence::Away => "AWAY",
            Presence::DoNotDisturb => "DO_NOT_DISTURB",
            Presence::Lunch => "LUNCH",
        }
    }
}

fn note(presence: Presence) -> &'static str {
    match presence {
        Presence::Available => "Online",
        Presence::Away => "Away",
        Presence::DoNotDisturb => "Do Not Disturb",
        Presence::Lunch => "Lunch",
    }
}

impl AgentState {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::NotReady => "NOT_READY",
            Self::QueueCall => "QUEUE_CALL",
            Self::OtherCall => "OTHER_CALL",
            Self::WrapUp => "WRAP_UP",
        }
    }
}
