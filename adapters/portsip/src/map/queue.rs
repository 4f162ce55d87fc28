//! Queues: their callers and agents.

use model::{
    Basis, BusyKind, CallerState, Cause, Collection, End, EndedBy, Fact, LegRole, LegState, Number,
    Outcome, Party, Route, RouteKind, Text,
    event::Breach,
    observation::{AgentPatch, CallerFact, LegPatch, QueuePatch, Ref, Scope},
};

use super::{
    Translator,
    directory::Side,
    read,
    session::{Aim, Service, Session},
    tell::{self, Telling},
    words::{self, CallerMove},
};
use crate::wire::{Member, QueueAgents, QueueCallers, QueueSla, QueueStatus, Scalar, Waiting};

impl Translator {
    /// `queue_status`: a queue, whole. What it does not list is not there.
    pub(super) fn queue_status(&mut self, tell: &mut Telling, status: &QueueStatus<'_>) {
        let Some(queue) = self.queue(tell, &status.queue_number, &status.queue_id) else {
            return;
        };
        let fact = Fact::Queue {
            at: queue.clone(),
            action: None,
            patch: Box::new(QueuePatch {
                name: read::text(&status.queue_name).map(Into::into),
                kind: Some(model::QueueKind::Queue),
                native: tell::native(&[
                    ("queue_id", read::id(&status.queue_id)),
                    ("tenant_id", tell.tenant.as_deref()),
                ]),
            }),
        };
        let scope = |collection| Scope {
            collection,
            tenant: tell.tenant.clone(),
            within: Some(queue.clone()),
            complete: true,
        };
        let (agents, callers) = (scope(Collection::Agents), scope(Collection::Callers));
        tell.native("queue_status", Fact::SnapshotBegin(agents.clone()));
        tell.native("queue_status", fact);
        for agent in &status.agents {
            self.agent(tell, &queue, agent, "queue_status.agents");
        }
        tell.native("queue_status", Fact::SnapshotEnd(agents));
        tell.native("queue_status", Fact::SnapshotBegin(callers.clone()));
        for waiting in &status.waiting {
            self.waits(tell, &queue, waiting, "queue_status.waiting_list");
        }
        tell.native("queue_status", Fact::SnapshotEnd(callers));
        if let Some(number) = &queue.number {
            self.sync.queue_came(number, tell);
        }
    }

    /// `queue_caller_status`: callers that came, moved or left.
    pub(super) fn queue_callers(&mut self, tell: &mut Telling, callers: &QueueCallers<'_>) {
        let Some(queue) = self.queue(tell, &callers.queue_number, &callers.queue_id) else {
            return;
        };
        for caller in &callers.updated {
            let Some(word) = read::text(&caller.reason) else {
                tell.missing("updated_callers.reason");
                continue;
            };
            match words::caller_move(word) {
                Some(CallerMove::Enqueued) => {
                    self.waits(tell, &queue, caller, "queue_caller_status.enqueue");
                }
                Some(CallerMove::Left(reason)) => {
                    self.leaves(tell, &queue, caller, reason);
                }
                Some(CallerMove::Callback) => {
                    self.leaves(tell, &queue, caller, "callback");
                    let callback = Waiting {
                        kind: Some("callback".into()),
                        ..caller.clone()
                    };
                    self.waits(tell, &queue, &callback, "queue_caller_status.callback");
                }
                None => tell.strange("updated_callers.reason", word),
            }
        }
    }

    /// `queue_agent_status`: agents that changed, came or left.
    pub(super) fn queue_agents(&mut self, tell: &mut Telling, agents: &QueueAgents<'_>) {
        let Some(queue) = self.queue(tell, &agents.queue_number, &agents.queue_id) else {
            return;
        };
        for agent in &agents.updated {
            self.agent(tell, &queue, agent, "queue_agent_status");
        }
        for agent in &agents.removed {
            let Some(number) = super::extension::user(&agent.agent_extension_number) else {
                tell.missing("removed_agents.agent_extension_number");
                continue;
            };
            let fact = Fact::AgentLeft {
                extension: self.directory.extension_ref(tell.tenant.as_ref(), &number),
                queue: queue.clone(),
            };
            tell.native("queue_agent_status.removed", fact);
        }
    }

    /// `queue_sla_breached`.
    pub(super) fn queue_sla(&mut self, tell: &mut Telling, sla: &QueueSla<'_>) {
        let Some(queue) = self.queue(tell, &sla.queue_number, &sla.queue_id) else {
            return;
        };
        let caller = self.caller(tell, &sla.caller, &None);
        let secs: Option<u64> = read::number(&sla.sla_time_secs);
        let fact = Fact::SlaBreached {
            queue,
            caller,
            breach: Breach {
                threshold_ms: secs.map(|secs| secs.saturating_mul(1_000)),
                waiting: read::number(&sla.waiting_callers),
                total: read::number(&sla.total_callers_breached),
            },
        };
        tell.native("queue_sla_breached", fact);
    }

    fn queue(&mut self, tell: &mut Telling, number: &Scalar<'_>, id: &Scalar<'_>) -> Option<Ref> {
        let (number, id) = (read::text(number), read::id(id));
        if number.is_none() && id.is_none() {
            tell.missing("queue_id");
            return None;
        }
        let tenant = tell.tenant.clone();
        Some(self.directory.note_queue(tenant.as_ref(), number, id))
    }

    fn caller(&mut self, tell: &Telling, number: &Scalar<'_>, name: &Scalar<'_>) -> Party {
        let name = read::text(name);
        match read::text(number) {
            Some(number) => self
                .directory
                .party(tell.tenant.as_ref(), number, name, Side::Either),
            None => Party {
                name: name.map(Into::into),
                ..Party::default()
            },
        }
    }

    /// Somebody waits: on the line, or for a call back.
    fn waits(
        &mut self,
        tell: &mut Telling,
        queue: &Ref,
        waiting: &Waiting<'_>,
        rule: &'static str,
    ) {
        let Some(key) = read::id(&waiting.session_id).or(read::text(&waiting.caller_number)) else {
            return tell.missing("session_id");
        };
        let callback =
            read::text(&waiting.kind).is_some_and(|kind| words::normal(kind) == "CALLBACK");
        let since = read::time(&waiting.timestamp).or(tell.time);
        let on_line = read::id(&waiting.session_id).is_some_and(|id| self.is_call(id)) && !callback;
        let mut party = self.caller(tell, &waiting.caller_number, &waiting.caller_name);
        // Some messages about a queue have no name, which is where a call says that its caller is private.
        party.private |= self.sessions.get(key).is_some_and(Session::is_private);
        let fact = Fact::Caller(Box::new(CallerFact {
            queue: queue.clone(),
            key: if callback {
                callback_key(key)
            } else {
                key.into()
            },
            call: on_line.then(|| key.into()),
            party,
            position: read::number(&waiting.position),
            state: if callback {
                CallerState::Callback
            } else {
                CallerState::Waiting
            },
            entered_at: since,
        }));
        tell.say(Basis::Native, rule, since, fact);
        if on_line {
            self.queued(tell, queue, key, since);
        }
    }

    /// Whether a session of a queue is that of a call: a known one, or one with an id as calls have it.
    fn is_call(&self, session: &str) -> bool {
        self.sessions.get(session).is_some() || read::snowflake(session).is_some()
    }

    /// The call of a waiting caller is in the queue. Only a call that is known: that the sessions of queues are those
    /// of calls is not documented.
    fn queued(
        &mut self,
        tell: &mut Telling,
        queue: &Ref,
        key: &str,
        since: Option<model::Timestamp>,
    ) {
        let Some(mut session) = self.sessions.take(key) else {
            return;
        };
        session.stale = false;
        let Some(aim) = queue_aim(&session, queue) else {
            return self.sessions.put(session, tell.now);
        };
        let waits = session
            .find(&aim)
            .is_some_and(|at| session.legs[at].state == LegState::Queued);
        if !session.ended && !waits && !session.answered {
            let (at, patch) = match session.find(&aim) {
                Some(at) => (at, LegPatch::default()),
                None => self.queue_leg(&mut session, &aim, queue),
            };
            self.sessions.set_grace(&mut session, None);
            let time = tell.shift(since);
            self.connect(
                tell,
                &mut session,
                at,
                patch,
                (Basis::Inferred, "queue_caller_status.session"),
            );
            tell.time = time;
        }
        self.sessions.put(session, tell.now);
    }

    /// The leg of a call that a queue is. Its number may not be known.
    fn queue_leg(&mut self, session: &mut Session, aim: &Aim, queue: &Ref) -> (usize, LegPatch) {
        let (at, mut patch) = self.new_leg(session, aim, &aim.user, false);
        session.legs[at].service = Some(Service::Queue);
        patch.role = Some(LegRole::Service);
        patch.party = queue
            .number
            .as_ref()
            .map(|number| Party::numbered(Number::internal(number)));
        patch.queue = Some(queue.clone());
        patch.route = Some(Route {
            kind: RouteKind::Queue,
            id: queue.id.clone(),
            number: queue.number.clone(),
            name: None,
        });
        (at, patch)
    }

    /// Somebody waits no more.
    fn leaves(
        &mut self,
        tell: &mut Telling,
        queue: &Ref,
        caller: &Waiting<'_>,
        reason: &'static str,
    ) {
        let Some(key) = read::id(&caller.session_id).or(read::text(&caller.caller_number)) else {
            return tell.missing("session_id");
        };
        let called_back = read::text(&caller.kind)
            .is_some_and(|kind| words::normal(kind) == "CALLBACK")
            && reason != "callback";
        let time = read::time(&caller.timestamp).or(tell.time);
        let fact = Fact::CallerLeft {
            queue: queue.clone(),
            key: if called_back {
                callback_key(key)
            } else {
                key.into()
            },
            reason: reason.into(),
        };
        tell.say(
            Basis::Native,
            "queue_caller_status",
            tell.time.or(time),
            fact,
        );
        let Some(mut session) = self.sessions.take(key) else {
            return;
        };
        // Two, when the queue was met by its id and by its number before both were known to be one.
        while let Some(at) = queue_aim(&session, queue)
            .and_then(|aim| session.find(&aim))
            .filter(|_| !session.ended)
        {
            let before = tell.shift(tell.time.or(time));
            let rule = "queue_caller_status.session";
            self.end_leg(
                tell,
                &mut session,
                at,
                LegPatch::default(),
                queue_end(reason),
                (Basis::Inferred, rule),
            );
            tell.time = before;
        }
        self.sessions.put(session, tell.now);
    }

    /// An agent's state; in a call of the queue it also tells who answered that call.
    fn agent(&mut self, tell: &mut Telling, queue: &Ref, agent: &Member<'_>, rule: &'static str) {
        let Some(number) = super::extension::user(&agent.agent_extension_number) else {
            return tell.missing("agent_extension_number");
        };
        self.directory.note_agent(&number);
        let word = read::text(&agent.state);
        let state = word.and_then(words::agent);
        if let (Some(word), None) = (word, state) {
            tell.strange("state", word);
        }
        let tenant = tell.tenant.clone();
        let since = read::time(&agent.timestamp);
        let call: Option<Text> = read::id(&agent.session_id)
            .filter(|id| self.is_call(id))
            .map(Into::into);
        let busy = state.is_some_and(|state| state.state == model::AgentState::Busy);
        let fact = Fact::Agent {
            extension: self
                .directory
                .note_extension(tenant.as_ref(), &number, None),
            queue: queue.clone(),
            patch: Box::new(AgentPatch {
                state: state.map(|state| state.state),
                reason: state.and_then(|state| state.reason).map(Into::into),
                busy_kind: state.and_then(|state| state.busy),
                call: match &call {
                    Some(call) if busy => Some(Some(call.clone())),
                    _ => (state.is_some() && !busy).then_some(None),
                },
                since: since.or(tell.time),
                ..AgentPatch::default()
            }),
        };
        tell.say(Basis::Native, rule, since.or(tell.time), fact);
        let in_queue_call = state.is_some_and(|state| state.busy == Some(BusyKind::Queue));
        if let Some(call) = call.filter(|_| in_queue_call) {
            self.takes(tell, &call, &number, since);
        }
    }

    /// An agent is in the call of a waiting caller: the agent's leg is connected.
    fn takes(
        &mut self,
        tell: &mut Telling,
        key: &Text,
        number: &Text,
        since: Option<model::Timestamp>,
    ) {
        let Some(mut session) = self.sessions.take(key) else {
            return;
        };
        session.stale = false;
        let aim = Aim {
            user: number.clone(),
            device: None,
        };
        let known = session
            .legs
            .iter()
            .any(|leg| leg.user == *number && leg.answered);
        let several = session.find(&aim).is_none()
            && session
                .legs
                .iter()
                .any(|leg| leg.is_open() && leg.user == *number);
        if !session.ended && !known && !several {
            let (at, patch) = match session.find(&aim) {
                Some(at) => (at, LegPatch::default()),
                None => self.new_leg(&mut session, &aim, number, false),
            };
            self.sessions.set_grace(&mut session, None);
            let time = tell.shift(since);
            self.connect(
                tell,
                &mut session,
                at,
                patch,
                (Basis::Inferred, "queue_agent_status.session"),
            );
            tell.time = time;
        }
        self.sessions.put(session, tell.now);
    }
}

/// How a call knows a queue: by number; by id when the number was not known as the call came there.
fn queue_aim(session: &Session, queue: &Ref) -> Option<Aim> {
    let aim = |user: &Text| Aim {
        user: user.clone(),
        device: None,
    };
    let by_id = queue.id.as_ref().map(aim);
    let by_number = queue.number.as_ref().map(aim);
    match (by_number, by_id) {
        (Some(number), Some(id)) => Some(if session.find(&id).is_some() {
            id
        } else {
            number
        }),
        (number, id) => number.or(id),
    }
}

/// A caller who waits to be called back is no longer in a call, so another key is needed.
fn callback_key(key: &str) -> Text {
    format!("{key}:callback").into()
}

/// How the leg of a queue ends.
fn queue_end(reason: &str) -> End {
    let (cause, by) = match reason {
        "answered" => (Cause::Transferred, EndedBy::System),
        "abandoned" => (Cause::QueueAbandoned, EndedBy::Caller),
        "callback" => (Cause::QueueCallback, EndedBy::Caller),
        "overflow" | "timeout" => (Cause::QueueOverflow, EndedBy::System),
        _ => {
            return End::new(
                Cause::Unknown,
                Outcome::Unknown,
                EndedBy::Unknown,
                Basis::Inferred,
            );
        }
    };
    End {
        native: Some(reason.into()),
        ..End::new(cause, cause.unanswered_outcome(), by, Basis::Inferred)
    }
}
