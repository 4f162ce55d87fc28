//! The life of a session: first heard of, joined while it went on, over.

use std::time::Duration;

use adapter::Output;
use model::{
    Basis, Fact, LegRole, LegState, Now,
    observation::{CallPatch, LegPatch},
};

use super::{
    Translator,
    call::{merged, number},
    end::Ending,
    read,
    session::Session,
    tell::{self, Telling},
};
use crate::wire::{CallInfo, Scalar, Target};

/// How far before its first message heard a call may have started by its id.
const MAX_BEFORE: Duration = Duration::from_secs(24 * 3600);

impl Translator {
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
        let mut session = session.unwrap_or_else(|| Session::new(key, tell.tenant.clone()));
        session.stale = false;
        Some(session)
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
        session.called_by = session.called_by.take().or_else(|| number(caller));
        session.caller = session.caller.take().or(session.called_by.clone());
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
            let (time, last) = session.last_end().cloned().unzip();
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
}
