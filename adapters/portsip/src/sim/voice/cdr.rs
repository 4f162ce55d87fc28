//! The `call_cdr` of a call that has ended.

use serde_json::{Value, json};

use super::{Body, Emission, Topic, Voice};
use crate::{
    sim::{
        call::{Call, Target},
        truth::Ending,
    },
    wire::Dialect,
};

const TRUNK_ID: u64 = 883_631_675_865_563_136;

impl Voice<'_> {
    /// The record. `ending` is how the call ended.
    pub(in crate::sim) fn cdr(&self, call: &Call, ending: Ending) -> Emission {
        let first = |time: fn(&Target) -> Option<i64>| call.targets.iter().find_map(time);
        let answered = first(|target| target.answered);
        let ringing = first(|target| target.ringing.or(target.answered));
        let (reason, code) = words(ending);
        let v22 = self.profile.dialect >= Dialect::V22;
        let inbound = call.plot.direction() == "inbound";
        let outbound = call.plot.direction() == "outbound";

        let mut body = self.body("call_cdr");
        body.remove("time");
        body.insert("answered_time", self.moment(answered));
        body.insert("call_id", json!(call.call_id));
        let targets: Vec<Value> = call
            .targets
            .iter()
            .map(|target| json!(self.cdr_target(call, target, v22)))
            .collect();
        body.insert("call_targets", json!(targets));
        body.insert("callee", json!(call.callee.number));
        body.insert("callee_domain", json!(self.profile.domain));
        body.insert("caller", json!(call.caller.number));
        body.insert("caller_display_name", json!(call.caller.name));
        let from = if inbound {
            "192.168.1.93"
        } else {
            self.profile.domain.as_str()
        };
        body.insert("caller_domain", json!(from));
        body.insert(if v22 { "did" } else { "did_cid" }, json!(call.did));
        body.insert("direction", json!(self.direction(call)));
        body.insert("ended_reason", json!(reason));
        body.insert("ended_time", self.moment(Some(self.at)));
        let outbound_id = if outbound { "02079460000" } else { "" };
        body.insert("outbound_caller_id", json!(outbound_id));
        body.insert("ring_time", self.moment(ringing));
        body.insert("session_id", self.id(call.session));
        body.insert("start_time", self.moment(Some(call.started)));
        body.insert("status_code", json!(code.to_string()));
        body.insert("tenant_name", json!(self.profile.tenant_name));
        body.insert("trunk_name", json!(self.trunk(call)));
        body.insert("user_data", json!(""));
        if v22 {
            let talked: i64 = call.targets.iter().filter_map(|t| talked(t, self.at)).sum();
            let rang = ringing.map_or(0, |from| answered.unwrap_or(self.at) / 1000 - from / 1000);
            body.insert("call_status", json!(status(answered.is_some(), code)));
            body.insert("ring_duration", json!(rang.max(0).to_string()));
            body.insert("talk_duration", json!(talked));
        }
        self.on(Topic::Cdr, body)
    }

    fn cdr_target(&self, call: &Call, target: &Target, v22: bool) -> Body {
        let mut entry = Body::new();
        entry.insert("answered_time", self.moment(target.answered));
        entry.insert("call_type", json!("normal_call"));
        entry.insert("callee", json!(target.number));
        entry.insert("caller", json!(call.caller.number));
        entry.insert("destination", json!(target.destination));
        entry.insert("end_reason", json!(target.reason));
        entry.insert("ended_time", self.moment(target.ended.or(Some(self.at))));
        // As in every documented sample, this is the tenant's id and not the target's.
        entry.insert("id", self.id(self.profile.tenant_id));
        entry.insert("outbound_caller_id", json!(""));
        entry.insert("ring_time", self.moment(target.ringing.or(target.answered)));
        entry.insert("start_time", self.moment(Some(target.started)));
        entry.insert("status_code", json!(target.status));
        entry.insert("trunk_name", json!(self.trunk(call)));
        if v22 {
            let rang = target.ringing.map_or(0, |from| {
                target.answered.unwrap_or(self.at) / 1000 - from / 1000
            });
            let talked = talked(target, self.at).unwrap_or(0);
            entry.insert("did", json!(""));
            entry.insert("ring_duration", json!(rang.max(0).to_string()));
            entry.insert("status", json!(status(target.answered.is_some(), 0)));
            entry.insert("talk_duration", json!(talked.to_string()));
        }
        entry
    }

    fn trunk(&self, call: &Call) -> String {
        match (call.plot.direction(), self.profile.dialect >= Dialect::V22) {
            ("internal", _) => String::new(),
            (_, true) => format!("carrier:{TRUNK_ID}"),
            (_, false) => "AudioCodes".to_owned(),
        }
    }

    fn moment(&self, millis: Option<i64>) -> Value {
        self.time(millis.unwrap_or(0))
    }
}

fn talked(target: &Target, now: i64) -> Option<i64> {
    let from = target.answered? / 1000;
    Some((target.ended.unwrap_or(now) / 1000 - from).max(0))
}

fn status(answered: bool, code: u16) -> &'static str {
    match (answered, code) {
        (true, _) => "answered",
        (false, 0 | 408) => "noanswer",
        (false, _) => "fail",
    }
}

/// The reason and the SIP status at the top of a record.
fn words(ending: Ending) -> (&'static str, u16) {
    match ending {
        Ending::CallerHungUp | Ending::Voicemail | Ending::Abandoned => ("caller_disconnect", 0),
        Ending::CalleeHungUp => ("callee_disconnect", 0),
        Ending::Cancelled => ("cancelled", 0),
        Ending::NoAnswer => ("None", 408),
        Ending::Busy => ("None", 486),
        Ending::Unreachable | Ending::Dnd => ("None", 480),
        Ending::NoSuchNumber => ("None", 404),
        Ending::Merged => ("replaced", 0),
        Ending::Lost => ("None", 0),
    }
}
