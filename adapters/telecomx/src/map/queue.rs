//! Queues: who waits, who is a member, and what the queue itself is.

use model::{
    AgentState, Basis, BusyKind, CallerState, ExtensionCallState, Fact, LegRole, LegState, Party,
    QueueKind, Text,
    observation::{AgentPatch, CallerFact, LegPatch, QueuePatch, Ref},
    source::Action,
};
use serde_json::{Map, Value};

use super::{
    Translator,
    call::some,
    read::{self, flag, number, text, time},
    session::{A_MOMENT, Departure, Leg, Session, leg_id},
    tell::{self, Telling},
    words,
};
use crate::wire::{Event, Member, MemberStep, QueueCaller, QueueStep};

impl Translator {
    /// `QUEUE_ENTERED`, `QUEUE_LEFT`.
    pub(super) fn queue_caller(
        &mut self,
        tell: &mut Telling,
        event: &Event<'_>,
        step: QueueStep,
        body: &QueueCaller<'_>,
    ) {
        let Some(queue) = text(&body.queue) else {
            return tell.missing("queue");
        };
        // The id of a call in a queue names the leg that waits.
        let leg = text(&event.id)
            .and_then(read::queued_leg)
            .map(|(server, channel)| leg_id(server, channel));
        let told = text(&body.session_id)
            .map(Text::from)
            .or_else(|| self.sessions.of_leg(leg.as_ref()?));
        let mut session = told
            .as_ref()
            .and_then(|told| self.session_of(tell, told, leg.as_ref()));
        let key = match (&session, &told) {
            (Some(session), _) => Some(session.key.clone()),
            (None, Some(told)) => Some(self.sessions.resolve(told)),
            (None, None) => text(&event.id).map(Into::into),
        };
        let Some(caller_key) = key else {
            return tell.missing("sessionId");
        };
        self.sync.touched(&caller_key);
        let at = self.directory.queue_ref(queue);
        if step == QueueStep::Left {
            self.left_queue(tell, &at, &caller_key, body, session.as_deref_mut());
        } else {
            self.entered_queue(tell, &at, &caller_key, leg, body, session.as_deref_mut());
        }
        if let Some(session) = session {
            tell.conceal |= session.is_private();
            self.sessions.put(session, tell.now);
        }
    }

    fn entered_queue(
        &mut self,
        tell: &mut Telling,
        queue: &Ref,
        key: &Text,
        leg: Option<Text>,
        body: &QueueCaller<'_>,
        session: Option<&mut Session>,
    ) {
        let state = match text(&body.state) {
            Some(word) => words::waits(word).unwrap_or_else(|| {
                tell.strange("state", word);
                CallerState::Waiting
            }),
            None => CallerState::Waiting,
        };
        let entered = time(&body.entered);
        let mut party = self
            .directory
            .party(text(&body.number), text(&body.name), None);
        let mut call = None;
        if let Some(session) = session.filter(|session| !session.ended) {
            call = Some(session.key.clone());
            party.private |= session
                .patch
                .caller
                .as_ref()
                .is_some_and(|caller| caller.private);
            session.left = None;
            session.waits_in = queue.id.clone();
            session.stale = false;
            if let Some(leg) = leg {
                self.leg_waits(tell, session, &leg, queue, &party, entered);
            }
        }
        let fact = Fact::Caller(Box::new(CallerFact {
            queue: queue.clone(),
            key: key.clone(),
            call,
            party,
            position: number(&body.position),
            state,
            entered_at: entered,
        }));
        tell.say(Basis::Native, "QUEUE_ENTERED", entered, fact);
    }

    /// The leg that waits: the PBX may have answered it, to play music.
    fn leg_waits(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        id: &Text,
        queue: &Ref,
        party: &Party,
        entered: Option<model::Timestamp>,
    ) {
        let at = match session.find(id) {
            Some(at) => at,
            None => {
                if session.legs.is_empty() {
                    let patch = model::observation::CallPatch {
                        caller: some(party.clone()),
                        native: tell::native(&[("session_id", Some(&session.key))]),
                        ..Default::default()
                    };
                    session.patch = super::call::merged(&session.patch, &patch);
                    tell.native("session.joined", session.call_fact(false, patch));
                }
                let mut leg = Leg::new(id, LegRole::Caller);
                leg.party = party.clone();
                let at = self.sessions.join(session, leg);
                let patch = LegPatch {
                    role: Some(LegRole::Caller),
                    party: some(party.clone()),
                    ..LegPatch::default()
                };
                let fact = session.leg_fact(at, Some(LegState::Initiated), patch);
                tell.native("leg.met", fact);
                at
            }
        };
        let leg = &mut session.legs[at];
        leg.confirmed = true;
        if leg.state != LegState::Initiated {
            return;
        }
        leg.state = LegState::Queued;
        let patch = LegPatch {
            queue: Some(queue.clone()),
            ..LegPatch::default()
        };
        let fact = session.leg_fact(at, Some(LegState::Queued), patch);
        tell.say(Basis::Native, "QUEUE_ENTERED", entered, fact);
    }

    fn left_queue(
        &mut self,
        tell: &mut Telling,
        queue: &Ref,
        key: &Text,
        body: &QueueCaller<'_>,
        session: Option<&mut Session>,
    ) {
        let word = text(&body.state).unwrap_or("");
        let reason = words::left(word);
        if reason.is_none() && !word.is_empty() {
            tell.strange("state", word);
        }
        let reason = reason.unwrap_or("removed");
        if let Some(session) = session.filter(|session| !session.ended) {
            session.waits_in = None;
            let now = tell.now.mono;
            let just_stopped = |leg: &Leg| {
                leg.role == LegRole::Callee
                    && leg.rang
                    && !leg.answered
                    && leg
                        .ended_at
                        .is_some_and(|at| now.saturating_sub(at) < A_MOMENT)
            };
            let ringing = session
                .legs
                .iter()
                .any(|leg| leg.is_ringing() || just_stopped(leg));
            session.left = (reason != "answered").then_some(Departure { reason, ringing });
        }
        let fact = Fact::CallerLeft {
            queue: queue.clone(),
            key: key.clone(),
            reason: reason.into(),
        };
        let answered = time(&body.answered).filter(|_| reason == "answered");
        tell.say(Basis::Native, "QUEUE_LEFT", answered, fact);
    }

    /// `QUEUE_MEMBER_JOIN`, `QUEUE_MEMBER_LEFT`, `QUEUE_MEMBER_UPDATE`; the id is the queue.
    pub(super) fn queue_member(
        &mut self,
        tell: &mut Telling,
        event: &Event<'_>,
        step: MemberStep,
        members: &[Member<'_>],
    ) {
        let Some(queue) = text(&event.id) else {
            return tell.missing("_id");
        };
        let Some(member) = members.first() else {
            return tell.missing("data");
        };
        self.member(
            tell,
            queue,
            member,
            step != MemberStep::Left,
            "QUEUE_MEMBER",
        );
    }

    /// Somebody is a member of a queue, or no longer.
    pub(super) fn member(
        &mut self,
        tell: &mut Telling,
        queue: &str,
        member: &Member<'_>,
        is: bool,
        rule: &'static str,
    ) {
        let extension = text(&member.extension);
        let number = text(&member.number);
        let at = match (extension, number) {
            (Some(id), _) => self.directory.extension_ref(id),
            // A number outside, or one of ours that is not named by id.
            (None, Some(number)) => match self.directory.extension_of(number).cloned() {
                Some(id) => self.directory.extension_ref(&id),
                None => Ref::number(number),
            },
            (None, None) => match text(&member.id) {
                Some(id) => Ref::id(id),
                None => return tell.missing("data.extension"),
            },
        };
        let queue_ref = self.directory.queue_ref(queue);
        if let Some(key) = at.key() {
            self.sync.touched(&format!("{key}@{queue}"));
        }
        if let Some(id) = &at.id {
            self.directory.member(id, queue, is);
        }
        if !is {
            let fact = Fact::AgentLeft {
                extension: at,
                queue: queue_ref,
            };
            return tell.native(rule, fact);
        }
        let state = at.id.as_deref().and_then(|id| self.directory.state(id));
        let fact = Fact::Agent {
            extension: at.clone(),
            queue: queue_ref.clone(),
            patch: Box::new(AgentPatch {
                stats: stats(member),
                ..AgentPatch::default()
            }),
        };
        tell.native(rule, fact);
        if let Some(state) = state {
            let fact = Fact::Agent {
                extension: at,
                queue: queue_ref,
                patch: Box::new(agent(state, None, None)),
            };
            tell.inferred("extensionState.member", fact);
        }
    }

    /// An extension does something else now, so its agents do.
    pub(super) fn agents_do(
        &mut self,
        tell: &mut Telling,
        extension: &str,
        state: ExtensionCallState,
        in_queue: Option<&Text>,
        call: Option<&Text>,
    ) {
        let queues: Vec<Text> = self.directory.queues_of(extension).cloned().collect();
        let at = self.directory.extension_ref(extension);
        for queue in queues {
            let kind = (state == ExtensionCallState::Busy).then_some(match in_queue {
                Some(of) if *of == queue => BusyKind::Queue,
                _ => BusyKind::Other,
            });
            let fact = Fact::Agent {
                extension: at.clone(),
                queue: self.directory.queue_ref(&queue),
                patch: Box::new(agent(state, kind, call.cloned())),
            };
            tell.inferred("extensionState.member", fact);
        }
    }

    /// `QUEUE_UPDATED`; the id is the queue. Unless the event names itself it may be gone.
    pub(super) fn queue_updated(&mut self, tell: &mut Telling, event: &Event<'_>, named: bool) {
        let Some(queue) = text(&event.id) else {
            return tell.missing("_id");
        };
        let asks = self.sync.look_at_queue(queue, tell.now);
        if !named && asks {
            return;
        }
        let fact = Fact::Queue {
            at: self.directory.queue_ref(queue),
            action: Some(Action::Updated),
            patch: Box::new(queue_patch(queue, None)),
        };
        tell.native("QUEUE_UPDATED", fact);
    }

    /// A queue is gone.
    pub(super) fn queue_deleted(&mut self, tell: &mut Telling, queue: &str, rule: &'static str) {
        let fact = Fact::Queue {
            at: self.directory.queue_ref(queue),
            action: Some(Action::Deleted),
            patch: Box::new(QueuePatch::default()),
        };
        self.sync.touched(queue);
        self.directory.forget_queue(queue);
        tell.native(rule, fact);
    }

    /// `PERSONAL_QUEUE_*`: a caller waits for one extension, which is no queue.
    pub(super) fn personal_queue(
        &mut self,
        tell: &mut Telling,
        event: &Event<'_>,
        body: &crate::wire::PersonalQueue<'_>,
    ) {
        let private = flag(&body.caller_privacy).unwrap_or(false);
        tell.conceal |= private;
        let shown = |value| text(value).filter(|_| !private);
        let native = tell::native(&[
            ("event", Some(&*event.name)),
            ("channel", text(&body.channel)),
            ("caller", shown(&body.caller)),
            ("caller_name", shown(&body.caller_name)),
            ("calls", text(&body.calls)),
        ]);
        self.object(
            tell,
            "personal_queue",
            text(&event.id),
            Action::Other,
            native,
            "PERSONAL_QUEUE",
        );
    }
}

/// What an agent does, from what the extension does.
fn agent(state: ExtensionCallState, kind: Option<BusyKind>, call: Option<Text>) -> AgentPatch {
    let state = match state {
        ExtensionCallState::Idle => AgentState::Ready,
        ExtensionCallState::Ringing => AgentState::Reserved,
        ExtensionCallState::Busy => AgentState::Busy,
        ExtensionCallState::Unknown => AgentState::Unknown,
    };
    let busy = state == AgentState::Busy;
    AgentPatch {
        state: Some(state),
        busy_kind: kind,
        call: if busy { call.map(Some) } else { Some(None) },
        ..AgentPatch::default()
    }
}

/// What the PBX keeps about a member. Its numbers may be texts.
fn stats(member: &Member<'_>) -> Map<String, Value> {
    let count = |told| number::<u64>(told).map(Value::from);
    let kept = [
        ("calls", count(&member.calls)),
        ("seconds", count(&member.seconds)),
        ("priority", count(&member.priority)),
        ("permanent", flag(&member.permanent).map(Value::from)),
        (
            "last_call_ended",
            time(&member.last_call_ended).map(|at| at.to_string().into()),
        ),
    ];
    let kept = kept.into_iter();
    kept.filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

pub(super) fn queue_patch(id: &str, name: Option<Text>) -> QueuePatch {
    QueuePatch {
        name,
        kind: Some(QueueKind::Queue),
        native: tell::native(&[("queue_id", Some(id))]),
    }
}
