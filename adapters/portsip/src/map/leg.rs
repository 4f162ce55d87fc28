//! Legs: who is there, picking up, ending.

use model::{
    Basis, Cause, End, EndedBy, Fact, LegRole, LegState, RouteKind,
    observation::{LegFact, LegPatch},
};

use super::{
    Translator,
    call::sides,
    directory::Side,
    session::{Aim, Service, Session},
    sessions::GRACE,
    tell::{self, Telling},
};

impl Translator {
    /// A new leg and all that is known of it.
    pub(super) fn new_leg(
        &mut self,
        session: &mut Session,
        aim: &Aim,
        told: &str,
        native: bool,
    ) -> (usize, LegPatch) {
        let (service, patch) = self.describe(session, aim, told);
        (session.add(aim, service, native), patch)
    }

    /// Who or what is at a number or device.
    pub(super) fn describe(
        &mut self,
        session: &Session,
        aim: &Aim,
        told: &str,
    ) -> (Option<Service>, LegPatch) {
        let tenant = session.tenant.as_ref();
        let route = self.directory.service(tenant, &aim.user);
        let service = route.as_ref().map(|route| match route.kind {
            RouteKind::Queue => Service::Queue,
            _ => Service::Other,
        });
        let side = if self.directory.is_extension(tenant, &aim.user) {
            Side::Either
        } else {
            sides(session.direction()).1
        };
        let mut party = self.directory.party(tenant, told, None, side);
        if aim.device.is_some() {
            // The address is the device's, not the person's.
            party.uri = None;
        }
        let queue = (service == Some(Service::Queue))
            .then(|| self.directory.queue_ref(tenant, Some(&aim.user), None));
        let role = if service.is_some() {
            LegRole::Service
        } else {
            LegRole::Callee
        };
        let patch = LegPatch {
            role: Some(role),
            party: Some(party),
            device: aim.device.clone(),
            queue,
            route,
            ..LegPatch::default()
        };
        (service, patch)
    }

    /// Connects a leg, and the caller's with it. Nothing when it is connected already.
    pub(super) fn connect(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        at: usize,
        patch: LegPatch,
        (basis, rule): (Basis, &'static str),
    ) {
        let track = &mut session.legs[at];
        if matches!(
            track.state,
            LegState::Queued | LegState::Connected | LegState::Held
        ) {
            if patch != LegPatch::default() {
                let key = track.key.clone();
                let fact = tell::leg(session, &key, None, patch);
                tell.say(basis, rule, tell.time, fact);
            }
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
        self.sessions.set_grace(session, None);
        if matches!(
            session.caller_state,
            Some(LegState::Initiated | LegState::Ringing)
        ) {
            session.caller_state = Some(LegState::Connected);
            let leg = session.caller_leg();
            let fact = tell::leg(session, &leg, session.caller_state, LegPatch::default());
            tell.say(basis, "target_answer.caller", tell.time, fact);
        }
        let fact = tell::leg(session, &key, Some(state), patch);
        tell.say(basis, rule, tell.time, fact);
        self.leave_services(tell, session, at);
    }

    /// Somebody or something else has picked up, so the call has left the services where it was: an IVR that connected
    /// it, a queue that found an agent. Their own ends may never be told.
    fn leave_services(&mut self, tell: &mut Telling, session: &mut Session, except: usize) {
        for at in 0..session.legs.len() {
            let leg = &session.legs[at];
            if at == except || !leg.is_open() || !leg.answered || leg.service.is_none() {
                continue;
            }
            let cause = Cause::Transferred;
            let outcome = cause.unanswered_outcome();
            let end = End::new(cause, outcome, EndedBy::System, Basis::Inferred);
            let how = (Basis::Inferred, "target_answer.left_service");
            self.end_leg(tell, session, at, LegPatch::default(), end, how);
        }
    }

    /// Ends a leg; when it was the last, the end of the call is waited for.
    pub(super) fn end_leg(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        at: usize,
        patch: LegPatch,
        end: End,
        (basis, rule): (Basis, &'static str),
    ) {
        let track = &mut session.legs[at];
        if track.state == LegState::Ended {
            return;
        }
        track.state = LegState::Ended;
        track.started_at = track.started_at.or(tell.time);
        track.end = Some((tell.time, end.clone()));
        let fact = Fact::Leg(Box::new(LegFact {
            call: session.key.clone(),
            leg: track.key.clone(),
            state: Some(LegState::Ended),
            patch,
            end: Some(end),
        }));
        tell.say(basis, rule, tell.time, fact);
        if session.is_deserted() {
            let deadline = tell.now.mono + GRACE;
            self.sessions.set_grace(session, Some(deadline));
        }
    }
}
