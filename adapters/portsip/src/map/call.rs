//! Calls as such: start, change, hold, end.

use std::time::Duration;

use adapter::Output;
use model::{
    Basis, Direction, Fact, LegRole, LegState, Now, Party,
    event::TransferKind,
    observation::{CallPatch, LegPatch},
};

use super::{
    Translator,
    directory::Side,
    end::Ending,
    read,
    sessions::{Aim, Session},
    tell::{self, Telling},
    words,
};
use crate::wire::{CallHold, CallInfo, CallStep, Scalar, Target};

/// How long an end waits for the record that says why.
const SETTLE: Duration = Duration::from_secs(1);
/// How far before its first message heard a call may have started by its id.
const MAX_BEFORE: Duration = Duration::from_secs(24 * 3600);

impl Translator {
    /// `call_start`, in either flavour. The second tells little new.
    pub(super) fn call_start(&mut self, tell: &mut Telling, info: &CallInfo<'_>) {
        let Some(mut session) = self.session(tell, &info.session_id) else {
            return;
        };
        if session.ended {
            return self.sessions.put(session, tell.now);
        }
        let patch = self.patch(tell, info);
        let known = merged(&session.patch, &patch);
        let new = !session.opened || known != session.patch;
        session.patch = known;
        session.callee = session.callee.or_else(|| number(&info.callee));
        session.started_at = tell.time.or(session.started_at);
        if new {
            tell.native("call_start", tell::call(&session, true, patch));
            session.opened = true;
            self.caller_leg(tell, &mut session, &info.caller);
        }
        self.sessions.put(session, tell.now);
    }

    /// `call_update_info` says how things are, not what changed.
    pub(super) fn call_update(&mut self, tell: &mut Telling, info: &CallInfo<'_>) {
        let Some(mut session) = self.session(tell, &info.session_id) else {
            return;
        };
        if session.ended {
            return self.sessions.put(session, tell.now);
        }
        let mut patch = self.patch(tell, info);
        if !session.opened && session.patch == CallPatch::default() {
            self.joined(tell, &mut session, patch.clone());
            session.callee = number(&info.callee);
            self.caller_leg(tell, &mut session, &info.caller);
            return self.sessions.put(session, tell.now);
        }
        let route = self.moved_to(tell, &mut session, info, &patch);
        self.caller_changed(tell, &mut session, info, &patch);
        // As dialled they stay, whoever is there now.
        let same = |party: &Option<Party>, known: &Option<model::Text>, told: &Scalar<'_>| {
            party.clone().filter(|_| *known == number(told))
        };
        patch.callee = same(&patch.callee, &session.callee, &info.callee);
        patch.caller = same(&patch.caller, &session.caller, &info.caller);
        if let Some(to) = route.as_ref().and_then(|route| route.number.as_deref()) {
            patch.native.set("routed_to", to);
        }
        patch.route = route;
        let known = merged(&session.patch, &patch);
        if known != session.patch {
            session.patch = known;
            tell.native("call_update_info", tell::call(&session, false, patch));
        }
        self.sessions.put(session, tell.now);
    }

    /// Where the call is now, when it is not where it was.
    fn moved_to(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        info: &CallInfo<'_>,
        patch: &CallPatch,
    ) -> Option<model::Route> {
        let callee = number(&info.callee)?;
        let before = session.latest.as_ref().or(session.callee.as_ref());
        if before == Some(&callee) {
            return None;
        }
        let mut route = self.directory.route(session.tenant.as_ref(), &callee);
        route.name = read::text(&info.callee_display_name).map(Into::into);
        let talking = session
            .legs
            .iter()
            .find(|leg| leg.answered && leg.service.is_none());
        if let Some(leg) = talking {
            let told = leg.device.as_ref().unwrap_or(&leg.user);
            let from = self
                .directory
                .party(session.tenant.as_ref(), told, None, Side::Either);
            let fact = Fact::Transferred {
                call: session.key.clone(),
                kind: TransferKind::Unknown,
                from: Some(Party { uri: None, ..from }),
                to: patch.callee.clone(),
                related: None,
            };
            tell.inferred("call_update_info.callee_after_answer", fact);
        }
        session.latest = Some(callee);
        Some(route)
    }

    /// Another caller than before took over the caller's side.
    fn caller_changed(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        info: &CallInfo<'_>,
        patch: &CallPatch,
    ) {
        let Some(caller) = number(&info.caller) else {
            return;
        };
        if session.caller.as_ref() == Some(&caller) {
            return;
        }
        if session.caller.is_some() {
            let fact = Fact::Transferred {
                call: session.key.clone(),
                kind: TransferKind::Unknown,
                from: session.patch.caller.clone(),
                to: patch.caller.clone(),
                related: None,
            };
            tell.inferred("call_update_info.caller", fact);
            let party = patch.caller.clone().unwrap_or_default();
            let fact = tell::leg(session, &session.caller_leg(), None, tell::party(party));
            tell.native("call_update_info.caller", fact);
        }
        session.caller = Some(caller);
    }

    /// The events that each call has up to v16.1.
    pub(super) fn call_step(&mut self, tell: &mut Telling, step: CallStep, body: &Target<'_>) {
        let Some(mut session) = self.heard_of(tell, body) else {
            return;
        };
        if session.ended {
            return self.sessions.put(session, tell.now);
        }
        match step {
            CallStep::Established => match read::text(&body.call_target) {
                Some(told) => self.answered(
                    tell,
                    &mut session,
                    &Aim::number(told),
                    body,
                    "call_established",
                ),
                None => tell.missing("call_target"),
            },
            CallStep::Reroute => self.rerouted(tell, &mut session, body),
            CallStep::Ended | CallStep::NoAnswer | CallStep::Fail => {
                self.ended(tell, &mut session, step, body);
            }
        }
        self.sessions.put(session, tell.now);
    }

    fn rerouted(&mut self, tell: &mut Telling, session: &mut Session, body: &Target<'_>) {
        let Some(target) = number(&body.call_target).or_else(|| number(&body.destination)) else {
            return tell.missing("call_target");
        };
        if session.latest.as_ref() == Some(&target) {
            return;
        }
        let patch = CallPatch {
            route: Some(self.directory.route(session.tenant.as_ref(), &target)),
            native: tell::native(&[("routed_to", Some(&target))]),
            ..CallPatch::default()
        };
        session.latest = Some(target);
        tell.native("call_reroute", tell::call(session, false, patch));
    }

    fn ended(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        step: CallStep,
        body: &Target<'_>,
    ) {
        let (rule, status) = match step {
            CallStep::NoAnswer => ("call_noanswer", Some("noanswer")),
            CallStep::Fail => ("call_fail", Some("fail")),
            CallStep::Ended | CallStep::Established | CallStep::Reroute => ("call_ended", None),
        };
        let rang = session.legs.iter().any(|leg| leg.rang);
        let hung_up = step == CallStep::Ended && !session.answered;
        let ending = Ending {
            reason: hung_up.then_some("cancelled"),
            status,
            sip: read::sip_failure(&body.fail_code),
            answered: session.answered,
            // An unanswered call has been ringing, or it would have failed.
            rang: rang || step == CallStep::NoAnswer,
            ..Ending::default()
        };
        let mut end = ending.end();
        if step == CallStep::Ended {
            // The message says that it is over; by whom and why, only the record.
            end.native = None;
            end.basis = Basis::Inferred;
        }
        let settle = if self.expects_cdrs {
            SETTLE
        } else {
            Duration::ZERO
        };
        let fact = Fact::CallEnded {
            call: session.key.clone(),
            end: Some(end),
            settle,
        };
        tell.native(rule, fact);
        self.over(session);
    }

    /// `call_hold` and `call_unhold` name who holds, not which leg.
    pub(super) fn call_hold(&mut self, tell: &mut Telling, held: bool, body: &CallHold<'_>) {
        let Some(mut session) = self.session(tell, &body.session_id) else {
            return;
        };
        let Some(told) = read::text(&body.aor) else {
            tell.missing("aor");
            return self.sessions.put(session, tell.now);
        };
        if !session.ended {
            if !session.opened && session.patch == CallPatch::default() {
                self.joined(tell, &mut session, CallPatch::default());
            }
            let rule = if held { "call_hold" } else { "call_unhold" };
            self.hold(
                tell,
                &mut session,
                &Aim::number(told),
                held,
                Basis::Native,
                rule,
            );
        }
        self.sessions.put(session, tell.now);
    }

    /// Puts one side of a call on hold, or off.
    pub(super) fn hold(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        aim: &Aim,
        held: bool,
        basis: Basis,
        rule: &'static str,
    ) {
        let state = if held {
            LegState::Held
        } else {
            LegState::Connected
        };
        if session.caller.as_ref() == Some(&aim.user) {
            if session.caller_state != Some(state) {
                session.caller_state = Some(state);
                let leg = session.caller_leg();
                let fact = tell::leg(session, &leg, Some(state), LegPatch::default());
                tell.say(basis, rule, tell.time, fact);
            }
            return;
        }
        let (at, patch) = match session.find(aim) {
            Some(at) => (at, LegPatch::default()),
            None if session.has_ended(aim) => return,
            None => self.new_leg(session, aim, &aim.user.clone(), false),
        };
        let track = &mut session.legs[at];
        if track.state == state {
            return;
        }
        track.state = state;
        track.answered = true;
        track.started_at = track.started_at.or(tell.time);
        let key = track.key.clone();
        session.answered = true;
        let fact = tell::leg(session, &key, Some(state), patch);
        tell.say(basis, rule, tell.time, fact);
    }

    /// The session a message speaks of, taken out of the store; a new one when it is not known. None when the message
    /// names none, or one that has been over for long.
    pub(super) fn session(&mut self, tell: &mut Telling, id: &Scalar<'_>) -> Option<Box<Session>> {
        let Some(key) = read::id(id) else {
            tell.missing("session_id");
            return None;
        };
        if self.sessions.is_closed(key) {
            return None;
        }
        let session = self.sessions.take(key);
        Some(session.unwrap_or_else(|| Session::new(key, tell.tenant.clone())))
    }

    /// The session of a target or step; a call that is first heard of here has been joined while it was going on.
    pub(super) fn heard_of(
        &mut self,
        tell: &mut Telling,
        body: &Target<'_>,
    ) -> Option<Box<Session>> {
        let mut session = self.session(tell, &body.session_id)?;
        let info = CallInfo {
            session_id: body.session_id.clone(),
            cdr_id: body.cdr_id.clone(),
            direction: body.direction.clone(),
            caller: body.caller.clone(),
            callee: body.callee.clone(),
            did: body.did.clone(),
            outbound_caller_id: body.outbound_caller_id.clone(),
            ..CallInfo::default()
        };
        let bare = session.patch == CallPatch::default();
        if !session.opened && bare && !session.ended {
            let patch = self.patch(tell, &info);
            self.joined(tell, &mut session, patch);
            session.callee = number(&body.callee);
            self.caller_leg(tell, &mut session, &body.caller);
        }
        Some(session)
    }

    /// A call whose start was not heard (yet). Its id says when it began.
    pub(super) fn joined(&mut self, tell: &mut Telling, session: &mut Session, patch: CallPatch) {
        let begun = read::snowflake(&session.key).filter(|begun| {
            let heard = tell.time.unwrap_or(tell.now.wall);
            *begun <= heard.after(Duration::from_secs(1)) && *begun >= heard.before(MAX_BEFORE)
        });
        let (basis, rule, time) = match begun {
            // An id made within the second of the message says nothing that the message does not.
            Some(begun) if tell.time.is_none_or(|told| begun < told) => {
                (Basis::Inferred, "session_id.time", Some(begun))
            }
            _ => (Basis::Native, "session.joined", tell.time),
        };
        session.started_at = time;
        let mut patch = patch;
        patch.native.merge(&tell::native(&[
            ("session_id", Some(&session.key)),
            ("tenant_id", session.tenant.as_deref()),
        ]));
        session.patch = merged(&session.patch, &patch);
        tell.say(basis, rule, time, tell::call(session, false, patch));
    }

    /// The leg that the call comes from: it opens with the call.
    pub(super) fn caller_leg(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        caller: &Scalar<'_>,
    ) {
        session.caller = session.caller.take().or_else(|| number(caller));
        if session.caller_state.is_some() || session.caller.is_none() {
            return;
        }
        session.caller_state = Some(LegState::Initiated);
        let patch = LegPatch {
            role: Some(LegRole::Caller),
            party: session.patch.caller.clone(),
            ..LegPatch::default()
        };
        let leg = session.caller_leg();
        let fact = tell::leg(session, &leg, Some(LegState::Initiated), patch);
        tell.say(Basis::Native, "call_start.caller", session.started_at, fact);
    }

    /// A call is over as far as the map is concerned.
    pub(super) fn over(&mut self, session: &mut Session) {
        session.ended = true;
        for leg in &mut session.legs {
            leg.state = LegState::Ended;
        }
        session.caller_state = Some(LegState::Ended);
        self.sessions.set_grace(session, None);
    }

    /// All legs of a call have ended, and nothing has been heard of it since.
    pub(super) fn deserted(&mut self, mut session: Box<Session>, now: Now, out: &mut Output) {
        let mut tell = Telling::by_timer("silence", now);
        tell.tenant = session.tenant.clone();
        if !session.ended && session.is_deserted() {
            let (time, last) = session.last_end.clone().unzip();
            let end = match last {
                Some(end) if !session.answered => end,
                _ => Ending {
                    answered: session.answered,
                    ..Ending::default()
                }
                .end(),
            };
            let fact = Fact::CallEnded {
                call: session.key.clone(),
                end: Some(model::End {
                    basis: Basis::Inferred,
                    ..end
                }),
                settle: Duration::ZERO,
            };
            tell.say(Basis::Inferred, "target_end.last", time.flatten(), fact);
            self.over(&mut session);
        }
        self.sessions.put(session, now);
        tell.finish_bare(out);
    }

    /// What a message tells of a call.
    pub(super) fn patch(&mut self, tell: &mut Telling, info: &CallInfo<'_>) -> CallPatch {
        let direction = read::text(&info.direction).and_then(|word| {
            let direction = words::direction(word);
            if direction.is_none() {
                tell.strange("direction", word);
            }
            direction
        });
        let tenant = tell.tenant.clone();
        let (from, to) = sides(direction.unwrap_or(Direction::Unknown));
        let mut side = |told: &Scalar<'_>, name: &Scalar<'_>, side| {
            let told = read::text(told)?;
            Some(
                self.directory
                    .party(tenant.as_ref(), told, read::text(name), side),
            )
        };
        CallPatch {
            direction,
            caller: side(&info.caller, &info.caller_display_name, from),
            callee: side(&info.callee, &info.callee_display_name, to),
            did: read::text(&info.did).map(|did| self.directory.public(did)),
            trunk: None,
            route: None,
            native: tell::native(&[
                ("session_id", read::id(&info.session_id)),
                ("tenant_id", tenant.as_deref()),
                ("call_id", read::text(&info.call_id)),
                ("cdr_id", read::id(&info.cdr_id)),
                ("request_id", read::id(&info.request_id)),
                ("outbound_caller_id", read::text(&info.outbound_caller_id)),
                ("user_data", read::text(&info.user_data)),
            ]),
        }
    }
}

/// On which side of the PBX caller and callee stand. A callee inside may be a service as well as an extension.
pub(super) fn sides(direction: Direction) -> (Side, Side) {
    match direction {
        Direction::Internal => (Side::Inside, Side::Either),
        Direction::Inbound => (Side::Outside, Side::Either),
        Direction::Outbound => (Side::Inside, Side::Outside),
        Direction::Transit => (Side::Outside, Side::Outside),
        Direction::Unknown => (Side::Either, Side::Either),
    }
}

/// The user part of an address.
pub(super) fn number(told: &Scalar<'_>) -> Option<model::Text> {
    let user = read::Address::read(read::text(told)?).user;
    (!user.is_empty()).then(|| user.into())
}

fn merged(old: &CallPatch, new: &CallPatch) -> CallPatch {
    let party = |old: &Option<Party>, new: &Option<Party>| match (old, new) {
        (Some(old), Some(new)) => {
            let mut both = old.clone();
            both.merge(new);
            Some(both)
        }
        (old, new) => new.clone().or_else(|| old.clone()),
    };
    let mut native = old.native.clone();
    native.merge(&new.native);
    CallPatch {
        direction: new.direction.or(old.direction),
        caller: party(&old.caller, &new.caller),
        callee: party(&old.callee, &new.callee),
        did: new.did.clone().or_else(|| old.did.clone()),
        trunk: new.trunk.clone().or_else(|| old.trunk.clone()),
        route: new.route.clone().or_else(|| old.route.clone()),
        native,
    }
}
