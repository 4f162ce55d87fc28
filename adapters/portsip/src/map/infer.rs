//! What the state of an extension says about calls: it names none, so only when exactly one fits.

use std::time::Duration;

use model::{Basis, Fact, LegState, Text, observation::LegPatch, source::Variable};

use super::{
    Translator,
    end::Ending,
    extension::user,
    read,
    session::{Aim, Service, Session, Track},
    tell::{self, Telling},
};
use crate::wire::ExtensionHold;

/// An extension that becomes busy so soon after it started a call is busy with that one.
const FRESH: Duration = Duration::from_secs(2);

impl Translator {
    /// An extension rings: the only call on its way to or from it rings there.
    pub(super) fn rings(&mut self, tell: &mut Telling, number: &Text) {
        let tenant = tell.tenant.clone();
        let fits = |session: &&Session| {
            let left = was_left(session, number) || session.doubts(number);
            !session.answered && is_about(session, number) && !left
        };
        let about = self.sessions.about(tenant.as_ref(), number).filter(fits);
        let fitting: Vec<Text> = about.map(|session| session.key.clone()).collect();
        let key = match fitting.as_slice() {
            [key]
                if !self.a_service_may_ring(tenant.as_ref(), number, key)
                    && !self.may_ring_unheard(number, tell) =>
            {
                key.clone()
            }
            _ => {
                // It may have overtaken the call that it belongs to.
                self.sessions.stray(number, tell.time);
                for key in &fitting {
                    if let Some(mut session) = self.sessions.take(key) {
                        session.doubt(number);
                        self.sessions.put(session, tell.now);
                    }
                }
                return;
            }
        };
        let Some(mut session) = self.sessions.take(&key) else {
            return;
        };
        let rule = "extension_call.ringing.fits_one";
        if session.caller.as_ref() == Some(number) {
            // Asked to call on its behalf, the PBX rings the caller first.
            caller_steps(
                tell,
                &mut session,
                LegState::Initiated,
                LegState::Ringing,
                rule,
            );
            return self.sessions.put(session, tell.now);
        }
        let aim = Aim {
            user: number.clone(),
            device: None,
        };
        let open: Vec<usize> = legs_of(&session, number);
        let (at, patch) = match open.as_slice() {
            [] => {
                let is_service = self.directory.service(tenant.as_ref(), number).is_some();
                if is_service || is_over(&session, number, tell) {
                    return self.sessions.put(session, tell.now);
                }
                self.new_leg(&mut session, &aim, number, false)
            }
            [at] => (*at, LegPatch::default()),
            // Several devices of one extension: which of them rings is not told.
            _ => return self.sessions.put(session, tell.now),
        };
        let track = &mut session.legs[at];
        if track.state == LegState::Initiated {
            track.state = LegState::Ringing;
            track.rang = true;
            track.started_at = track.started_at.or(tell.time);
            let key = track.key.clone();
            self.sessions.set_grace(&mut session, None);
            tell.inferred(
                rule,
                tell::leg(&session, &key, Some(LegState::Ringing), patch),
            );
        }
        self.sessions.put(session, tell.now);
    }

    /// Whether a service may ring an extension for another call than this one. A queue rings its agents only.
    fn a_service_may_ring(&self, tenant: Option<&Text>, number: &Text, but: &Text) -> bool {
        let is_agent = self.directory.may_be_agent(number);
        let mut others = self.sessions.unanswered(tenant);
        others.any(|session| {
            let there = || {
                let place = session.latest.as_ref().or(session.callee.as_ref())?;
                self.directory.service_at(tenant, place)
            };
            let rings = match session.service().or_else(there) {
                Some(Service::Queue) => is_agent,
                Some(Service::Other) => true,
                None => false,
            };
            rings && session.key != *but
        })
    }

    /// Whether an extension may ring for a call of which nothing was heard, since it began in a gap: a service has it.
    fn may_ring_unheard(&self, number: &Text, tell: &Telling) -> bool {
        self.unheard_until
            .is_some_and(|until| tell.now.mono < until)
            && self.directory.may_be_rung_by_service(number)
    }

    /// An extension is busy: it has answered the only call that rings it. One that did not ring has more likely dialled.
    pub(super) fn picks_up(&mut self, tell: &mut Telling, number: &Text) {
        let tenant = tell.tenant.clone();
        let fits = |session: &&Session| {
            let legs = || {
                let legs = session.legs.iter();
                legs.filter(|leg| leg.is_open() && leg.user == *number)
            };
            let calls = session.caller.as_ref() == Some(number);
            let rings = !session.answered && legs().any(|leg| leg.rang && !leg.stale);
            let alerted = rings
                || legs().any(|leg| leg.answered)
                || (calls && session.caller_state != Some(LegState::Initiated));
            alerted || (calls && is_fresh(session, tell))
        };
        let Some(key) = only(self.sessions.about(tenant.as_ref(), number).filter(fits)) else {
            return;
        };
        let Some(mut session) = self.sessions.take(&key) else {
            return;
        };
        let rule = "extension_call.on_call.fits_one";
        if session.caller.as_ref() == Some(number) {
            // Who dials is busy at once; only who was rung first has picked up. Neither is an answer.
            caller_steps(
                tell,
                &mut session,
                LegState::Ringing,
                LegState::Connected,
                rule,
            );
            return self.sessions.put(session, tell.now);
        }
        // With several devices of one extension, which of them answered is not told.
        if let [at] = legs_of(&session, number).as_slice() {
            let how = (Basis::Inferred, rule);
            self.connect(tell, &mut session, *at, LegPatch::default(), how);
        }
        self.sessions.put(session, tell.now);
    }

    /// An extension is in no call: the only leg that was concluded to be its own is over.
    pub(super) fn idles(&mut self, tell: &mut Telling, number: &Text) {
        let tenant = tell.tenant.clone();
        let fits = |session: &&Session| {
            let mut legs = session.legs.iter();
            legs.any(|leg| is_concluded(leg, number) && leg.started_at <= tell.time)
        };
        let Some(key) = only(self.sessions.about(tenant.as_ref(), number).filter(fits)) else {
            return;
        };
        let Some(mut session) = self.sessions.take(&key) else {
            return;
        };
        if let Some(at) = session
            .legs
            .iter()
            .position(|leg| is_concluded(leg, number))
        {
            let leg = &session.legs[at];
            let mut end = Ending {
                answered: leg.answered,
                rang: leg.rang,
                ..Ending::default()
            }
            .end();
            end.basis = Basis::Inferred;
            let rule = "extension_call.idle.fits_one";
            self.end_leg(
                tell,
                &mut session,
                at,
                LegPatch::default(),
                end,
                (Basis::Inferred, rule),
            );
        }
        self.sessions.put(session, tell.now);
    }

    /// `extension_hold`: names both ends and no session.
    pub(super) fn extension_hold(
        &mut self,
        tell: &mut Telling,
        held: bool,
        hold: &ExtensionHold<'_>,
    ) {
        let (Some(number), peer) = (user(&hold.extension), user(&hold.peer_extension)) else {
            return tell.missing("extension");
        };
        let tenant = tell.tenant.clone();
        let id = read::id(&hold.extension_id);
        self.directory.note_extension(tenant.as_ref(), &number, id);
        if let Some(peer) = &peer {
            let id = read::id(&hold.peer_extension_id);
            self.directory.note_extension(tenant.as_ref(), peer, id);
        }
        let fits = |session: &&Session| {
            let there = |number| is_about(session, number) || !legs_of(session, number).is_empty();
            there(&number) && peer.as_ref().is_none_or(there)
        };
        let key = only(self.sessions.about(tenant.as_ref(), &number).filter(fits));
        if let Some(mut session) = key.and_then(|key| self.sessions.take(&key)) {
            let aim = Aim {
                user: number,
                device: None,
            };
            let rule = "extension_hold.fits_one";
            self.hold(tell, &mut session, &aim, held, Basis::Inferred, rule);
            return self.sessions.put(session, tell.now);
        }
        let fact = Fact::Variable(Box::new(Variable {
            scope: "call".into(),
            name: "hold".into(),
            value: serde_json::json!({"held": held, "extension": &*number, "peer": peer.as_deref()}),
            owner: read::text(&hold.call_id).map(Into::into),
        }));
        tell.native("extension_hold", fact);
    }
}

/// The key of the only session, if it is the only one.
/// The caller's own leg goes a step further, when it stands where the step begins.
fn caller_steps(
    tell: &mut Telling,
    session: &mut Session,
    from: LegState,
    to: LegState,
    rule: &'static str,
) {
    if session.caller_state == Some(from) {
        session.caller_state = Some(to);
        let leg = session.caller_leg();
        tell.inferred(
            rule,
            tell::leg(session, &leg, Some(to), LegPatch::default()),
        );
    }
}

pub(super) fn only<'s>(mut sessions: impl Iterator<Item = &'s Session>) -> Option<Text> {
    match (sessions.next(), sessions.next()) {
        (Some(session), None) => Some(session.key.clone()),
        _ => None,
    }
}

/// True when the extension has stopped ringing in this call, which so has gone elsewhere.
fn was_left(session: &Session, number: &Text) -> bool {
    let mut legs = session.legs.iter();
    legs.any(|leg| !leg.is_open() && !leg.native && leg.user == *number)
}

fn is_about(session: &Session, number: &Text) -> bool {
    session.numbers().any(|known| known == number)
}

fn legs_of(session: &Session, number: &Text) -> Vec<usize> {
    let legs = session.legs.iter().enumerate();
    legs.filter(|(_, leg)| leg.is_open() && leg.user == *number)
        .map(|(at, _)| at)
        .collect()
}

/// True when a leg there has ended since: the message comes late.
fn is_over(session: &Session, number: &Text, tell: &Telling) -> bool {
    let ended = |leg: &Track| leg.end.as_ref().is_some_and(|(time, _)| *time >= tell.time);
    session
        .legs
        .iter()
        .any(|leg| leg.user == *number && ended(leg))
}

fn is_concluded(leg: &Track, number: &Text) -> bool {
    leg.is_open() && !leg.native && leg.user == *number && leg.service.is_none()
}

fn is_fresh(session: &Session, tell: &Telling) -> bool {
    let (Some(started), Some(now)) = (session.started_at, tell.time) else {
        return false;
    };
    // The PBX tells whole seconds, so a call of 2.9 s may look like one of 2.
    started <= now.after(FRESH) && now.before(FRESH) <= started
}
