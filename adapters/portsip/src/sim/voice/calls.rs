//! What is said about calls and their targets.

use serde_json::json;

use super::{Body, Emission, TargetEvent, Topic, Voice};
use crate::{
    sim::call::{Call, Side, Target},
    wire::Dialect,
};

impl Voice<'_> {
    pub(in crate::sim) fn call_start(&self, call: &Call) -> Emission {
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

    pub(in crate::sim) fn call_update(&self, call: &Call) -> Option<Emission> {
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

    pub(in crate::sim) fn target(
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
    pub(in crate::sim) fn call_event(
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

    pub(in crate::sim) fn hold(&self, call: &Call, holder: &Side, held: bool) -> Option<Emission> {
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
}
