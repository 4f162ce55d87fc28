//! What is said about extensions: calls, presence, registration.

use serde_json::{Value, json};

use super::{Body, Emission, Topic, Voice};
use crate::{
    sim::people::{CallStatus, Extension, Presence},
    wire::Dialect,
};

impl Voice<'_> {
    pub(in crate::sim) fn extension_call(&self, extension: &Extension) -> Option<Emission> {
        if self.per_call() {
            return None;
        }
        let mut body = self.about_extension("extension_call", extension);
        body.insert("call_status", json!(self.call_status(extension.status())));
        Some(self.at_extension(extension, body))
    }

    pub(in crate::sim) fn presence(&self, extension: &Extension) -> Option<Emission> {
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
    pub(in crate::sim) fn registration(&self, extension: &Extension) -> Emission {
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

    pub(in crate::sim) fn extension_status(&self, extensions: &[&Extension]) -> Emission {
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

    pub(in crate::sim) fn extension_updated(&self, extension: &Extension) -> Emission {
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

    pub(in crate::sim) fn about_extension(
        &self,
        event: &'static str,
        extension: &Extension,
    ) -> Body {
        let mut body = self.body(event);
        body.insert("extension", json!(self.sip(&extension.number)));
        body.insert("extension_id", self.id(extension.id));
        body
    }

    pub(in crate::sim) fn at_extension(&self, extension: &Extension, body: Body) -> Emission {
        Emission {
            topic: Topic::Extension,
            about: vec![extension.number.clone()],
            body,
        }
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
