//! What a PortSIP PBX of version 22 says: frames as its documents and samples have them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

/// A tenant of a PBX, its extensions 101 and 102, and its queue 8000.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The native id.
    pub id: String,
    /// The SIP domain.
    pub domain: String,
    /// The native id of queue 8000.
    pub queue: String,
    ordinal: u64,
}

/// One call of a tenant. All of its frames bear the second in which it was made.
#[derive(Clone, Debug)]
pub struct Call {
    tenant: Tenant,
    session: u64,
    caller: String,
    callee: String,
    inbound: bool,
    at: u64,
}

/// How a call ended, for its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The callee answered and hung up later.
    Answered,
    /// It rang in vain.
    NoAnswer,
}

impl Tenant {
    /// A tenant; number 0 has the ids of the documented samples.
    #[must_use]
    pub fn new(ordinal: u64) -> Self {
        Self {
            id: (883_611_252_155_219_968 + ordinal * 1_000_003).to_string(),
            domain: "test.com".into(),
            queue: (883_700_000_000_000_000 + ordinal * 1_000_003).to_string(),
            ordinal,
        }
    }

    /// The native id of an extension.
    ///
    /// # Panics
    /// When the number is none.
    #[must_use]
    pub fn extension(&self, number: &str) -> String {
        let number: u64 = number.parse().expect("an extension number");
        (883_612_000_000_000_000 - 102 + number + self.ordinal * 1_000_003).to_string()
    }

    /// The snapshot of extensions: all online and idle.
    #[must_use]
    pub fn extension_status(&self, numbers: &[String]) -> Value {
        let entry = |number: &String| {
            json!({
                "call_status": "", "extension": self.uri(number), "extension_id": self.extension(number), "online": true,
                "presence": "AVAILABLE", "presence_note": "", "push_online": false, "time": now().to_string(),
            })
        };
        let status: Vec<Value> = numbers.iter().map(entry).collect();
        json!({"event_type": "extension_status", "status": status, "tenant_id": self.id})
    }

    /// The snapshot of queue 8000: nobody waits, agent 102 is ready.
    #[must_use]
    pub fn queue_status(&self) -> Value {
        let agent = json!({
            "agent_extension_number": "102", "caller_name": "", "caller_number": "", "session_id": "", "state": "READY",
            "timestamp": now().to_string(),
        });
        json!({
            "agents": [agent], "event_type": "queue_status", "queue_id": self.queue, "queue_name": "Support",
            "queue_number": "8000", "tenant_id": self.id, "waiting_list": [],
        })
    }

    /// An extension is busy, rings or is idle: `ON_CALL`, `RINGING` or nothing.
    #[must_use]
    pub fn extension_call(&self, number: &str, status: &str) -> Value {
        json!({
            "call_status": status, "event_type": "extension_call", "extension": self.uri(number),
            "extension_id": self.extension(number), "tenant_id": self.id, "time": now().to_string(),
        })
    }

    /// An extension's owner is away, in a meeting, …
    #[must_use]
    pub fn presence(&self, number: &str, presence: &str) -> Value {
        json!({
            "event_type": "extension_presence", "extension": self.uri(number), "extension_id": self.extension(number),
            "presence": presence, "presence_note": "", "tenant_id": self.id, "time": now().to_string(),
        })
    }

    /// Agent 102 of queue 8000 is in another state.
    #[must_use]
    pub fn agent(&self, state: &str) -> Value {
        let agent = json!({
            "agent_extension_number": "102", "caller_name": "", "caller_number": "", "session_id": "", "state": state,
            "timestamp": now().to_string(),
        });
        json!({"event_type": "queue_agent_status", "queue_id": self.queue, "tenant_id": self.id, "updated_agents": [agent]})
    }

    /// A call between extensions.
    #[must_use]
    pub fn internal(&self, caller: &str, callee: &str) -> Call {
        self.call(caller, callee, false)
    }

    /// A call from outside.
    #[must_use]
    pub fn inbound(&self, caller: &str, callee: &str) -> Call {
        self.call(caller, callee, true)
    }

    fn call(&self, caller: &str, callee: &str, inbound: bool) -> Call {
        Call {
            tenant: self.clone(),
            session: fresh(),
            caller: caller.into(),
            callee: callee.into(),
            inbound,
            at: now(),
        }
    }

    fn uri(&self, number: &str) -> String {
        format!("sip:{number}@{}", self.domain)
    }
}

impl Call {
    /// The native id of the session.
    #[must_use]
    pub fn session(&self) -> String {
        self.session.to_string()
    }

    /// The subject of its events at a source.
    #[must_use]
    pub fn subject(&self, source: &str) -> String {
        format!("calls/{source}:{}", self.session)
    }

    /// First sign of the call.
    #[must_use]
    pub fn start(&self) -> Value {
        let mut frame = self.common("call_start");
        frame["call_id"] = json!(format!("call-{}..", self.session));
        frame["callee"] = json!(self.address(&self.callee, false));
        frame["callee_display_name"] = json!("");
        frame["caller_display_name"] = json!("");
        frame["user_data"] = json!("");
        frame
    }

    /// What a device that the call was sent to does: `add`, `ringing`, `answer`, `noanswer`, `fail`, `end`.
    #[must_use]
    pub fn target(&self, what: &str) -> Value {
        let mut frame = self.common(&format!("cdr_target_{what}"));
        frame["destination"] = json!(self.destination());
        frame
    }

    /// The caller enters queue 8000 or leaves it.
    #[must_use]
    pub fn queue(&self, reason: &str) -> Value {
        let caller = json!({
            "caller_number": self.caller, "position": "1", "reason": reason, "session_id": self.session(),
            "timestamp": self.at.to_string(), "type": "normal",
        });
        json!({
            "event_type": "queue_caller_status", "queue_id": self.tenant.queue, "tenant_id": self.tenant.id,
            "updated_callers": [caller],
        })
    }

    /// The record of the call, which ends it.
    #[must_use]
    pub fn record(&self, outcome: Outcome) -> Value {
        let answered = outcome == Outcome::Answered;
        let (at, never) = (self.at.to_string(), "0".to_owned());
        let word = if answered { "answered" } else { "noanswer" };
        let reason = if answered {
            "callee_disconnect"
        } else {
            "caller_disconnect"
        };
        let target = json!({
            "answered_time": if answered { &at } else { &never }, "call_type": "normal_call", "callee": self.callee,
            "caller": self.caller, "destination": self.destination(), "did": "", "end_reason": reason, "ended_time": at,
            "id": self.tenant.id, "outbound_caller_id": "", "ring_duration": "0", "ring_time": at, "start_time": at,
            "status": word, "status_code": 0, "talk_duration": "0", "trunk_name": "",
        });
        json!({
            "answered_time": if answered { &at } else { &never }, "call_id": format!("call-{}..", self.session),
            "call_status": word, "call_targets": [target], "callee": self.callee, "callee_domain": self.tenant.domain,
            "caller": self.caller, "caller_display_name": "", "caller_domain": self.tenant.domain,
            "did": if self.inbound { "18800606" } else { "" }, "direction": self.direction(), "ended_reason": reason,
            "ended_time": at, "event_type": "call_cdr", "outbound_caller_id": "", "ring_duration": "0", "ring_time": at,
            "session_id": self.session(), "start_time": at, "status_code": "0", "talk_duration": 0,
            "tenant_id": self.tenant.id, "tenant_name": "test", "trunk_name": "", "user_data": "",
        })
    }

    /// The frames of the whole call, answered.
    #[must_use]
    pub fn answered(&self) -> Vec<Value> {
        let steps = ["add", "ringing", "answer", "end"];
        let targets = steps.map(|step| self.target(step));
        [self.start()]
            .into_iter()
            .chain(targets)
            .chain([self.record(Outcome::Answered)])
            .collect()
    }

    /// The frames of the whole call, not answered.
    #[must_use]
    pub fn missed(&self) -> Vec<Value> {
        let targets = ["add", "ringing", "noanswer"].map(|step| self.target(step));
        [self.start()]
            .into_iter()
            .chain(targets)
            .chain([self.record(Outcome::NoAnswer)])
            .collect()
    }

    fn common(&self, event: &str) -> Value {
        json!({
            "caller": self.address(&self.caller, self.inbound), "cdr_id": (self.session + 1).to_string(),
            "did": if self.inbound { "18800606" } else { "" }, "direction": self.direction(), "event_type": event,
            "outbound_caller_id": "", "session_id": self.session(), "tenant_id": self.tenant.id, "time": self.at.to_string(),
        })
    }

    fn direction(&self) -> &'static str {
        if self.inbound { "in" } else { "ext" }
    }

    fn address(&self, number: &str, outside: bool) -> String {
        if outside {
            number.to_owned()
        } else {
            self.tenant.uri(number)
        }
    }

    fn destination(&self) -> String {
        format!("sip:{}@192.168.2.135:5960", self.callee)
    }
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_secs()
}

/// A session id that no other call has: like the PBX's own, it dates the start of the call.
fn fresh() -> u64 {
    const EPOCH_2018: u64 = 1_514_764_800;
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    // The record has the id after the session's.
    (((now() - EPOCH_2018) * 1000) << 22) + 2 * NUMBER.fetch_add(1, Ordering::Relaxed)
}
