//! Queues, their callers and their agents.

use std::{collections::BTreeSet, sync::Arc, sync::OnceLock};

use model::{
    Agent, AgentState, Caller, Cause, Change, Collection, Data, End, EntityId, EventType, Native,
    Outcome, Party, Queue, QueueKind, QueueRef, Route, RouteKind, Text, Timestamp,
    event::Breach,
    observation::{AgentPatch, CallerFact, QueuePatch, Ref},
    source::Action,
};

use super::{State, Stored, call::Slot, directory::Fields, keep::Saying, mark::Turn, refs::Found};

/// What the counters of a queue are made of.
#[derive(Debug, Default)]
pub(super) struct Tally {
    waiting: BTreeSet<(Timestamp, EntityId)>,
    ready: u32,
    busy: u32,
    total: u32,
}

impl State {
    /// Folds what a message tells of a queue.
    pub(super) fn queue(
        &mut self,
        turn: &mut Turn<'_>,
        at: &Ref,
        action: Option<Action>,
        patch: &QueuePatch,
    ) {
        if action == Some(Action::Deleted) {
            if let Some(Found::Known(id, _)) = self.find_queue(turn, at) {
                self.delete_queue(turn, &id);
            }
            return;
        }
        let Some((id, known)) = self.meet_queue(turn, at) else {
            return;
        };
        let first = known.is_none();
        let mut queue = known.unwrap_or_else(|| new_queue(&id, at));
        let mut fields = Fields::default();
        fields.set("number", &mut queue.number, &at.number);
        fields.set("name", &mut queue.name, &patch.name);
        if let Some(kind) = patch.kind.filter(|kind| *kind != queue.kind) {
            queue.kind = kind;
            fields.note("kind");
        }
        fields.native(&mut queue.native, &patch.native);
        if !first && fields.is_empty() {
            self.seen::<Queue>(turn, &id);
            return;
        }
        let kind = if first && action == Some(Action::Created) {
            EventType::QueueCreated
        } else {
            EventType::QueueUpdated
        };
        let change = if first {
            Change::default()
        } else {
            fields.change()
        };
        self.learn_queue(turn, &queue);
        let saying = Saying {
            change,
            ..Saying::default()
        };
        self.publish(turn, kind, &id, queue, saying);
    }

    /// The queue a reference means; created when there is none.
    pub(super) fn queue_at(&mut self, turn: &mut Turn<'_>, at: &Ref) -> Option<QueueRef> {
        let (id, known) = self.meet_queue(turn, at)?;
        let queue = match known {
            Some(known) => known,
            None => {
                let queue = new_queue(&id, at);
                self.learn_queue(turn, &queue);
                let kind = EventType::QueueUpdated;
                self.publish(turn, kind, &id, queue.clone(), Saying::default());
                queue
            }
        };
        Some(QueueRef {
            id,
            number: queue.number,
            name: queue.name,
        })
    }

    fn find_queue(&self, turn: &Turn<'_>, at: &Ref) -> Option<Found> {
        let known = |id: &EntityId| self.view.queues.contains_key(id);
        let (source, tenant) = (&turn.mark.source, turn.mark.tenant.as_ref());
        self.names
            .find(Collection::Queues, source, tenant, at, known)
    }

    fn meet_queue(&mut self, turn: &mut Turn<'_>, at: &Ref) -> Option<(EntityId, Option<Queue>)> {
        match self.find_queue(turn, at)? {
            Found::Known(id, alias) => {
                if let Some(alias) = alias {
                    self.alias(Collection::Queues, alias, &id);
                }
                self.confirm(turn, &id);
                let known = self.get::<Queue>(&id).map(|known| (*known).clone());
                Some((id, known))
            }
            Found::New(id) => {
                self.confirm(turn, &id);
                Some((id, None))
            }
        }
    }

    fn learn_queue(&mut self, turn: &Turn<'_>, queue: &Queue) {
        if let Some(number) = &queue.number {
            let (source, tenant) = (&turn.mark.source, turn.mark.tenant.as_ref());
            self.names
                .learn_number(Collection::Queues, source, tenant, number, &queue.id);
        }
    }

    pub(super) fn delete_queue(&mut self, turn: &mut Turn<'_>, id: &EntityId) {
        let Some(stored) = self.view.queues.get(id).cloned() else {
            return;
        };
        let saying = Saying {
            closes: true,
            ..Saying::default()
        };
        let queue = (*stored.entity).clone();
        self.publish(turn, EventType::QueueDeleted, id, queue, saying);
        if let Some(number) = &stored.entity.number {
            let tenant = stored.tenant.as_ref();
            self.names
                .forget_number(Collection::Queues, &stored.source, tenant, number, id);
        }
        self.forget_aliases(Collection::Queues, id);
        self.tallies.remove(id);
    }

    /// Folds what a message tells of an agent.
    pub(super) fn agent(
        &mut self,
        turn: &mut Turn<'_>,
        extension: &Ref,
        queue: &Ref,
        patch: &AgentPatch,
    ) {
        let (Some(extension), Some(queue)) = (
            self.extension_at(turn, extension),
            self.queue_at(turn, queue),
        ) else {
            return;
        };
        let Some(id) = agent_id(extension.id.as_ref(), &queue) else {
            return;
        };
        self.confirm(turn, &id);
        let known = self.get::<Agent>(&id);
        let first = known.is_none();
        let mut agent = known.map_or_else(
            || Agent {
                id: id.clone(),
                extension: extension.clone(),
                queue: queue.clone(),
                state: AgentState::Unknown,
                reason: None,
                busy_kind: None,
                call: None,
                since: None,
                stats: None,
                version: 0,
            },
            |known| (*known).clone(),
        );
        let from = agent.state;
        let to = patch.state.unwrap_or(from);
        let mut fields = Fields::default();
        if to != from {
            agent.state = to;
            agent.reason = None;
            agent.busy_kind = None;
            agent.since = patch.since.or(Some(turn.mark.when()));
        }
        fields.set("since", &mut agent.since, &patch.since);
        fields.set("reason", &mut agent.reason, &patch.reason);
        fields.set("busy_kind", &mut agent.busy_kind, &patch.busy_kind);
        if let Some(call) = &patch.call {
            let call = call.as_ref().map(|key| turn.mark.source.entity(key));
            if agent.call != call {
                agent.call = call;
                fields.note("call");
            }
        }
        for (name, new) in [
            ("extension", agent.extension != extension),
            ("queue", agent.queue != queue),
        ] {
            if new {
                fields.note(name);
            }
        }
        agent.extension = extension;
        agent.queue = queue;
        if !first && to == from && fields.is_empty() {
            self.seen::<Agent>(turn, &id);
            return;
        }
        let mut change = if first {
            Change::default()
        } else {
            fields.change()
        };
        if to != from && !first {
            change.from = Some(from.as_str().into());
            change.to = Some(to.as_str().into());
        }
        let kind = match (first, to != from) {
            (true, _) if turn.mark.is_snapshot() => EventType::AgentUpdated,
            (true, _) => EventType::AgentJoined,
            (false, true) => EventType::AgentStateChanged,
            (false, false) => EventType::AgentUpdated,
        };
        let tally = self.tallies.entry(agent.queue.id.clone()).or_default();
        if !first {
            tally.agent(from, -1);
        }
        tally.agent(to, 1);
        let data = self.with_queue(&agent.queue.id);
        let saying = Saying {
            change,
            data,
            closes: false,
        };
        self.publish(turn, kind, &id, agent, saying);
    }

    /// An agent is no longer a member of its queue.
    pub(super) fn agent_left(&mut self, turn: &mut Turn<'_>, extension: &Ref, queue: &Ref) {
        let Some(Found::Known(queue, _)) = self.find_queue(turn, queue) else {
            return;
        };
        let (source, tenant) = (turn.mark.source.clone(), turn.mark.tenant.clone());
        let extension = self
            .extension_named(&source, tenant.as_ref(), extension)
            .and_then(|extension| extension.id);
        let Some(extension) = extension else {
            return;
        };
        let id = EntityId::from_text(&format!("{extension}@{}", queue.key()));
        self.remove_agent(turn, &id);
    }

    pub(super) fn remove_agent(&mut self, turn: &mut Turn<'_>, id: &EntityId) {
        let Some(agent) = self.get::<Agent>(id) else {
            return;
        };
        if let Some(tally) = self.tallies.get_mut(&agent.queue.id) {
            tally.agent(agent.state, -1);
        }
        let saying = Saying {
            data: self.with_queue(&agent.queue.id),
            closes: true,
            ..Saying::default()
        };
        self.publish(turn, EventType::AgentLeft, id, (*agent).clone(), saying);
    }

    /// A caller waits in a queue.
    pub(super) fn caller(&mut self, turn: &mut Turn<'_>, fact: &CallerFact) {
        let call = fact.call.as_ref().map(|key| turn.mark.source.entity(key));
        let slot = call.as_ref().and_then(|id| self.calls.get(id));
        if slot.is_some_and(|slot| !slot.is_open()) {
            return;
        }
        let Some(queue) = self.queue_at(turn, &fact.queue) else {
            return;
        };
        let id = caller_id(&queue.id, &fact.key);
        self.confirm(turn, &id);
        let known = self.get::<Caller>(&id);
        let first = known.is_none();
        let mut caller = known.map_or_else(
            || Caller {
                call: call.clone(),
                queue: queue.clone(),
                party: Party::default(),
                position: None,
                state: fact.state,
                entered_at: fact.entered_at.or(Some(turn.mark.when())),
                version: 0,
            },
            |known| (*known).clone(),
        );
        let mut fields = Fields::default();
        let mut party = caller.party.clone();
        party.merge(&fact.party);
        if party != caller.party {
            let tenant = turn.mark.tenant.clone();
            self.enrich(&turn.mark.source, tenant.as_ref(), &mut party);
            caller.party = party;
            fields.note("party");
        }
        fields.set("position", &mut caller.position, &fact.position);
        if caller.state != fact.state {
            caller.state = fact.state;
            fields.note("state");
        }
        fields.set("call", &mut caller.call, &call);
        if !first && fields.is_empty() {
            self.seen::<Caller>(turn, &id);
            return;
        }
        let kind = if first {
            EventType::QueueCallerJoined
        } else {
            EventType::QueueCallerMoved
        };
        let change = if first {
            Change::default()
        } else {
            fields.change()
        };
        let entered = caller.entered_at.unwrap_or_else(|| turn.mark.when());
        let tally = self.tallies.entry(queue.id.clone()).or_default();
        tally.waiting.insert((entered, id.clone()));
        if let Some(call) = &call {
            self.waits(turn, call, &queue, &id, entered);
        }
        let saying = Saying {
            change,
            data: self.with_queue(&queue.id),
            closes: false,
        };
        self.publish(turn, kind, &id, caller, saying);
    }

    /// A caller waits no more.
    pub(super) fn caller_left(
        &mut self,
        turn: &mut Turn<'_>,
        queue: &Ref,
        key: &Text,
        reason: &Text,
    ) {
        if let Some(Found::Known(queue, _)) = self.find_queue(turn, queue) {
            self.remove_caller(turn, &caller_id(&queue, key), reason);
        }
    }

    pub(super) fn remove_caller(&mut self, turn: &mut Turn<'_>, id: &EntityId, reason: &Text) {
        let Some(caller) = self.get::<Caller>(id) else {
            return;
        };
        if let Some(tally) = self.tallies.get_mut(&caller.queue.id) {
            let entered = caller.entered_at.unwrap_or_default();
            if !tally.waiting.remove(&(entered, id.clone())) {
                tally.waiting.retain(|(_, other)| other != id);
            }
        }
        let mut data = self.with_queue(&caller.queue.id);
        data.reason = Some(Text::clone(reason));
        let saying = Saying {
            data,
            closes: true,
            ..Saying::default()
        };
        let gone = (*caller).clone();
        self.publish(turn, EventType::QueueCallerLeft, id, gone, saying);
        if let Some(call) = &caller.call
            && let Some(mut slot) = self.calls.remove(call)
        {
            slot.waiting.retain(|waiting| waiting != id);
            slot.pending.touched = true;
            slot.mark = Some(turn.mark.clone());
            self.put_call(turn, slot);
        }
    }

    /// The call of a caller is over: nobody waits for it any more.
    pub(super) fn leave_queues(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, end: &End) {
        let reason: Text = match (end.outcome, end.cause) {
            (Outcome::Answered, _) => "answered",
            (Outcome::Abandoned, _) => "abandoned",
            (_, Cause::QueueOverflow) => "overflow",
            (_, Cause::QueueCallback) => "callback",
            _ => "removed",
        }
        .into();
        for id in std::mem::take(&mut slot.waiting) {
            self.remove_caller(turn, &id, &reason);
        }
    }

    fn waits(
        &mut self,
        turn: &mut Turn<'_>,
        call: &EntityId,
        queue: &QueueRef,
        caller: &EntityId,
        entered: Timestamp,
    ) {
        let Some(mut slot) = self.calls.remove(call) else {
            return;
        };
        if !slot.waiting.contains(caller) {
            slot.waiting.push(caller.clone());
        }
        slot.mark = Some(turn.mark.clone());
        slot.pending.touched = true;
        self.involve_queue(&mut slot.involved, queue);
        if slot.call.queue.as_ref().map(|known| &known.id) != Some(&queue.id) {
            slot.call_mut().queue = Some(queue.clone());
            slot.changed("queue");
        }
        slot.queue_since(entered);
        let route = Route {
            kind: RouteKind::Queue,
            id: Some(queue.id.key().into()),
            number: queue.number.clone(),
            name: queue.name.clone(),
        };
        let there = slot.call.route.as_ref().is_some_and(|known| {
            known.kind == RouteKind::Queue
                && (known.id == route.id
                    || (known.number.is_some() && known.number == route.number))
        });
        if !there {
            self.route(turn, &mut slot, &route, Some(entered));
        }
        self.put_call(turn, slot);
    }

    /// A caller waited longer than promised.
    pub(super) fn sla_breached(
        &mut self,
        turn: &mut Turn<'_>,
        queue: &Ref,
        caller: &Party,
        breach: &Breach,
    ) {
        let Some(queue) = self.queue_at(turn, queue) else {
            return;
        };
        let number = caller.number.as_ref().map_or("", |number| &*number.raw);
        if self.repeated(turn, &format!("breach {} {number} {breach:?}", queue.id)) {
            return;
        }
        let Some(entity) = self.get::<Queue>(&queue.id) else {
            return;
        };
        // The caller is named by number only; who of that number waits is the one meant.
        let waiting = self
            .view
            .callers_of(&queue.id)
            .find(|stored| {
                let known = stored.entity.party.number.as_ref();
                known.is_some_and(|known| *known.raw == *number)
            })
            .map(|stored| Arc::clone(&stored.entity));
        let data = Data {
            caller: waiting,
            breach: Some(breach.clone()),
            ..Data::default()
        };
        let saying = Saying {
            data,
            ..Saying::default()
        };
        let kind = EventType::QueueSlaBreached;
        let draft = self.publish(turn, kind, &queue.id, (*entity).clone(), saying);
        draft.private |= caller.private;
    }

    /// The queue with its counters as they are now. They travel with callers and agents, not in events of their own.
    fn with_queue(&mut self, id: &EntityId) -> Data {
        let Some(stored) = self.view.queues.get(id) else {
            return Data::default();
        };
        let mut queue = (*stored.entity).clone();
        if let Some(tally) = self.tallies.get(id) {
            tally.write(&mut queue);
        }
        if queue != *stored.entity {
            let mut stored = Stored::clone(stored);
            stored.entity = Arc::new(queue);
            stored.json = OnceLock::new();
            self.view.queues.insert(id.clone(), Arc::new(stored));
            self.dirty.insert((Collection::Queues, id.clone()));
        }
        Data {
            queue: self.get::<Queue>(id),
            ..Data::default()
        }
    }

    /// Counts the callers and agents that are known.
    pub(super) fn recount(&mut self) {
        self.tallies.clear();
        for (id, stored) in &self.view.callers {
            let caller = &stored.entity;
            let tally = self.tallies.entry(caller.queue.id.clone()).or_default();
            let entered = caller.entered_at.unwrap_or(stored.seen);
            tally.waiting.insert((entered, id.clone()));
        }
        for stored in self.view.agents.values() {
            let agent = &stored.entity;
            let tally = self.tallies.entry(agent.queue.id.clone()).or_default();
            tally.agent(agent.state, 1);
        }
    }
}

impl Tally {
    fn agent(&mut self, state: AgentState, by: i32) {
        let add = |counter: &mut u32| *counter = counter.saturating_add_signed(by);
        add(&mut self.total);
        match state {
            AgentState::Ready => add(&mut self.ready),
            AgentState::Busy => add(&mut self.busy),
            AgentState::LoggedOut
            | AgentState::NotReady
            | AgentState::Reserved
            | AgentState::AfterCallWork
            | AgentState::Unknown => {}
        }
    }

    fn write(&self, queue: &mut Queue) {
        queue.waiting = Some(u32::try_from(self.waiting.len()).unwrap_or(u32::MAX));
        queue.longest_waiting_since = self.waiting.first().map(|(since, _)| *since);
        if self.total > 0 || queue.agents_total.is_some() {
            queue.agents_total = Some(self.total);
            queue.agents_ready = Some(self.ready);
            queue.agents_busy = Some(self.busy);
        }
    }
}

/// `<source>:<extension>@<queue>`.
fn agent_id(extension: Option<&EntityId>, queue: &QueueRef) -> Option<EntityId> {
    let extension = extension?;
    let text = format!("{}@{}", extension.as_str(), queue.id.key());
    Some(EntityId::from_text(&text))
}

fn caller_id(queue: &EntityId, key: &str) -> EntityId {
    EntityId::from_text(&format!("{queue}/callers/{key}"))
}

fn new_queue(id: &EntityId, at: &Ref) -> Queue {
    Queue {
        id: id.clone(),
        number: at.number.clone(),
        name: None,
        kind: QueueKind::Queue,
        waiting: None,
        longest_waiting_since: None,
        agents_ready: None,
        agents_busy: None,
        agents_total: None,
        version: 0,
        native: Native::new(),
    }
}
