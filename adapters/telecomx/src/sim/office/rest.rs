//! REST over the same state.

use serde_json::{Value, json};

use super::{Office, tell::date};
use crate::sim::{Answer, Asked, Level, call::Call};

impl Office {
    pub(super) fn answer_rest(&self, asked: &Asked<'_>) -> Answer {
        let level = asked.account.level;
        let path: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
        let (needed, body) = match path.as_slice() {
            ["pbx", "app", "employees"] => (Level::Personal, Some(self.people(asked))),
            ["pbx", "app", "queues"] => (Level::Personal, Some(self.all_queues(asked))),
            ["pbx", "app", "permissions"] => (Level::Personal, Some(self.permissions())),
            ["pbx", "queue", id] => (Level::Personal, self.one_queue(id, true)),
            ["pbx", "queue", id, "callers"] => (Level::Personal, self.part_of(id, "callers")),
            ["pbx", "queue", id, "member"] => (Level::Personal, self.part_of(id, "members")),
            ["pbx", "switch"] => (Level::Personal, Some(self.switches())),
            ["pbx", "variable"] => (Level::Personal, Some(json!([]))),
            ["pbx", "extension"] => (
                Level::Viewer,
                Some(self.page(asked, "extensions", self.list())),
            ),
            ["pbx", "extension", id] => (Level::Viewer, self.extension_of_id(id)),
            ["employee"] => (
                Level::Viewer,
                Some(self.page(asked, "employees", self.staff())),
            ),
            ["employee", id] => (Level::Viewer, self.one(self.staff(), id)),
            ["pbx", "conference"] => (Level::Viewer, Some(json!([self.conference(false)]))),
            ["pbx", "conference", id] if *id == Self::conference_id() => {
                (Level::Viewer, Some(self.conference(true)))
            }
            ["pbx", "sipphone"] => (
                Level::Viewer,
                Some(self.page(asked, "sipphones", self.phones())),
            ),
            ["pbx", "calls"] => (Level::Admin, Some(self.channels(asked))),
            _ => (Level::Personal, None),
        };
        match body {
            _ if level < needed => error(403, "access_denied"),
            Some(body) => Answer { status: 200, body },
            None => error(404, "id"),
        }
    }

    /// People with their presence, extensions and calls.
    fn people(&self, asked: &Asked<'_>) -> Value {
        let with_calls = asked.is("calls");
        let person = |index: usize| {
            let extension = &self.extensions[index];
            let mut own = json!({
                "_id": extension.id, "number": extension.number, "name": extension.name,
                "state": extension.state(), "dnd": extension.dnd,
            });
            if with_calls {
                own["calls"] = self.legs_of(index);
            }
            json!({
                "_id": extension.employee, "type": "EMPLOYEE", "name": extension.name,
                "emailAddress": format!("{}@example.dk", extension.number), "extensions": [own],
                "presence": {"state": extension.presence, "location": null, "message": null, "expire": null},
            })
        };
        (0..self.extensions.len()).map(person).collect()
    }

    /// The calls of an extension: all legs of the conversations it is in.
    fn legs_of(&self, extension: usize) -> Value {
        let takes_part = |call: &&Call| {
            let mut legs = call.legs.iter().filter(|leg| !leg.ended);
            legs.any(|leg| leg.side.extension == Some(extension))
        };
        let calls = self.calls.values().filter(takes_part);
        calls.flat_map(|call| self.live_legs(call)).collect()
    }

    fn live_legs<'a>(&'a self, call: &'a Call) -> impl Iterator<Item = Value> + 'a {
        let open = |index: &usize| !call.legs[*index].ended;
        (0..call.legs.len()).filter(open).map(|index| {
            let leg = &call.legs[index];
            let mut body = self.leg(call, index);
            body["pbxServer"] = json!(self.profile.pbx_server);
            body["state"] = json!(if leg.talks {
                "ANSWERED"
            } else if leg.rings {
                "RINGING"
            } else {
                "STARTED"
            });
            body
        })
    }

    fn all_queues(&self, asked: &Asked<'_>) -> Value {
        let all = asked.is("all");
        self.queues
            .iter()
            .filter_map(|queue| self.one_queue(&queue.id, all))
            .collect()
    }

    fn one_queue(&self, id: &str, all: bool) -> Option<Value> {
        let index = self.queues.iter().position(|queue| queue.id == id)?;
        let queue = &self.queues[index];
        let mut body = json!({
            "_id": queue.id, "name": queue.name, "number": queue.number, "customer": self.profile.customer,
            "dynamic": false, "member": false, "strategy": "CONCURRENT",
            "members": queue.members.len(), "callers": queue.waiting.len(),
        });
        if all {
            let members = 0..queue.members.len();
            body["members"] = members.map(|at| self.member(index, at)).collect();
            let callers = queue.waiting.iter().enumerate();
            body["callers"] = callers
                .map(|(at, waiting)| {
                    json!({
                        "_id": format!("{}-{}", waiting.channel, self.profile.pbx_server), "state": "QUEUED",
                        "number": waiting.number, "name": waiting.name, "privacy": false, "position": at + 1,
                        "entered": date(waiting.entered), "answered": null,
                    })
                })
                .collect();
        }
        Some(body)
    }

    fn part_of(&self, id: &str, part: &str) -> Option<Value> {
        Some(self.one_queue(id, true)?[part].take())
    }

    fn list(&self) -> Vec<Value> {
        let extensions = self.extensions.iter();
        extensions
            .map(|extension| {
                json!({
                    "_id": extension.id, "type": "EMPLOYEE", "customer": self.profile.customer,
                    "name": extension.name, "number": extension.number, "direct": extension.direct,
                    "employee": extension.employee, "primary": true, "callWaiting": false,
                })
            })
            .collect()
    }

    fn extension_of_id(&self, id: &str) -> Option<Value> {
        self.one(self.list(), id)
    }

    fn one(&self, list: Vec<Value>, id: &str) -> Option<Value> {
        list.into_iter().find(|item| item["_id"] == id)
    }

    fn staff(&self) -> Vec<Value> {
        let extensions = self.extensions.iter();
        extensions
            .map(|extension| {
                json!({
                    "_id": extension.employee, "accessLevel": "PERSONAL", "state": "ENABLED",
                    "name": extension.name, "email": format!("{}@example.dk", extension.number),
                })
            })
            .collect()
    }

    fn phones(&self) -> Vec<Value> {
        let extensions = self.extensions.iter();
        extensions
            .map(|extension| json!({"_id": extension.phone, "extension": extension.id}))
            .collect()
    }

    fn permissions(&self) -> Value {
        let all = json!({"pickup": true, "viewOtherParty": true, "setPresence": false});
        let extensions = self.extensions.iter();
        let pairs = extensions.map(|extension| (extension.id.clone(), all.clone()));
        Value::Object(pairs.collect())
    }

    fn switches(&self) -> Value {
        json!([{"name": "NIGHT", "value": self.night.to_string(), "type": "SYSTEM"}])
    }

    fn conference(&self, live: bool) -> Value {
        let mut body = json!({
            "_id": Self::conference_id(), "name": "Mandagsmøde", "number": Self::CONFERENCE,
            "customer": self.profile.customer,
        });
        if live {
            let inside = self
                .calls
                .values()
                .filter(|call| call.in_conference.is_some());
            body["live"] = inside
                .map(|call| {
                    json!({
                        "channelId": call.legs[0].channel, "pbxServer": self.profile.pbx_server,
                        "number": call.caller.number, "name": call.caller.name, "muted": false, "room": "1",
                        "entered": call.in_conference.map(date),
                    })
                })
                .collect();
        }
        body
    }

    /// All calls there are.
    fn channels(&self, asked: &Asked<'_>) -> Value {
        let full = asked.is("full");
        let server = &self.profile.pbx_server;
        let mut calls = Vec::new();
        for call in self.calls.values() {
            for leg in call.legs.iter().filter(|leg| !leg.ended) {
                let id = format!("{server}:{}", leg.channel);
                calls.push(if full {
                    let session = leg.session.as_ref().unwrap_or(&call.session);
                    json!({"call": id, "handler": {
                        "channelId": leg.channel, "sessionId": session, "channelClosed": false,
                    }})
                } else {
                    json!(id)
                });
            }
        }
        calls.into()
    }

    /// One page of a list.
    fn page(&self, asked: &Asked<'_>, key: &str, list: Vec<Value>) -> Value {
        let number = |name: &str| asked.get(name).and_then(|text| text.parse::<usize>().ok());
        let (offset, limit) = (
            number("offset").unwrap_or(0),
            number("limit").unwrap_or(500),
        );
        let limit = limit.clamp(1, 1000);
        let total = list.len();
        let items: Vec<Value> = list.into_iter().skip(offset).take(limit).collect();
        let mut body = json!({"offset": offset, "limit": limit, "total": total});
        body[key] = items.into();
        body
    }
}

impl Asked<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn is(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }
}

fn error(status: u16, word: &str) -> Answer {
    Answer {
        status,
        body: json!({"error": word}),
    }
}
