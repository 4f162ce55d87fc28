//! What a channel tells of its call, as far as it is news.

mod leg;

use model::{Direction, Fact, Native, Text, observation::CallPatch};
use serde_json::json;

use super::{Translator, leg::Call, people::unknown_fields, read, tell::Telling};
use crate::wire::{self, Activity, Channel, EndUser, Entity};

/// Entries of the address book that are kept of a call.
const MAX_CONTACTS: usize = 8;
/// The most bytes of what Whoscall says.
const MAX_WHOSCALL: usize = 2_048;

impl Translator {
    /// Who calls whom, of a leg that a call begins with.
    pub(super) fn sides(&mut self, channel: &Channel<'_>, call: &mut Call, patch: &mut CallPatch) {
        let outbound = channel.direction.as_deref() == Some("outbound");
        let external = channel.peer_location.as_deref() == Some("external");
        let caller = self.leg_party(channel);
        if !caller.is_empty() {
            call.caller.merge(&caller);
            patch.caller = Some(caller);
        }
        if outbound {
            // The PBX calls somebody first: whom for, it says when they answer.
            return;
        }
        if let Some(number) = read::text(&channel.called_number)
            && read::pseudo(number).is_none()
        {
            let mut callee = self.directory.party(number, None);
            if let Some(told) = channel
                .target
                .as_ref()
                .and_then(|target| self.target_party(target))
            {
                let dialled = callee.number.clone();
                callee.merge(&told);
                callee.number = dialled;
            }
            call.callee.merge(&callee);
            patch.callee = Some(callee);
        }
        let told = if external {
            if !call.has_did {
                patch.did = did(channel).map(|did| self.directory.public(did));
                call.has_did = patch.did.is_some();
            }
            Some(match channel.state.as_ref().map(|state| &state.activity) {
                Some(Activity::Calling { location, .. }) if location.as_deref() == Some("ext") => {
                    Direction::Transit
                }
                _ => Direction::Inbound,
            })
        } else {
            match channel.state.as_ref().map(|state| &state.activity) {
                Some(Activity::Calling { location, .. }) => direction_to(location.as_deref()),
                _ => {
                    let number = read::text(&channel.called_number);
                    let inside =
                        number.is_some_and(|number| self.directory.inside(number).is_some());
                    inside.then_some(Direction::Internal)
                }
            }
        };
        if let Some(direction) = told.filter(|_| call.direction == Direction::Unknown) {
            call.direction = direction;
            patch.direction = Some(direction);
        }
    }

    /// What a message tells of the call as a whole, as far as it is news.
    pub(super) fn describe_call(
        &mut self,
        tell: &mut Telling,
        uuid: &Text,
        entity: &Entity<'_>,
        channel: &Channel<'_>,
    ) {
        let Some(key) = self.calls.leg(uuid).map(|leg| leg.call.clone()) else {
            return;
        };
        let Some(mut call) = self.calls.call(&key).cloned() else {
            return;
        };
        let mut patch = CallPatch::default();
        let before = (call.caller.clone(), call.callee.clone());
        if call.root == *uuid {
            self.sides(channel, &mut call, &mut patch);
            if before.0 == call.caller {
                patch.caller = None;
            }
            if before.1 == call.callee {
                patch.callee = None;
            }
            patch.native = origination(channel);
            unknown_fields(&mut patch.native, entity);
        }
        if let Some(end_user) = &channel.end_user {
            patch.native.set("end_user", contacts(end_user));
        }
        if let Some(whoscall) = whoscall(channel) {
            patch.native.set("whoscall", whoscall);
        }
        // Another leg of a call that the PBX began tells whom it is for.
        if call.root != *uuid && call.direction == Direction::Unknown {
            let external = channel.peer_location.as_deref() == Some("external");
            let direction = if external {
                Direction::Outbound
            } else {
                Direction::Internal
            };
            call.direction = direction;
            patch.direction = Some(direction);
            if call.callee.is_empty() {
                let party = self.leg_party(channel);
                call.callee = party.clone();
                patch.callee = Some(party).filter(|party| !party.is_empty());
            }
        }
        patch.native = fresh(&call.native, &patch.native);
        if patch != CallPatch::default() {
            call.native.merge(&patch.native);
            let fact = Fact::Call {
                call: key.clone(),
                opens: false,
                patch: Box::new(patch),
            };
            tell.native_at("channel", call.started, fact);
        }
        if let Some(known) = self.calls.call_mut(&key) {
            (known.caller, known.callee) = (call.caller, call.callee);
            (known.direction, known.native) = (call.direction, call.native);
            known.has_did = call.has_did;
        }
    }
}

/// The direction of a call that somebody inside makes to there.
pub(super) fn direction_to(location: Option<&str>) -> Option<Direction> {
    match location {
        Some("int") => Some(Direction::Internal),
        Some("ext") => Some(Direction::Outbound),
        _ => None,
    }
}

/// The public number that was dialled. What was dialled may be known before it is known where from.
fn did<'c>(channel: &'c Channel<'_>) -> Option<&'c str> {
    if let Some(target) = &channel.target {
        return read::text(&target.address);
    }
    let dialled = read::text(&channel.called_number).filter(|_| channel.state.is_some());
    dialled.filter(|number| read::pseudo(number).is_none())
}

fn origination(channel: &Channel<'_>) -> Native {
    let mut native = Native::new();
    let parts: Vec<String> = channel
        .origination
        .parts()
        .take(16)
        .map(|part| read::cut(&part).to_owned())
        .collect();
    if !parts.is_empty() {
        native.set("origination", json!(parts));
    }
    if let Some(target) = &channel.target {
        let pairs = [
            ("kind", read::text(&target.kind)),
            ("name", read::text(&target.name)),
            ("address", read::text(&target.address)),
        ];
        let mut shown = serde_json::Map::new();
        for (name, value) in pairs {
            if let Some(value) = value {
                shown.insert(name.to_owned(), json!(value));
            }
        }
        if let Some(id) = target.id {
            shown.insert("id".to_owned(), json!(id.to_string()));
        }
        native.set("target", serde_json::Value::Object(shown));
    }
    native
}

/// The entries of the address book that fit a caller.
fn contacts(end_user: &EndUser<'_>) -> serde_json::Value {
    let items: Vec<_> = end_user
        .contacts()
        .take(MAX_CONTACTS)
        .map(|contact| {
            json!({
                "id": read::cut(&contact.id), "name": read::cut(&contact.name),
                "organization": read::cut(&contact.organization), "avatar": read::cut(&contact.avatar),
                "prefecture": read::cut(&contact.prefecture),
            })
        })
        .collect();
    // Of several only some may have been sent, and what is no number says nothing.
    let count = end_user.count().max(items.len() as u64);
    json!({"count": count, "items": items})
}

fn whoscall(channel: &Channel<'_>) -> Option<serde_json::Value> {
    let told = channel
        .whoscall
        .as_deref()
        .or_else(|| channel.other_info.as_ref()?.whoscall.as_deref())?;
    if told.trim().is_empty() || told.len() > MAX_WHOSCALL {
        return None;
    }
    let text = wire::percent_decode(told);
    Some(serde_json::from_str(&text).unwrap_or_else(|_| json!(text)))
}

/// The attributes that are not known yet.
fn fresh(known: &Native, told: &Native) -> Native {
    let mut fresh = Native::new();
    for (name, value) in told.iter() {
        if known.get(name) != Some(value) {
            fresh.set(name, value.clone());
        }
    }
    fresh
}
