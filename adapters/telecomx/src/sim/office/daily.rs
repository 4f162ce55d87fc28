//! What people do beside calls: they come and go, say how they are, record, leave messages, and meet.

use serde_json::{Value, json};

use super::Office;
use crate::sim::{Told, call::Call, people};

impl Office {
    /// One of the small things of a day.
    pub(super) fn live(&mut self) {
        let index = self.rng.below(self.extensions.len().saturating_sub(1));
        let Some(extension) = self.extensions.get(index) else {
            return;
        };
        if !extension.is_free() && !extension.dnd {
            return;
        }
        match self.rng.below(9) {
            0 | 1 => self.say_presence(index),
            2 => self.toggle_dnd(index),
            3 => self.rejoin(index),
            4 => self.toggle_night(),
            5 => self.extension_changed(index),
            6 => self.wrong_password(index),
            7 => self.set_variable(index),
            _ => self.hear_messages(index),
        }
    }

    fn say_presence(&mut self, index: usize) {
        let presence = people::another_presence(&mut self.rng);
        let extension = &mut self.extensions[index];
        if extension.presence == presence {
            return;
        }
        extension.presence = presence;
        let employee = extension.employee.clone();
        let data = json!({"state": presence, "location": null, "message": null, "expire": null});
        self.pbx(
            "EMPLOYEE_PRESENCE_CHANGED",
            json!({"_id": employee, "data": data}),
        );
    }

    fn toggle_dnd(&mut self, index: usize) {
        let extension = &mut self.extensions[index];
        extension.dnd = !extension.dnd;
        let (id, data) = (
            extension.id.clone(),
            json!({"phoneId": extension.phone, "type": "SIP", "dnd": extension.dnd}),
        );
        self.config("PBX_EXTENSION_DND_UPDATED", &id, &data);
    }

    /// A member leaves a queue for a moment and comes back.
    fn rejoin(&mut self, extension: usize) {
        for queue in 0..self.queues.len() {
            let members = &self.queues[queue].members;
            if let Some(at) = members.iter().position(|m| m.extension == extension) {
                self.tell_member(queue, at, "QUEUE_MEMBER_LEFT");
                self.tell_member(queue, at, "QUEUE_MEMBER_JOIN");
                return;
            }
        }
    }

    fn toggle_night(&mut self) {
        self.night = !self.night;
        let body = json!({
            "name": "NIGHT", "value": self.night, "deleted": false, "switchType": "SYSTEM",
        });
        self.pbx("SWITCH", body);
    }

    fn set_variable(&mut self, index: usize) {
        let employee = &self.extensions[index].employee;
        let body = json!({
            "name": format!("{employee}:MOOD"), "value": "fine", "deleted": false,
            "variableType": "PERSONAL", "employee": employee,
        });
        self.pbx("VARIABLE", body);
    }

    fn extension_changed(&mut self, index: usize) {
        let extension = &self.extensions[index];
        let (id, data) = (
            extension.id.clone(),
            json!({"employeeId": extension.employee}),
        );
        self.config("PBX_EXTENSION_UPDATED", &id, &data);
    }

    fn wrong_password(&mut self, index: usize) {
        let extension = &self.extensions[index];
        let data = json!({
            "error": "invalid_password", "ip": "203.0.113.9", "username": format!("u{}", extension.number),
            "sipphone": extension.phone, "source": "pbx", "pbxServer": "100.64.1.2",
            "trunkServer": "100.64.1.3",
        });
        self.say(
            "REGISTER",
            "ERROR",
            json!({"event": "ERROR", "customer": self.profile.customer, "data": data}),
        );
    }

    /// Every phone that is plugged in registers.
    pub(super) fn renew(&mut self) {
        for index in 0..self.extensions.len() {
            let extension = &self.extensions[index];
            if !extension.online {
                continue;
            }
            let data = json!({
                "ip": format!("192.0.2.{}", 10 + index % 200), "port": 5060, "expires": 600,
                "username": format!("u{}", extension.number), "sipphone": extension.phone, "source": "pbx",
                "pbxServer": "100.64.1.2", "trunkServer": "100.64.1.3",
            });
            let body =
                json!({"event": "REGISTER", "customer": self.profile.customer, "data": data});
            self.say("REGISTER", "REGISTER", body);
        }
    }

    pub(super) fn masters(&mut self) {
        for index in 0..self.queues.len() {
            let id = self.queues[index].id.clone();
            self.pbx("QUEUE_MASTER", json!({"_id": id, "callerId": null}));
        }
    }

    /// The conversation is recorded, or no longer.
    pub(super) fn record(&mut self, call: &mut Call, on: bool) {
        let at = self.wall();
        if on {
            let Some(leg) = call.talking() else {
                return;
            };
            let id = format!("tmp{:08x}", self.serial());
            let body = recording(call, leg, &id);
            call.recording = Some((id, leg, at));
            self.pbx("RECORDING_START", body);
            return;
        }
        let Some((id, leg, since)) = call.recording.take() else {
            return;
        };
        let mut body = recording(call, leg, &id);
        let serial = usize::try_from(self.serial()).unwrap_or(0);
        body["recordingId"] = json!(people::id('c', serial));
        body["duration"] = json!((at - since) / 1000);
        self.pbx("RECORDING_END", body);
    }

    /// The caller has spoken to the machine.
    pub(super) fn leave_message(&mut self, call: &mut Call) {
        let Some(index) = call.towards.extension else {
            return;
        };
        let serial = usize::try_from(self.serial()).unwrap_or(0);
        let extension = &mut self.extensions[index];
        extension.new_messages += 1;
        let body = json!({
            "type": "VOICEMAIL_NEW", "_id": extension.employee, "voicemailId": people::id('7', serial),
            "callerNumber": call.caller.number, "callerName": call.caller.name, "length": 9,
            "newMessages": extension.new_messages, "oldMessages": extension.old_messages,
        });
        self.pbx("VOICEMAIL_NEW", body);
    }

    /// All messages of a box are deleted.
    fn hear_messages(&mut self, index: usize) {
        let extension = &mut self.extensions[index];
        if extension.new_messages == 0 {
            return;
        }
        (extension.new_messages, extension.old_messages) = (0, 0);
        let body = json!({
            "type": "VOICEMAIL_DELETED", "_id": extension.employee, "voicemailId": null,
            "newMessages": 0, "oldMessages": 0,
        });
        self.pbx("VOICEMAIL_DELETED", body);
    }

    pub(super) fn enter_conference(&mut self, call: &mut Call) {
        call.in_conference = Some(self.wall());
        self.tell_conference(call, "CONFERENCE_ENTERED", false);
    }

    pub(super) fn tell_conference(&mut self, call: &mut Call, event: &'static str, muted: bool) {
        let Some(entered) = call.in_conference else {
            return;
        };
        let mut body = json!({
            "_id": Self::conference_id(), "conferenceName": "Mandagsmøde", "number": call.caller.number,
            "name": call.caller.name, "employee": null, "muted": muted, "room": "1", "callId": call.call_id,
            "channelId": call.legs[0].channel, "entered": super::tell::date(entered),
        });
        if event == "CONFERENCE_LEFT" {
            body["duration"] = json!((self.wall() - entered) / 1000);
            call.in_conference = None;
        }
        self.pbx(event, body);
    }

    pub(super) fn conference_id() -> String {
        people::id('6', 1)
    }

    /// An event that changes nothing that matters: the `n`th of an endless round.
    pub(super) fn idle_talk(&mut self, n: u64) -> Option<Told> {
        let count = u64::try_from(self.extensions.len()).unwrap_or(1).max(1);
        let index = usize::try_from(n % count).unwrap_or(0);
        let employee = self.extensions.get(index)?.employee.clone();
        let state = ["MEETING", "AVAILABLE"][usize::try_from(n / count % 2).unwrap_or(0)];
        let data =
            json!({"state": state, "location": null, "message": format!("{n}"), "expire": null});
        self.pbx(
            "EMPLOYEE_PRESENCE_CHANGED",
            json!({"_id": employee, "data": data}),
        );
        self.told.pop()
    }
}

fn recording(call: &Call, leg: usize, id: &str) -> Value {
    json!({
        "_id": id, "employee": null, "channel": call.legs[leg].channel, "caller": call.caller.number,
        "callee": call.legs[leg].side.number, "source": "COMMON",
    })
}
