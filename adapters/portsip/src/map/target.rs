//! Call targets: the endpoints that a call reaches.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use model::{
    Basis, Cause, End, Fact, LegRole, LegState, RouteKind,
    observation::{LegFact, LegPatch},
};

use super::{
    Translator,
    call::sides,
    directory::Side,
    end::Ending,
    read,
    sessions::{Aim, Service, Session},
    tell::{self, Telling},
};
use crate::wire::{Target, TargetStep};

/// How long a call without any leg is waited for: the record comes, or the next leg.
const GRACE: Duration = Duration::from_secs(5);

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
        if !session.ended && session.first_time(mark(step, &aim, tell)) {
            session.told_targets = true;
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
        tell.native(rule, tell::leg(session, &key, Some(state), patch));
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
        let mut rule = rule;
        let mut basis = Basis::Native;
        if session.find(aim).is_none() && session.has_ended(aim) && body.destination.is_none() {
            return;
        }
        let (at, patch) = match (session.find(aim), session.find_by_host(aim)) {
            (None, Some(at)) => {
                rule = "target_answer.same_address";
                basis = Basis::Inferred;
                (at, LegPatch::default())
            }
            _ => self.find_or_add(session, aim, body),
        };
        self.sessions.set_grace(session, None);
        self.connect(tell, session, at, patch, basis, rule);
    }

    /// Connects a leg, and the caller's with it. Nothing when it is connected already.
    pub(super) fn connect(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        at: usize,
        patch: LegPatch,
        basis: Basis,
        rule: &'static str,
    ) {
        let track = &mut session.legs[at];
        if matches!(
            track.state,
            LegState::Queued | LegState::Connected | LegState::Held
        ) {
            return;
        }
        track.state = match track.service {
            Some(Service::Queue) => LegState::Queued,
            Some(Service::Other) | None => LegState::Connected,
        };
        track.started_at = track.started_at.or(tell.time);
        track.answered = true;
        session.answered |= track.service.is_none();
        let (key, state) = (track.key.clone(), track.state);
        if matches!(
            session.caller_state,
            Some(LegState::Initiated | LegState::Ringing)
        ) {
            session.caller_state = Some(LegState::Connected);
            let leg = session.caller_leg();
            let fact = tell::leg(session, &leg, session.caller_state, LegPatch::default());
            tell.say(basis, "target_answer.caller", tell.time, fact);
        }
        tell.say(
            basis,
            rule,
            tell.time,
            tell::leg(session, &key, Some(state), patch),
        );
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
        let (at, patch) = match session.find(aim).or_else(|| session.find_by_host(aim)) {
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
        let end = ending(session, at, step, read::sip_failure(&body.fail_code));
        self.end_leg(tell, session, at, patch, end, Basis::Native, rule);
    }

    /// Ends a leg; when it was the last, the end of the call is waited for.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different thing, and none goes with another"
    )]
    pub(super) fn end_leg(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        at: usize,
        patch: LegPatch,
        end: End,
        basis: Basis,
        rule: &'static str,
    ) {
        let track = &mut session.legs[at];
        if track.state == LegState::Ended {
            return;
        }
        track.state = LegState::Ended;
        track.started_at = track.started_at.or(tell.time);
        // A rung extension that is idle again may be one of many that a queue tries.
        let conclusive = track.native || track.answered;
        let fact = Fact::Leg(Box::new(LegFact {
            call: session.key.clone(),
            leg: track.key.clone(),
            state: Some(LegState::Ended),
            patch,
            end: Some(end.clone()),
        }));
        session.last_end = Some((tell.time, end));
        tell.say(basis, rule, tell.time, fact);
        if conclusive && session.is_deserted() {
            let deadline = tell.now.mono + GRACE;
            self.sessions.set_grace(session, Some(deadline));
        }
    }

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
            patch.native = tell::native(&[
                ("destination", device),
                ("call_target", read::text(&body.call_target)),
                ("cli", read::text(&body.cli)),
            ]);
            return (at, patch);
        };
        let track = &mut session.legs[at];
        track.native = true;
        if track.device.is_some() || aim.device.is_none() {
            return (at, LegPatch::default());
        }
        // Known by number until now; here is the device.
        track.device = aim.device.clone();
        let patch = LegPatch {
            device: aim.device.clone(),
            native: tell::native(&[("destination", device)]),
            ..LegPatch::default()
        };
        (at, patch)
    }

    /// A new leg and all that is known of it.
    pub(super) fn new_leg(
        &mut self,
        session: &mut Session,
        aim: &Aim,
        told: &str,
        native: bool,
    ) -> (usize, LegPatch) {
        let tenant = session.tenant.clone();
        let route = self.directory.service(tenant.as_ref(), &aim.user);
        let queue = route
            .as_ref()
            .filter(|route| route.kind == RouteKind::Queue)
            .map(|_| {
                self.directory
                    .queue_ref(tenant.as_ref(), Some(&aim.user), None)
            });
        let service = match (&route, &queue) {
            (_, Some(_)) => Some(Service::Queue),
            (Some(_), None) => Some(Service::Other),
            (None, None) => None,
        };
        let (_, side) = sides(session.direction());
        let side = if self.directory.is_extension(tenant.as_ref(), &aim.user) {
            Side::Either
        } else {
            side
        };
        let patch = LegPatch {
            role: Some(if service.is_some() {
                LegRole::Service
            } else {
                LegRole::Callee
            }),
            party: Some(self.directory.party(tenant.as_ref(), told, None, side)),
            device: aim.device.clone(),
            queue,
            route,
            ..LegPatch::default()
        };
        (session.add(aim, service, native), patch)
    }
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
        end.outcome = model::Outcome::Unknown;
        return end;
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
            model::EndedBy::System,
            Basis::Inferred,
        );
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
fn mark(step: TargetStep, aim: &Aim, tell: &Telling) -> u64 {
    let mut hasher = DefaultHasher::new();
    (step, &aim.user, &aim.device, tell.time).hash(&mut hasher);
    hasher.finish()
}
