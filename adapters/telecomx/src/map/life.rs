//! The end of legs and of calls.

use std::time::Duration;

use adapter::Output;
use model::{Basis, Fact, LegRole, LegState, Now, observation::LegPatch};

use super::{Translator, end, session::Session, tell::Telling};

/// How long an end waits for the trunk to say why.
const SETTLE: Duration = Duration::from_secs(1);
/// How long it waits for legs that another server tells of a moment later.
const BREATH: Duration = Duration::from_millis(250);
/// How long a call whose caller's leg was never heard of waits for more.
const UNSURE: Duration = Duration::from_secs(2);

impl Translator {
    /// `CALL_END`.
    pub(super) fn leg_ended(&mut self, tell: &mut Telling, session: &mut Session, at: usize) {
        self.handed_on(tell, session, at);
        let end = end::of_leg(session, at);
        let leg = &mut session.legs[at];
        leg.state = LegState::Ended;
        leg.ended_at = Some(tell.now.mono);
        let state = Some(LegState::Ended);
        let fact = session.leg_end(at, state, LegPatch::default(), Some(end));
        tell.native("CALL_END", fact);
    }

    /// After each event of a session: when all its legs have ended, so has the call, soon.
    pub(super) fn after_step(&mut self, tell: &mut Telling, session: &mut Session) {
        if !session.is_deserted() {
            return self.sessions.set_grace(session, None);
        }
        if session.deserted_at.is_some() {
            return;
        }
        session.deserted_at = Some(tell.now.wall);
        if session.lost_a_leg {
            // The hub ends it with its last leg.
            session.ended = true;
            return self.forget_names(tell, session);
        }
        let wait = self.patience(session);
        let deadline = tell.now.mono + wait;
        self.sessions.set_grace(session, Some(deadline));
    }

    /// How long the end of a call whose legs have all ended is waited with.
    pub(super) fn patience(&self, session: &Session) -> Duration {
        let internal = session.direction == Some(model::Direction::Internal);
        if session.caller().is_none() {
            UNSURE
        } else if self.hears_trunks && !internal && session.trunk_end.is_none() {
            SETTLE
        } else {
            BREATH
        }
    }

    /// All legs of a call have ended, and nothing has been heard of it since.
    pub(super) fn deserted(&mut self, mut session: Box<Session>, now: Now, out: &mut Output) {
        let mut tell = Telling::by_timer("CALL_END", now);
        tell.tenant = session.tenant.clone();
        if !session.ended && session.is_deserted() {
            self.call_over(&mut tell, &mut session);
        }
        self.sessions.put(session, now);
        tell.finish_bare(out);
    }

    pub(super) fn call_over(&mut self, tell: &mut Telling, session: &mut Session) {
        let end = end::of_call(session);
        let basis = end.as_ref().map_or(Basis::Inferred, |end| end.basis);
        let rule = match basis {
            Basis::Native => "CALL_END.trunk",
            Basis::Inferred => "CALL_END.last",
        };
        let fact = Fact::CallEnded {
            call: session.key.clone(),
            end,
            settle: Duration::ZERO,
        };
        tell.say(basis, rule, session.deserted_at, fact);
        session.ended = true;
        self.forget_names(tell, session);
        self.sessions.set_grace(session, None);
    }

    /// Somebody who has answered leaves while the caller stays and another leg has come: he has handed the call on.
    fn handed_on(&mut self, tell: &mut Telling, session: &mut Session, at: usize) {
        let leaving = &session.legs[at];
        if leaving.role != LegRole::Callee || !leaving.answered || leaving.handed_on {
            return;
        }
        let caller_stays = session
            .legs
            .iter()
            .any(|leg| leg.role == LegRole::Caller && leg.is_open());
        if !caller_stays {
            return;
        }
        let heir = (at + 1..session.legs.len()).rev().find(|n| {
            let leg = &session.legs[*n];
            // One that rang before the connection may have stopped unheard.
            leg.role == LegRole::Callee && leg.is_open() && leg.confirmed
        });
        let party = leaving.party.clone();
        match heir {
            Some(heir) => self.blind_transfer(tell, session, at, heir),
            None => session.handed_on_by = Some(party),
        }
    }
}
