//! How what happens is put into events.

use model::Timestamp;
use serde_json::{Value, json};

use super::Office;
use crate::sim::{
    Plot, Told,
    call::{Call, Side},
    people::Waiting,
    truth::Ending,
};

impl Office {
    pub(super) fn say(&mut self, kind: &'static str, event: &str, body: Value) {
        self.told.push(Told {
            kind,
            customer: Some(self.profile.customer.clone()),
            event: event.to_owned(),
            admin: matches!(kind, "TRUNK" | "REDIS" | "REALTIME"),
            body,
        });
    }

    /// An event of the PBX: flat, with an id.
    pub(super) fn pbx(&mut self, event: &str, mut body: Value) {
        let serial = self.serial();
        if body.get("type").is_none() {
            body["event"] = json!(event);
        }
        body["pbxServer"] = json!(self.profile.pbx_server);
        body["eventId"] = json!(format!("{:x}-{serial:x}", self.profile.seed));
        body["customer"] = json!(self.profile.customer);
        self.say("PBX", event, body);
    }

    pub(super) fn config(&mut self, event: &str, id: &str, data: &Value) {
        let body = json!({
            "event": event, "customer": self.profile.customer, "employee": null, "id": id, "data": data,
        });
        self.say("CONFIG", event, body);
    }

    /// What a leg does.
    pub(super) fn tell_leg(&mut self, call: &Call, index: usize, event: &str) {
        let mut body = self.leg(call, index);
        let leg = &call.legs[index];
        let state = leg
            .side
            .extension
            .map(|extension| self.extensions[extension].state());
        body["extensionState"] = json!(state);
        self.pbx(event, body);
    }

    /// What is told of a leg, in events and lists.
    pub(super) fn leg(&self, call: &Call, index: usize) -> Value {
        let leg = &call.legs[index];
        let extension = leg
            .side
            .extension
            .map(|extension| &self.extensions[extension]);
        let (caller, callee) = if leg.inbound {
            (&leg.side, leg.shown.as_ref().unwrap_or(&call.callee))
        } else if index == 0 {
            // Whoever clicked is shown whom he wants.
            (&call.callee, &leg.side)
        } else {
            (leg.shown.as_ref().unwrap_or(&call.caller), &leg.side)
        };
        let queue = leg.queue.map(|queue| &self.queues[queue]);
        let outside = call.truth.direction == model::Direction::Inbound;
        let originator = match (outside, call.plot) {
            (true, _) => "EXTERNAL",
            (_, Plot::ClickToCall) => "SYSTEM",
            _ => "SIPPHONE",
        };
        json!({
            "sessionId": leg.session.as_ref().unwrap_or(&call.session),
            "caller": shown(caller, call), "callerName": name(caller), "callerPrivacy": false,
            "callee": callee.number, "calleeName": name(callee), "channel": leg.channel, "callId": call.call_id,
            "direction": if outside { "I" } else { "O" }, "leg": if leg.inbound { "I" } else { "O" },
            "originator": originator, "device": extension.map(|extension| &extension.phone),
            "extension": extension.map(|extension| &extension.id), "queueId": queue.map(|queue| &queue.id),
            "queueName": queue.map(|queue| queue.name), "hideOtherParty": false,
        })
    }

    /// What the trunk sees of a call.
    pub(super) fn tell_trunk(&mut self, call: &Call, event: &str, ending: Option<Ending>) {
        let outside = call.truth.direction == model::Direction::Inbound;
        let from = if outside {
            call.caller.number.as_str()
        } else {
            Self::MAIN_NUMBER
        };
        let mut data = json!({
            "callid": call.call_id, "direction": if outside { "I" } else { "O" }, "from": from,
            "to": call.callee.number,
        });
        if event == "START" {
            data["voiceaccount"] = json!(crate::sim::people::id('f', 1));
        } else if outside {
            data["destinationCustomerId"] = json!(self.profile.customer);
        } else {
            data["sourceCustomerId"] = json!(self.profile.customer);
        }
        if let Some(ending) = ending {
            let (reason, by) = ending.of_trunk();
            data["reason"] = json!(reason);
            data["endedBy"] = json!(by);
        }
        let body = json!({"event": event, "customer": self.profile.customer, "data": data});
        self.say("CALL", event, body);
    }

    /// What the trunk sees of the second call of a forwarded one.
    pub(super) fn tell_forward(&mut self, call: &Call, event: &str) {
        let Some(leg) = call.legs.get(1) else {
            return;
        };
        let mut data = json!({
            "callid": format!("{}-2", call.session), "direction": "O", "from": call.caller.number,
            "to": leg.side.number, "sourceCustomerId": self.profile.customer,
        });
        if event == "END" {
            data["reason"] = json!("BYE");
            data["endedBy"] = json!("A");
            self.remember_forward(call, &leg.side.number.clone(), Ending::CallerHungUp);
        }
        let body = json!({"event": event, "customer": self.profile.customer, "data": data});
        self.say("CALL", event, body);
    }

    /// No PBX tells of that call, so it is one of its own.
    pub(super) fn remember_forward(&mut self, call: &Call, mobile: &str, ending: Ending) {
        let ended = Timestamp::from_millis(self.wall());
        let rang = call.truth.rang.first().map(|ring| ring.at);
        let mut truth = call.truth.clone();
        truth.key = format!("{}-2", call.session);
        truth.interaction.clone_from(&truth.key);
        truth.shadow = None;
        mobile.clone_into(&mut truth.callee);
        truth.direction = model::Direction::Outbound;
        truth.started_at = rang.unwrap_or(truth.started_at);
        truth.rang.clear();
        for talk in &mut truth.talked {
            talk.to.get_or_insert(ended);
        }
        truth.ended_at = Some(ended);
        let mut end = ending.truth();
        if ending == Ending::Lost && !truth.talked.is_empty() {
            end.outcome = model::Outcome::Answered;
        }
        truth.end = Some(end);
        self.remember(truth);
    }

    pub(super) fn tell_waiting(
        &mut self,
        queue: usize,
        waiting: &Waiting,
        event: &str,
        state: &str,
        position: usize,
        answerer: Option<usize>,
    ) {
        let mut body = json!({
            "queue": self.queues[queue].id, "_id": format!("{}-{}", waiting.channel, self.profile.pbx_server),
            "state": state, "number": waiting.number, "name": waiting.name, "position": position,
            "entered": date(waiting.entered), "sessionId": waiting.session,
        });
        if let Some(answerer) = answerer {
            let extension = &self.extensions[answerer];
            body["answered"] = json!(date(self.wall()));
            body["answeredByExtension"] = json!(extension.id);
            body["answeredByNumber"] = json!(extension.number);
        }
        self.pbx(event, body);
    }

    pub(super) fn tell_member(&mut self, queue: usize, at: usize, event: &str) {
        let mut data = self.member(queue, at);
        if event != "QUEUE_MEMBER_UPDATE"
            && let Value::Object(fields) = &mut data
        {
            fields.remove("seconds");
        }
        let id = self.queues[queue].id.clone();
        self.pbx(event, json!({"_id": id, "employee": null, "data": data}));
    }

    pub(super) fn member(&self, queue: usize, at: usize) -> Value {
        let member = &self.queues[queue].members[at];
        let extension = &self.extensions[member.extension];
        json!({
            "_id": member.id, "extension": extension.id, "number": extension.number, "priority": 1,
            "calls": member.calls, "seconds": member.talked_s,
            "lastCallEnded": member.last_call_ended.map(date), "permanent": true,
        })
    }
}

/// The number that is shown of whoever calls: outside it is the company's.
fn shown<'a>(caller: &'a Side, call: &'a Call) -> &'a str {
    let goes_out = call.truth.direction == model::Direction::Outbound;
    if goes_out && caller.extension.is_some() && caller.number != call.caller.number {
        return Office::MAIN_NUMBER;
    }
    &caller.number
}

fn name(side: &Side) -> Option<&str> {
    (!side.name.is_empty()).then_some(side.name.as_str())
}

/// A date as they are written: ISO 8601 with milliseconds.
pub(super) fn date(millis: i64) -> String {
    let whole = Timestamp::from_secs(millis.div_euclid(1000)).to_string();
    let whole = whole.trim_end_matches('Z');
    format!("{whole}.{:03}Z", millis.rem_euclid(1000))
}
