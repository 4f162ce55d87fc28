//! Call targets: the endpoints that a call reaches.

use std::hash::{DefaultHasher, Hash, Hasher};

use model::{Basis, Cause, End, EndedBy, LegState, Native, Outcome, observation::LegPatch};

use super::{
    Translator,
    end::Ending,
    read,
    session::{Aim, Service, Session},
    tell::{self, Telling},
};
use crate::wire::{Target, TargetStep};

impl Translator {
    /// `target_*` and `cdr_target_*`.
    pub(super) fn target_step(&mut self, tell: &mut Telling, step: TargetStep, body: &Target<'_>) {
        let Some(mut session) = self.heard_of(tell, body) else {
            return;
        };
        let aim = match (read::text(&body.destination), read::text(&body.call_target)) {
            (Some(device), _) => Aim::new(device),
            (None, Some(number)) => Aim::number(number),
            (None, None) => {
                tell.missing("destination");
                return self.sessions.put(session, tell.now);
            }
        };
        if !session.ended && session.first_time(mark(&(step, &aim, tell.time))) {
            match step {
                TargetStep::Add => {
                    self.reached(tell, &mut session, &aim, body, LegState::Initiated);
                }
                TargetStep::Ringing => {
                    self.reached(tell, &mut session, &aim, body, LegState::Ringing);
                }
                TargetStep::Answer => {
                    self.answered(tell, &mut session, &aim, body, "target_answer");
                }
                TargetStep::NoAnswer | TargetStep::Fail | TargetStep::End => {
                    self.left(tell, &mut session, step, &aim, body);
                }
            }
        }
        self.sessions.put(session, tell.now);
    }

    /// A target is invited, or rings.
    fn reached(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        aim: &Aim,
        body: &Target<'_>,
        state: LegState,
    ) {
        let rule = match state {
            LegState::Ringing => "target_ringing",
            _ => "target_add",
        };
        let (at, patch) = self.find_or_add(session, aim, body);
        let fresh = patch != LegPatch::default();
        let track = &mut session.legs[at];
        let new = patch.role.is_some();
        // That a queue rings tells nothing: it picks up at once.
        let state = match (state, track.service) {
            (LegState::Ringing, Some(Service::Queue)) => LegState::Initiated,
            _ => state,
        };
        let forward = state == LegState::Ringing && track.state == LegState::Initiated;
        if !fresh && !forward {
            return;
        }
        track.started_at = track.started_at.or(tell.time);
        track.rang |= state == LegState::Ringing;
        if forward {
            track.state = state;
        }
        let (key, state) = (track.key.clone(), track.state);
        self.sessions.set_grace(session, None);
        let state = (new || forward).then_some(state);
        tell.native(rule, tell::leg(session, &key, state, patch));
    }

    /// A target has answered: with it the caller is connected, too.
    pub(super) fn answered(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        aim: &Aim,
        body: &Target<'_>,
        rule: &'static str,
    ) {
        let mut how = (Basis::Native, rule);
        if session.find(aim).is_none() && session.has_ended(aim) && body.destination.is_none() {
            return;
        }
        let (at, patch) = match (session.find(aim), session.find_by_host(aim, true)) {
            (None, Some(at)) => {
                how = (Basis::Inferred, "target_answer.same_address");
                (at, LegPatch::default())
            }
            (found, _) => {
                if found.is_none() {
                    self.taken_over(tell, session, aim, rule);
                    self.picked_up(tell, session, aim);
                }
                self.find_or_add(session, aim, body)
            }
        };
        self.connect(tell, session, at, patch, how);
    }

    /// A target is gone.
    fn left(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        step: TargetStep,
        aim: &Aim,
        body: &Target<'_>,
    ) {
        let found = session
            .find(aim)
            .or_else(|| session.find_by_host(aim, false));
        let (at, patch) = match found {
            Some(at) => (at, LegPatch::default()),
            None if session.has_ended(aim) => return,
            None => self.find_or_add(session, aim, body),
        };
        let rule = match step {
            TargetStep::NoAnswer => "target_noanswer",
            TargetStep::Fail => "target_fail",
            TargetStep::End | TargetStep::Add | TargetStep::Ringing | TargetStep::Answer => {
                "target_end"
            }
        };
        // A leg that is first heard of when it ends may have been anything.
        let end = if step == TargetStep::End && patch.role.is_some() {
            Ending::default().end()
        } else {
            ending(session, at, step, read::sip_failure(&body.fail_code))
        };
        self.end_leg(tell, session, at, patch, end, (Basis::Native, rule));
    }

    /// The leg that a message speaks of, or a new one; with what is new about it.
    fn find_or_add(
        &mut self,
        session: &mut Session,
        aim: &Aim,
        body: &Target<'_>,
    ) -> (usize, LegPatch) {
        let device = read::text(&body.destination);
        let Some(at) = session.find(aim) else {
            let told = device
                .or(read::text(&body.call_target))
                .unwrap_or(&aim.user);
            let (at, mut patch) = self.new_leg(session, aim, told, true);
            patch.native = told_as(body);
            return (at, patch);
        };
        // Concluded, or known by number, until now; here is the device.
        let track = &mut session.legs[at];
        let mut patch = LegPatch::default();
        if !std::mem::replace(&mut track.native, true) {
            patch.native = told_as(body);
        }
        if track.device.is_none() && aim.device.is_some() {
            track.device.clone_from(&aim.device);
            patch.device.clone_from(&aim.device);
            patch.native = told_as(body);
        }
        (at, patch)
    }
}

/// How the PBX names a target. That it does is what tells such a leg from one that was concluded.
fn told_as(body: &Target<'_>) -> Native {
    tell::native(&[
        ("destination", read::text(&body.destination)),
        ("call_target", read::text(&body.call_target)),
        ("cli", read::text(&body.cli)),
    ])
}

/// How a leg ended, as far as a target event tells.
fn ending(session: &Session, at: usize, step: TargetStep, sip: Option<u16>) -> End {
    let track = &session.legs[at];
    let status = match step {
        TargetStep::NoAnswer => Some("noanswer"),
        TargetStep::Fail => Some("fail"),
        _ => None,
    };
    if track.service.is_some() && status.is_none() {
        let mut end = Ending {
            answered: track.answered,
            ..Ending::default()
        }
        .end();
        end.outcome = Outcome::Unknown;
        return end;
    }
    if !track.answered && track.handed_on && status.is_none() {
        let cause = Cause::PickedUp;
        let outcome = cause.unanswered_outcome();
        return End::new(cause, outcome, EndedBy::System, Basis::Inferred);
    }
    let elsewhere = session
        .legs
        .iter()
        .any(|other| other.key != track.key && other.answered && other.service.is_none());
    if !track.answered && status != Some("fail") && elsewhere {
        let cause = Cause::AnsweredElsewhere;
        return End::new(
            cause,
            cause.unanswered_outcome(),
            EndedBy::System,
            Basis::Inferred,
        );
    }
    if track.handed_on && status.is_none() {
        let (cause, outcome) = (Cause::Transferred, Outcome::Transferred);
        return End::new(cause, outcome, EndedBy::System, Basis::Inferred);
    }
    let others_ring = session
        .legs
        .iter()
        .any(|other| other.key != track.key && other.is_open() && other.service.is_none());
    if status.is_none() && !track.answered && others_ring {
        // Another may have answered, and that is yet to be told.
        return Ending::default().end();
    }
    if status.is_none() && !track.answered && track.stale {
        // It may have been answered unheard.
        return Ending::default().end();
    }
    let given_up = status.is_none() && !track.answered;
    let end = Ending {
        status,
        reason: given_up.then_some("cancelled"),
        sip,
        answered: track.answered,
        rang: track.rang || step == TargetStep::NoAnswer,
        ..Ending::default()
    }
    .end();
    if given_up {
        return End {
            native: None,
            basis: Basis::Inferred,
            ..end
        };
    }
    end
}

/// Recognises a repeated message.
pub(super) fn mark(message: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.hash(&mut hasher);
    hasher.finish()
}
