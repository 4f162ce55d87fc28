//! The steps that each call tells up to v16.1: established, re-routed, held, over.

use std::time::Duration;

use model::{
    Basis, Fact, LegRole, LegState,
    observation::{CallPatch, LegPatch},
};

use super::{
    Translator,
    call::{merged, number, routed_to},
    end::Ending,
    read,
    session::{Aim, Session},
    tell::{self, Telling},
};
use crate::wire::{CallHold, CallStep, Target};

/// How long an end waits for the record that says why.
const SETTLE: Duration = Duration::from_secs(1);

impl Translator {
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
            native: routed_to(Some(&target)),
            ..CallPatch::default()
        };
        if let Some(leg) = session.talked_last(&target) {
            self.handed_on(tell, session, leg, &target, "call_reroute.after_answer");
        }
        session.latest = Some(target);
        session.patch = merged(&session.patch, &patch);
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
        // Of a call that was not heard from its start, or through a gap, an answer may be unheard.
        let heard = session.opened && !session.gapped;
        let hung_up = step == CallStep::Ended && !session.answered && heard;
        let ending = Ending {
            reason: hung_up.then_some("cancelled"),
            status,
            sip: read::sip_failure(&body.fail_code),
            answered: session.answered,
            // An unanswered call has been ringing, or it would have failed.
            rang: (rang && (heard || step != CallStep::Ended)) || step == CallStep::NoAnswer,
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
            None => {
                let (at, mut patch) = self.new_leg(session, aim, &aim.user, false);
                // Without a known caller it may be either end.
                if session.caller.is_none() && patch.role == Some(LegRole::Callee) {
                    patch.role = None;
                }
                (at, patch)
            }
        };
        let track = &mut session.legs[at];
        if track.state == state {
            return;
        }
        let is_person = track.service.is_none();
        track.state = state;
        track.answered = true;
        track.started_at = track.started_at.or(tell.time);
        let key = track.key.clone();
        session.answered |= is_person;
        let fact = tell::leg(session, &key, Some(state), patch);
        tell.say(basis, rule, tell.time, fact);
    }
}
