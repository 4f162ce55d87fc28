//! Calls as such: start, change, hold, end.

use model::{Direction, Native, Party, observation::CallPatch};

use super::{
    Translator,
    directory::Side,
    read,
    session::Session,
    tell::{self, Telling},
    words,
};
use crate::wire::{CallInfo, Scalar};

/// The called side is told to be somebody else than whoever answered.
const AFTER_ANSWER: &str = "call_update_info.callee_after_answer";

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
        let mut news = news(&session.patch, &patch);
        if !session.opened {
            // Even without news it is the start, and its time the true one.
            news = news.or_else(|| Some(CallPatch::default()));
        }
        session.patch = merged(&session.patch, &patch);
        session.callee = number(&info.callee).or(session.callee);
        if let Some(callee) = session.callee.clone()
            && self.sessions.strayed(&callee, tell.time)
        {
            session.doubt(&callee);
        }
        let before = session.caller.clone();
        if let Some(caller) = number(&info.caller) {
            if session.caller == session.called_by {
                session.caller = Some(caller.clone());
            }
            session.called_by = Some(caller);
        }
        session.started_at = tell.time.or(session.started_at);
        if let Some(patch) = news {
            tell.native("call_start", tell::call(&session, true, patch));
            session.opened = true;
            let told = session.caller_state.is_some();
            self.caller_leg(tell, &mut session, &info.caller);
            if told && session.caller != before {
                let party = session.patch.caller.clone().unwrap_or_default();
                let leg = session.caller_leg();
                let fact = tell::leg(&session, &leg, None, tell::party(party));
                tell.native("call_start.caller", fact);
            }
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
            // Where the call is now need not be what was dialled.
            patch.callee = None;
            if let Some(callee) = number(&info.callee) {
                let mut route = self.directory.route(session.tenant.as_ref(), &callee);
                route.name = read::text(&info.callee_display_name).map(Into::into);
                patch.route = Some(route);
                patch.native.merge(&routed_to(Some(&callee)));
                session.latest = Some(callee);
            }
            self.joined(tell, &mut session, patch);
            self.caller_leg(tell, &mut session, &info.caller);
            return self.sessions.put(session, tell.now);
        }
        let route = self.moved_to(tell, &mut session, info);
        self.caller_changed(tell, &mut session, info, &patch);
        // As dialled they stay, whoever is there now.
        let same = |known: &Option<model::Text>, told: &Scalar<'_>| *known == number(told);
        patch.callee = patch.callee.filter(|_| same(&session.callee, &info.callee));
        patch.caller = patch
            .caller
            .filter(|_| session.called_by.is_none() || same(&session.called_by, &info.caller));
        let to = route.as_ref().and_then(|route| route.number.as_deref());
        patch.native.merge(&routed_to(to));
        patch.route = route;
        let news = news(&session.patch, &patch);
        session.patch = merged(&session.patch, &patch);
        if let Some(patch) = news {
            tell.native("call_update_info", tell::call(&session, false, patch));
        }
        self.caller_leg(tell, &mut session, &info.caller);
        self.sessions.put(session, tell.now);
    }

    /// Where the call is now, when it is not where it was.
    fn moved_to(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        info: &CallInfo<'_>,
    ) -> Option<model::Route> {
        let callee = number(&info.callee)?;
        let before = session.latest.as_ref().or(session.callee.as_ref());
        if before == Some(&callee) {
            return None;
        }
        let mut route = self.directory.route(session.tenant.as_ref(), &callee);
        route.name = read::text(&info.callee_display_name).map(Into::into);
        session.sent_to = route.name.clone().map(|name| (callee.clone(), name));
        // Whoever hands a call on may be told to have left before the call is told to have moved.
        if let Some(leg) = session.talked_last(&callee) {
            self.handed_on(tell, session, leg, &callee, AFTER_ANSWER);
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
        if let Some(before) = session.caller.take() {
            let (kind, asked) = self.kind_of(session, &before, &caller, tell);
            if session.is_first_handover(&before, &caller) {
                let name = read::text(&info.caller_display_name).map(Into::into);
                session.sent_to = name.map(|name| (caller.clone(), name));
                let parties = (kind, &before, &caller);
                self.transferred(
                    tell,
                    session,
                    parties,
                    asked.as_ref(),
                    "call_update_info.caller",
                );
            }
            let party = patch.caller.clone().unwrap_or_default();
            let fact = tell::leg(session, &session.caller_leg(), None, tell::party(party));
            tell.native("call_update_info.caller", fact);
            session.caller = Some(caller);
        }
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

/// Where the call was sent last, to be known after a restart.
pub(super) fn routed_to(number: Option<&str>) -> Native {
    tell::native(&[("routed_to", number)])
}

/// What of a message is new, if anything is.
fn news(known: &CallPatch, told: &CallPatch) -> Option<CallPatch> {
    let all = merged(known, told);
    let mut native = Native::new();
    for (name, value) in told.native.iter() {
        if known.native.get(name) != Some(value) {
            native.set(name, value.clone());
        }
    }
    fn changed<T: PartialEq + Clone>(
        all: &Option<T>,
        known: &Option<T>,
        told: &Option<T>,
    ) -> Option<T> {
        told.clone().filter(|_| all != known)
    }
    let news = CallPatch {
        direction: changed(&all.direction, &known.direction, &told.direction),
        caller: changed(&all.caller, &known.caller, &told.caller),
        callee: changed(&all.callee, &known.callee, &told.callee),
        did: changed(&all.did, &known.did, &told.did),
        trunk: changed(&all.trunk, &known.trunk, &told.trunk),
        route: changed(&all.route, &known.route, &told.route),
        native,
    };
    (news != CallPatch::default()).then_some(news)
}

/// What is known after a message.
pub(super) fn merged(old: &CallPatch, new: &CallPatch) -> CallPatch {
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
