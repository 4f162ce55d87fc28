//! Calls as such: start, change, hold, end.

use model::{
    Direction, Fact, Native, Party,
    event::TransferKind,
    observation::{CallPatch, LegPatch},
};

use super::{
    Translator,
    directory::Side,
    read,
    session::Session,
    tell::{self, Telling},
    words,
};
use crate::wire::{CallInfo, Scalar};

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
            session.callee = number(&info.callee);
            session.latest = session.callee.clone();
            patch.native.merge(&routed_to(session.latest.as_deref()));
            self.joined(tell, &mut session, patch);
            self.caller_leg(tell, &mut session, &info.caller);
            return self.sessions.put(session, tell.now);
        }
        let route = self.moved_to(tell, &mut session, info, &patch);
        self.caller_changed(tell, &mut session, info, &patch);
        // As dialled they stay, whoever is there now.
        let same = |party: &Option<Party>, known: &Option<model::Text>, told: &Scalar<'_>| {
            party
                .clone()
                .filter(|_| known.is_none() || *known == number(told))
        };
        patch.callee = same(&patch.callee, &session.callee, &info.callee);
        patch.caller = same(&patch.caller, &session.called_by, &info.caller);
        let to = route.as_ref().and_then(|route| route.number.as_deref());
        patch.native.merge(&routed_to(to));
        patch.route = route;
        let news = news(&session.patch, &patch);
        session.patch = merged(&session.patch, &patch);
        if let Some(patch) = news {
            tell.native("call_update_info", tell::call(&session, false, patch));
        }
        session.callee = session.callee.take().or_else(|| number(&info.callee));
        self.caller_leg(tell, &mut session, &info.caller);
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
        // Whoever hands a call on may be told to have left before the call is told to have moved.
        let legs = &session.legs;
        let talked =
            |n: &usize| legs[*n].answered && legs[*n].service.is_none() && !legs[*n].handed_on;
        let latest = |open: bool| {
            (0..legs.len())
                .rev()
                .filter(talked)
                .find(|n| legs[*n].is_open() || !open)
        };
        if let Some(n) = latest(true).or_else(|| latest(false)) {
            let leg = &mut session.legs[n];
            leg.handed_on = true;
            let key = leg.key.clone();
            let from = self
                .directory
                .party(session.tenant.as_ref(), &leg.user, None, Side::Either);
            let fact = Fact::Transferred {
                call: session.key.clone(),
                kind: TransferKind::Unknown,
                from: Some(from),
                to: patch.callee.clone(),
                related: None,
            };
            tell.inferred("call_update_info.callee_after_answer", fact);
            if session.legs[n].is_open() {
                let patch = LegPatch {
                    native: tell::native(&[("transferred_to", Some(&callee))]),
                    ..LegPatch::default()
                };
                let fact = tell::leg(session, &key, None, patch);
                tell.inferred("call_update_info.callee_after_answer", fact);
            }
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
            let known = session.patch.caller.clone();
            let from = match known {
                Some(party) if session.called_by.as_ref() == Some(&before) => party,
                _ => self
                    .directory
                    .party(session.tenant.as_ref(), &before, None, Side::Either),
            };
            let fact = Fact::Transferred {
                call: session.key.clone(),
                kind: TransferKind::Unknown,
                from: Some(from),
                to: patch.caller.clone(),
                related: None,
            };
            tell.inferred("call_update_info.caller", fact);
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
