//! Calls that live: what lists say of them, and what their silence means.

use std::{collections::HashSet, time::Duration};

use adapter::json::Json;
use model::{
    Basis, Cause, Collection, End, EndedBy, Fact, LegState, Outcome, Text,
    observation::{LegPatch, Scope},
};

use super::Translator;
use crate::{
    map::{
        read::{flag, live_leg, text, time},
        session::{Leg, leg_id},
        tell::Telling,
        transfer::is_at,
        words,
    },
    wire::{self, CallStep, rest},
};

impl Translator {
    /// Calls that live: what events would have told of them. Yields the legs that were named.
    pub(super) fn calls_listed(
        &mut self,
        tell: &mut Telling,
        calls: Vec<rest::Call<'_>>,
    ) -> HashSet<Text> {
        let mut named = HashSet::new();
        if calls.is_empty() {
            return named;
        }
        let scope = Scope {
            collection: Collection::Calls,
            tenant: tell.tenant.clone(),
            within: None,
            complete: false,
        };
        tell.native("snapshot.call", Fact::SnapshotBegin(scope.clone()));
        self.listing = true;
        for call in calls {
            let whole = text(&call.call).and_then(live_leg);
            let (server, channel) = match (text(&call.server), text(&call.channel), whole) {
                (Some(server), Some(channel), _) => (server, channel),
                (_, _, Some(both)) => both,
                _ => continue,
            };
            let id = leg_id(server, channel);
            named.insert(id.clone());
            let known = self.sessions.of_leg(&id);
            if let Some(key) = &known
                && self.confirm_leg(key, &id)
            {
                // Its events are heard, and newer than any list.
                continue;
            }
            let server = server.to_owned();
            let step = step(&call);
            let body = wire::CallLeg {
                channel: Some(channel.to_owned().into()),
                session_id: call
                    .session_id
                    .or_else(|| known.map(|key| key.to_string().into())),
                caller: call.caller,
                caller_name: call.caller_name,
                caller_privacy: call.caller_privacy,
                callee: call.callee,
                callee_name: call.callee_name,
                call_id: call.call_id,
                direction: call.direction,
                leg: call.leg,
                originator: call.originator,
                device: call.device,
                extension: call.extension,
                extension_state: None,
                queue_id: call.queue_id,
                queue_name: call.queue_name,
                hide_other_party: call.hide_other_party,
            };
            if text(&body.session_id).is_none() {
                continue;
            }
            self.call_leg(tell, Some(&server), CallStep::Start, &body);
            if let Some(step) = step {
                self.call_leg(tell, Some(&server), step, &body);
            }
        }
        self.listing = false;
        tell.native("snapshot.call", Fact::SnapshotEnd(scope));
        named
    }

    /// All calls there are: what is not among them may be over.
    pub(super) fn live_calls(&mut self, tell: &mut Telling, body: Json<'_>) -> Option<()> {
        let mut listed: HashSet<Text> = HashSet::new();
        let items = match body {
            Json::Array(items) => items,
            Json::Object(pairs) => pairs.into_iter().find_map(|(_, value)| match value {
                Json::Array(items) => Some(items),
                _ => None,
            })?,
            _ => return None,
        };
        for item in items {
            let id: Option<Text> = match item {
                Json::Text(id) => Some((&*id).into()),
                item => {
                    let call = rest::object::<rest::Call<'_>>(item)?;
                    text(&call.call).map(Into::into).or_else(|| {
                        let channel = text(&call.handler.first()?.channel)?;
                        Some(leg_id(text(&call.server)?, channel))
                    })
                }
            };
            if let Some(id) = id {
                if let Some(key) = self.sessions.of_leg(&id) {
                    self.confirm_leg(&key, &id);
                }
                listed.insert(id);
            }
        }
        self.absent(tell, |id, _| !listed.contains(id));
        Some(())
    }

    /// A list has named a leg. True when that was known.
    pub(super) fn confirm_leg(&mut self, key: &Text, leg: &Text) -> bool {
        let Some(session) = self.sessions.get_mut(key) else {
            return false;
        };
        let Some(at) = session.find(leg) else {
            return false;
        };
        session.stale = false;
        std::mem::replace(&mut session.legs[at].confirmed, true)
    }

    /// Legs from before the link came, of which a list that should name them says nothing. When the second list is
    /// silent too they are over.
    pub(super) fn absent(
        &mut self,
        tell: &mut Telling,
        is_absent: impl Fn(&Text, Option<&Text>) -> bool,
    ) {
        let round = self.sync.round;
        let keys: Vec<Text> = self
            .sessions
            .open()
            .filter(|session| session.legs.iter().any(|leg| !leg.confirmed))
            .map(|session| session.key.clone())
            .collect();
        for key in keys {
            let Some(mut session) = self.sessions.take(&key) else {
                continue;
            };
            let mut lost = false;
            for at in 0..session.legs.len() {
                let leg = &mut session.legs[at];
                let doubted = leg.is_open() && !leg.confirmed;
                if !doubted || !is_absent(&leg.id, leg.extension.as_ref()) {
                    continue;
                }
                if leg.absences + 1 == round {
                    leg.absences = round;
                }
                let absences = leg.absences;
                // The caller's display names somebody else inside: it was transferred, and one list is enough.
                let shown = session.caller().and_then(|caller| caller.shows.as_ref());
                let leg = &session.legs[at];
                let replaced = leg.answered
                    && shown
                        .is_some_and(|shown| self.directory.is_inside(shown) && !is_at(leg, shown));
                if absences < 2 && !replaced {
                    continue;
                }
                let leg = &mut session.legs[at];
                leg.state = LegState::Ended;
                leg.ended_at = Some(tell.now.mono);
                lost = true;
                let fact = session.leg_end(
                    at,
                    Some(LegState::Ended),
                    LegPatch::default(),
                    Some(lost_sight()),
                );
                tell.inferred("snapshot.absent_twice", fact);
            }
            let inside = |leg: &Leg| leg.is_open() && (leg.confirmed || leg.extension.is_some());
            // A caller whom nobody answered may be with a box or a menu, of which no list tells.
            let alone = !session.legs.iter().any(inside) && session.waits_in.is_none();
            if lost && alone && session.is_answered() {
                let fact = Fact::CallEnded {
                    call: session.key.clone(),
                    end: Some(lost_sight()),
                    settle: Duration::ZERO,
                };
                tell.inferred("snapshot.absent_twice", fact);
                session.ended = true;
                self.sessions.set_grace(&mut session, None);
            }
            self.sessions.put(session, tell.now);
        }
    }
}

/// The step that a leg has reached.
fn step(call: &rest::Call<'_>) -> Option<CallStep> {
    if flag(&call.answered) == Some(true) || time(&call.answered).is_some() {
        return Some(CallStep::Answer);
    }
    match &*words::normal(text(&call.state)?) {
        "RINGING" | "RING" => Some(CallStep::Ring),
        "ANSWERED" | "ANSWER" | "CONNECTED" | "UP" | "BUSY" | "TALKING" => Some(CallStep::Answer),
        "HOLD" | "HELD" | "ONHOLD" | "ON_HOLD" => Some(CallStep::Hold),
        _ => None,
    }
}

fn lost_sight() -> End {
    End::new(
        Cause::SourceLost,
        Outcome::Unknown,
        EndedBy::Unknown,
        Basis::Inferred,
    )
}
