//! Configuration: 220 events, of which a few change entities and the rest travel as they are. They tell *that*
//! something changed, seldom what; what it is now is asked of REST.

use adapter::json::Json;
use model::{
    Fact, Native, TrunkState, UserRef,
    observation::{ExtensionPatch, Ref, UserPatch},
    source::Action,
};

use super::{
    Translator,
    queue::queue_patch,
    read::{cut, text},
    remark::take_all,
    tell::{self, Telling},
};
use crate::wire::{self, Event};

impl Translator {
    /// An event of `CONFIG`.
    pub(super) fn config(&mut self, tell: &mut Telling, event: &Event<'_>, data: &Json<'_>) {
        let Some((family, verb)) = wire::split(&event.name) else {
            return tell.unrecognized(&format!("event:{}", event.name));
        };
        let id = text(&event.id);
        match (family, verb) {
            ("EMPLOYEE", "CREATED" | "UPDATED" | "DELETED" | "ENABLED" | "DISABLED") => {
                self.employee_managed(tell, id, verb);
            }
            ("PBX_EXTENSION", _) => self.extension_managed(tell, id, verb, data),
            ("PBX_EXTENSION_DND", _) => self.extension_dnd(tell, id, data),
            ("PBX_QUEUE", _) => self.queue_managed(tell, id, verb),
            ("SBC_PEER_HOST", _) => peer_host(tell, id, verb, data),
            _ => {
                let mut native = Native::new();
                if action(verb) == Action::Other {
                    native.set("verb", verb.to_ascii_lowercase());
                }
                native.set("by", text(&event.employee).unwrap_or(""));
                take_all(&mut native, data);
                let kind = family.to_ascii_lowercase();
                self.object(tell, &kind, id, action(verb), native, "CONFIG");
            }
        }
    }

    fn employee_managed(&mut self, tell: &mut Telling, id: Option<&str>, verb: &str) {
        let Some(id) = id else {
            return tell.missing("id");
        };
        self.sync.touched(id);
        let (act, enabled) = match verb {
            "ENABLED" => (Action::Updated, Some(true)),
            "DISABLED" => (Action::Updated, Some(false)),
            verb => (action(verb), None),
        };
        let fact = Fact::User {
            key: id.into(),
            action: Some(act),
            patch: Box::new(UserPatch {
                enabled,
                native: tell::native(&[("employee_id", Some(id))]),
                ..UserPatch::default()
            }),
        };
        tell.native("CONFIG.employee", fact);
        if act != Action::Deleted {
            self.sync.look_at_user(id, tell.now);
        }
    }

    fn extension_managed(
        &mut self,
        tell: &mut Telling,
        id: Option<&str>,
        verb: &str,
        data: &Json<'_>,
    ) {
        let Some(id) = id else {
            return tell.missing("id");
        };
        self.sync.touched(id);
        let act = action(verb);
        let employee = field(data, "employeeId");
        let fact = Fact::Extension {
            at: self.directory.extension_ref(id),
            action: Some(act),
            patch: Box::new(ExtensionPatch {
                user: employee.as_deref().map(|employee| UserRef {
                    id: Some(self.source.entity(employee)),
                    name: None,
                }),
                native: tell::native(&[
                    ("extension_id", Some(id)),
                    ("employee_id", employee.as_deref()),
                ]),
                ..ExtensionPatch::default()
            }),
        };
        tell.native("CONFIG.extension", fact);
        if act == Action::Deleted {
            self.directory.forget_extension(id);
        } else {
            self.sync.look_at_extension(id, tell.now);
        }
    }

    fn extension_dnd(&mut self, tell: &mut Telling, id: Option<&str>, data: &Json<'_>) {
        let Some(id) = id else {
            return tell.missing("id");
        };
        let told = field(data, "dnd");
        let dnd = match told.as_deref() {
            Some("true" | "1") => true,
            Some("false" | "0") => false,
            _ => return tell.missing("data.dnd"),
        };
        self.sync.touched(id);
        let fact = Fact::Extension {
            at: self.directory.extension_ref(id),
            action: None,
            patch: Box::new(ExtensionPatch {
                dnd: Some(dnd),
                native: tell::native(&[
                    ("extension_id", Some(id)),
                    ("dnd_phone", field(data, "phoneId").as_deref()),
                    ("dnd_phone_type", field(data, "type").as_deref()),
                ]),
                ..ExtensionPatch::default()
            }),
        };
        tell.native("CONFIG.dnd", fact);
    }

    fn queue_managed(&mut self, tell: &mut Telling, id: Option<&str>, verb: &str) {
        let Some(id) = id else {
            return tell.missing("id");
        };
        let act = action(verb);
        if act == Action::Deleted {
            return self.queue_deleted(tell, id, "CONFIG.queue");
        }
        self.sync.touched(id);
        let fact = Fact::Queue {
            at: self.directory.queue_ref(id),
            action: Some(act),
            patch: Box::new(queue_patch(id, None)),
        };
        tell.native("CONFIG.queue", fact);
        self.sync.look_at_queue(id, tell.now);
    }
}

/// `SBC_PEER_HOST_DOWN`, `SBC_PEER_HOST_UP`.
fn peer_host(tell: &mut Telling, id: Option<&str>, verb: &str, data: &Json<'_>) {
    let host = field(data, "host");
    let at = Ref {
        id: id.map(Into::into),
        number: host.as_deref().map(Into::into),
    };
    if at.key().is_none() {
        return tell.missing("id");
    }
    let state = if verb == "UP" {
        TrunkState::Connected
    } else {
        TrunkState::Disconnected
    };
    let fact = Fact::Trunk {
        at,
        state,
        address: host.as_deref().map(Into::into),
        native: tell::native(&[("peer_host", id), ("host", host.as_deref())]),
    };
    tell.native("CONFIG.peer_host", fact);
}

fn action(verb: &str) -> Action {
    match verb {
        "CREATED" => Action::Created,
        "UPDATED" => Action::Updated,
        "DELETED" | "DELETE_ALL" => Action::Deleted,
        _ => Action::Other,
    }
}

/// One scalar of `data`.
fn field(data: &Json<'_>, name: &str) -> Option<String> {
    let Json::Object(pairs) = data else {
        return None;
    };
    let (_, value) = pairs.iter().rev().find(|(key, _)| key == name)?;
    let value = value.clone().into_text()?;
    let value = value.trim();
    (!value.is_empty()).then(|| cut(value).to_owned())
}
