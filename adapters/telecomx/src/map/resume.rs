//! Going on after a restart: sessions out of calls, numbers out of extensions and queues.

use std::time::Duration;

use adapter::{Output, Resume};
use bytes::Bytes;
use model::{
    Call, Leg as CallLeg, LegRole, LegState, MemoChange, Now, Party, Text, Timestamp,
    observation::CallPatch,
};

use super::{
    Translator, directory,
    session::{Leg, Session, moved_key},
    tell::Telling,
    trunk::Trunk,
};

/// The memo's keys: further ids of a session.
const NAMES: &str = "names/";

impl Translator {
    pub(super) fn resume(&mut self, resume: &Resume) {
        for extension in &resume.extensions {
            let told = directory::Extension {
                number: Some(extension.number.clone()),
                name: extension.name.clone(),
                user: extension.native.text("employee_id").map(Into::into),
                user_name: None,
                state: None,
            };
            self.directory.learn_extension(extension.id.key(), told);
        }
        for queue in &resume.queues {
            self.directory
                .learn_queue(queue.id.key(), queue.number.clone());
        }
        for agent in &resume.agents {
            if let Some(extension) = &agent.extension.id {
                self.directory
                    .member(extension.key(), agent.queue.id.key(), true);
            }
        }
        let now = Now {
            mono: Duration::ZERO,
            wall: Timestamp::default(),
        };
        for device in &resume.devices {
            self.registrations.resume(device, now);
        }
        let mut calls: Vec<&Call> = resume
            .calls
            .iter()
            .map(|call| &**call)
            .filter(|call| call.is_open() && call.source == self.source)
            .collect();
        calls.sort_by_key(|call| (call.started_at, call.id.clone()));
        for call in calls {
            self.had_before = true;
            if call.native.get("session_id").is_none()
                && let Some(id) = call.native.text("callid")
            {
                let mut trunk = Trunk::new(call.native.text("customer").map(Into::into), now);
                trunk.patch = patch_of(call);
                trunk.started_at = call.started_at;
                trunk.answered_at = call.answered_at;
                trunk.alone = true;
                self.trunks.resume(id.into(), trunk);
                continue;
            }
            self.session_again(call, resume, now);
        }
        // Of calls that were given up, or whose end was told while nobody noted it.
        let left = resume.memo.keys().filter(|key| {
            let session = key.strip_prefix(NAMES);
            session.is_some_and(|session| self.sessions.get(session).is_none())
        });
        self.left_over = left.cloned().collect();
    }

    /// The memo lets go of what no session needs any more.
    pub(super) fn forget_left_over(&mut self, out: &mut Output) {
        let left = self.left_over.drain(..);
        let forgotten = left.map(|key| MemoChange { key, value: None });
        out.memo.extend(forgotten);
    }

    fn session_again(&mut self, call: &Call, resume: &Resume, now: Now) {
        let key: Text = call.id.key().into();
        let tenant = call.native.text("customer").map(Into::into);
        let mut session = self.sessions.create(&key, tenant, now);
        session.stale = true;
        session.gapped = true;
        session.patch = patch_of(call);
        session.direction = session.patch.direction;
        session.from_outside = session.direction.map(|d| d == model::Direction::Inbound);
        for leg in &call.legs {
            if leg.role == LegRole::Service {
                continue;
            }
            let leg = leg_of(leg);
            // One that moved is in two calls; it belongs to the one that it goes on in.
            if leg.is_open() || self.sessions.of_leg(&leg.id).is_none() {
                self.sessions.index_leg(&key, &leg);
            }
            session.add(leg);
        }
        let picked_up = session.caller().is_some_and(|leg| leg.answered);
        session.served = picked_up && !session.called().any(Leg::is_open);
        for name in ["call_id", "callid"] {
            if let Some(id) = call.native.text(name)
                && session.note_call_id(id)
            {
                self.sessions.index_call_id(&key, &id.into());
            }
        }
        // Whoever serves another call has that one's Call-ID, and was told no direction.
        let told = call.native.text("call_id");
        let of = told.and_then(|id| self.sessions.of_call_id(id));
        session.serves_another = session.caller().is_none()
            && session.direction.is_none()
            && of.is_some_and(|of| of != key);
        for related in &call.related_calls {
            session.gained_from.push(related.key().into());
        }
        let waits = call.queue.as_ref().filter(|_| call.answered_at.is_none());
        session.waits_in = waits.map(|queue| queue.id.key().into());
        if let Some(names) = resume.memo.get(&*format!("{NAMES}{key}"))
            && let Ok(names) = serde_json::from_slice::<Vec<String>>(names)
        {
            for name in names {
                self.sessions.alias(&name, &mut session);
            }
        }
        session.lost_a_leg = call.legs.iter().any(|leg| {
            let next = self.source.entity(&moved_key(leg.id.key()));
            !leg.is_open() && leg.other_leg.as_ref() == Some(&next)
        });
        if session.is_deserted() {
            // Its end was waited for when the gateway stopped.
            session.deserted_at = call.legs.iter().filter_map(|leg| leg.ended_at).max();
            session.ended = session.lost_a_leg;
            let deadline = now.mono + self.patience(&session);
            let deadline = (!session.ended).then_some(deadline);
            self.sessions.set_grace(&mut session, deadline);
        }
        self.sessions.put(session, now);
    }

    /// Keeps the further ids of a session over a restart.
    pub(super) fn remember_names(&mut self, tell: &mut Telling, session: &Session) {
        let names: Vec<&str> = session.names.iter().map(|name| &**name).collect();
        let value = serde_json::to_vec(&names).ok().map(Bytes::from);
        tell.memo.push(MemoChange {
            key: format!("{NAMES}{}", session.key).into(),
            value: value.filter(|_| !names.is_empty()),
        });
    }

    /// Forgets them with the session.
    pub(super) fn forget_names(&mut self, tell: &mut Telling, session: &Session) {
        if !session.names.is_empty() {
            tell.memo.push(MemoChange {
                key: format!("{NAMES}{}", session.key).into(),
                value: None,
            });
        }
    }
}

fn patch_of(call: &Call) -> CallPatch {
    let some = |party: &Party| (!party.is_empty()).then(|| party.clone());
    CallPatch {
        direction: Some(call.direction).filter(|d| *d != model::Direction::Unknown),
        caller: some(&call.caller),
        callee: some(&call.callee),
        did: call.did.clone(),
        trunk: call.trunk.clone(),
        route: call.route.clone(),
        native: call.native.clone(),
    }
}

fn leg_of(leg: &CallLeg) -> Leg {
    let key: Text = leg.id.key().into();
    let id = match key.rsplit_once('~') {
        Some((id, n)) if n.bytes().all(|b| b.is_ascii_digit()) => id.into(),
        _ => key.clone(),
    };
    let extension = leg.party.extension.as_ref();
    Leg {
        id,
        key,
        role: leg.role,
        state: leg.state,
        party: leg.party.clone(),
        extension: extension.and_then(|extension| Some(extension.id.as_ref()?.key().into())),
        queue: leg.queue.as_ref().map(|queue| queue.id.key().into()),
        shows: None,
        rang: leg.ringing_at.is_some(),
        answered: leg.answered_at.is_some(),
        handed_on: leg.native.get("transferred_to").is_some(),
        ended_at: (leg.state == LegState::Ended).then_some(Duration::ZERO),
        confirmed: false,
        absences: 0,
    }
}
