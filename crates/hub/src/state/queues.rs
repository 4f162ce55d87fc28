//! Queues and their counters.

use std::{collections::BTreeSet, sync::Arc, sync::OnceLock};

use model::{
    AgentState, Change, Collection, Data, EntityId, EventType, Native, Queue, QueueKind, QueueRef,
    Timestamp,
    observation::{QueuePatch, Ref},
    source::Action,
};

use super::{State, Stored, fields::Fields, keep::Saying, mark::Turn, refs::Found};

/// What the counters of a queue are made of.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) waiting: BTreeSet<(Timestamp, EntityId)>,
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

    pub(super) fn find_queue(&self, turn: &Turn<'_>, at: &Ref) -> Option<Found> {
        let known = |id: &EntityId| self.view.queues.contains_key(id);
        let (source, tenant) = (&turn.mark.source, turn.mark.tenant.as_ref());
        self.names
            .find(Collection::Queues, source, tenant, at, known)
    }

    pub(super) fn meet_queue(
        &mut self,
        turn: &mut Turn<'_>,
        at: &Ref,
    ) -> Option<(EntityId, Option<Queue>)> {
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

    pub(super) fn learn_queue(&mut self, turn: &Turn<'_>, queue: &Queue) {
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

    /// The queue with its counters as they are now. They travel with callers and agents, not in events of their own.
    pub(super) fn with_queue(&mut self, id: &EntityId) -> Data {
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
    pub(super) fn agent(&mut self, state: AgentState, by: i32) {
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
