//! Extensions: their state, and what it says about calls.

use std::time::Duration;

use model::{
    Basis, ExtensionCallState, Fact, LegState, Presence, Text,
    observation::{AgentPatch, ExtensionPatch, LegPatch, Ref},
    source::Variable,
};

use super::{
    Translator,
    end::Ending,
    read::{self, Address},
    sessions::{Aim, Session, Track},
    tell::{self, Telling},
    words,
};
use crate::wire::{ExtensionAgent, ExtensionHold, ExtensionState, QueueMember, Scalar};

/// A call that started this long before fits an extension that became busy without having rung.
const FRESH: Duration = Duration::from_secs(2);

impl Translator {
    /// `extension_status`: state and registration of several extensions.
    pub(super) fn extension_status(&mut self, tell: &mut Telling, states: &[ExtensionState<'_>]) {
        self.sync.begin_extensions(tell);
        for state in states {
            let time = read::time(&state.time).or(tell.time);
            let Some((number, at, patch)) = self.extension(tell, state) else {
                continue;
            };
            let fact = Fact::Extension {
                at,
                action: None,
                patch: Box::new(patch),
            };
            tell.say(Basis::Native, "extension_status", time, fact);
            self.sync.extension_came(&number);
        }
        self.sync.end_extensions(tell);
    }

    /// `extension_presence`.
    pub(super) fn extension_presence(&mut self, tell: &mut Telling, state: &ExtensionState<'_>) {
        if let Some((_, at, patch)) = self.extension(tell, state) {
            let fact = Fact::Extension {
                at,
                action: None,
                patch: Box::new(patch),
            };
            tell.native("extension_presence", fact);
        }
    }

    /// `extension_call`: the state of an extension, without a word on which call it is about.
    pub(super) fn extension_call(&mut self, tell: &mut Telling, state: &ExtensionState<'_>) {
        tell.time = tell.time.or(read::time(&state.time));
        let Some((number, at, patch)) = self.extension(tell, state) else {
            return;
        };
        let Some(call_state) = patch.call_state else {
            if state.call_status.is_none() {
                tell.missing("call_status");
            }
            return;
        };
        let fact = Fact::Extension {
            at,
            action: None,
            patch: Box::new(patch),
        };
        tell.native("extension_call", fact);
        match call_state {
            ExtensionCallState::Ringing => self.rings(tell, &number),
            ExtensionCallState::Busy => self.picks_up(tell, &number),
            ExtensionCallState::Idle => self.idles(tell, &number),
            ExtensionCallState::Unknown => {}
        }
    }

    /// An extension rings: the only call on its way to or from it rings there.
    fn rings(&mut self, tell: &mut Telling, number: &Text) {
        let tenant = tell.tenant.clone();
        let fits = |session: &&Session| !session.answered && is_about(session, number);
        let Some(key) = only(self.sessions.about(tenant.as_ref(), number).filter(fits)) else {
            return;
        };
        let Some(mut session) = self.sessions.take(&key) else {
            return;
        };
        let rule = "extension_call.ringing.fits_one";
        if session.caller.as_ref() == Some(number) {
            // Asked to call on its behalf, the PBX rings the caller first.
            if session.caller_state == Some(LegState::Initiated) {
                session.caller_state = Some(LegState::Ringing);
                let leg = session.caller_leg();
                tell.inferred(
                    rule,
                    tell::leg(&session, &leg, session.caller_state, LegPatch::default()),
                );
            }
            return self.sessions.put(session, tell.now);
        }
        let aim = Aim {
            user: number.clone(),
            device: None,
        };
        let open: Vec<usize> = legs_of(&session, number);
        let (at, patch) = match open.as_slice() {
            [] => {
                if self.directory.service(tenant.as_ref(), number).is_some() {
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

    /// An extension is busy: it has answered the only call that rings it, or that has just started.
    fn picks_up(&mut self, tell: &mut Telling, number: &Text) {
        let tenant = tell.tenant.clone();
        let fits = |session: &&Session| {
            let legs = || {
                session
                    .legs
                    .iter()
                    .filter(|leg| leg.is_open() && leg.user == *number)
            };
            let calls = session.caller.as_ref() == Some(number);
            let alerted = legs().any(|leg| leg.rang || leg.answered)
                || (calls && session.caller_state != Some(LegState::Initiated));
            alerted || (is_about(session, number) && is_fresh(session, tell))
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
            if session.caller_state == Some(LegState::Ringing) {
                session.caller_state = Some(LegState::Connected);
                let leg = session.caller_leg();
                tell.inferred(
                    rule,
                    tell::leg(&session, &leg, session.caller_state, LegPatch::default()),
                );
            }
            return self.sessions.put(session, tell.now);
        }
        let aim = Aim {
            user: number.clone(),
            device: None,
        };
        let is_service = self.directory.service(tenant.as_ref(), number).is_some();
        match legs_of(&session, number).as_slice() {
            [] if is_service || session.answered => {}
            [] => {
                let (at, patch) = self.new_leg(&mut session, &aim, number, false);
                self.connect(tell, &mut session, at, patch, Basis::Inferred, rule);
            }
            [at] => {
                self.connect(
                    tell,
                    &mut session,
                    *at,
                    LegPatch::default(),
                    Basis::Inferred,
                    rule,
                );
            }
            // Several devices of one extension: which of them answered is not told.
            _ => {}
        }
        self.sessions.put(session, tell.now);
    }

    /// An extension is in no call: the only leg that was concluded to be its own is over.
    fn idles(&mut self, tell: &mut Telling, number: &Text) {
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
                Basis::Inferred,
                rule,
            );
        }
        self.sessions.put(session, tell.now);
    }

    /// `extension_agent_status`: an agent's state in some of its queues.
    pub(super) fn extension_agent(&mut self, tell: &mut Telling, agent: &ExtensionAgent<'_>) {
        let Some(number) = user(&agent.extension) else {
            return tell.missing("extension");
        };
        let id = read::id(&agent.extension_id);
        let tenant = tell.tenant.clone();
        let extension = self
            .directory
            .note_extension(tenant.as_ref(), &number, id, None);
        for state in &agent.states {
            self.member(tell, &extension, state, "extension_agent_status");
        }
    }

    /// `queue_member_state`: the same before v16.1, one queue at a time.
    pub(super) fn queue_member(&mut self, tell: &mut Telling, member: &QueueMember<'_>) {
        let Some(number) = user(&member.extension) else {
            return tell.missing("extension");
        };
        let id = read::id(&member.extension_id);
        let tenant = tell.tenant.clone();
        let extension = self
            .directory
            .note_extension(tenant.as_ref(), &number, id, None);
        self.member(tell, &extension, member, "queue_member_state");
    }

    fn member(
        &mut self,
        tell: &mut Telling,
        extension: &Ref,
        member: &QueueMember<'_>,
        rule: &'static str,
    ) {
        let number = read::text(&member.queue_number);
        let id = read::id(&member.queue_id);
        if number.is_none() && id.is_none() {
            return tell.missing("queue_number");
        }
        let Some(word) = read::text(&member.state) else {
            return tell.missing("status");
        };
        let Some(state) = words::agent(word) else {
            return tell.strange("status", word);
        };
        let tenant = tell.tenant.clone();
        let fact = Fact::Agent {
            extension: extension.clone(),
            queue: self.directory.note_queue(tenant.as_ref(), number, id),
            patch: Box::new(AgentPatch {
                state: Some(state.state),
                reason: state.reason.map(Into::into),
                busy_kind: state.busy,
                call: state.busy.is_none().then_some(None),
                since: tell.time,
            }),
        };
        tell.native(rule, fact);
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
        self.directory
            .note_extension(tenant.as_ref(), &number, id, None);
        if let Some(peer) = &peer {
            let id = read::id(&hold.peer_extension_id);
            self.directory
                .note_extension(tenant.as_ref(), peer, id, None);
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

    /// An extension and what is told of it.
    fn extension(
        &mut self,
        tell: &mut Telling,
        state: &ExtensionState<'_>,
    ) -> Option<(Text, Ref, ExtensionPatch)> {
        let Some(number) = user(&state.extension) else {
            tell.missing("extension");
            return None;
        };
        let call_state = words::call_state(state.call_status.as_deref(), state.on_call.as_deref());
        if let (None, Some(word)) = (call_state, &state.call_status) {
            tell.strange("call_status", word);
        }
        let tenant = tell.tenant.clone();
        let id = read::id(&state.extension_id);
        let at = self
            .directory
            .note_extension(tenant.as_ref(), &number, id, call_state);
        let truth = |told: &Scalar<'_>| told.as_deref().and_then(words::truth);
        let patch = ExtensionPatch {
            uri: read::text(&state.extension)
                .filter(|uri| uri.contains('@'))
                .map(Into::into),
            call_state,
            online: truth(&state.online),
            push_online: truth(&state.push_online),
            presence: presence(state),
            native: tell::native(&[("extension_id", id), ("tenant_id", tenant.as_deref())]),
            ..ExtensionPatch::default()
        };
        Some((number, at, patch))
    }
}

/// v22 has a word and a note; before, the note was the word.
fn presence(state: &ExtensionState<'_>) -> Option<Presence> {
    let note = read::text(&state.presence_note);
    let word = read::text(&state.presence).or(note)?;
    Some(Presence {
        status: words::presence(word),
        note: note
            .filter(|_| read::text(&state.presence).is_some())
            .map(Into::into),
        until: None,
        native: Some(word.into()),
    })
}

/// The number in `sip:101@test.io`, or a bare one.
pub(super) fn user(told: &Scalar<'_>) -> Option<Text> {
    let user = Address::read(read::text(told)?).user;
    (!user.is_empty()).then(|| user.into())
}

/// The key of the only session, if it is the only one.
fn only<'s>(mut sessions: impl Iterator<Item = &'s Session>) -> Option<Text> {
    match (sessions.next(), sessions.next()) {
        (Some(session), None) => Some(session.key.clone()),
        _ => None,
    }
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
