//! Callers: who waits in a queue, and the call he waits with.

use std::sync::Arc;

use model::{
    Caller, Cause, Change, Data, End, EntityId, EventType, Outcome, Party, Queue, QueueRef, Route,
    RouteKind, Text, Timestamp,
    event::Breach,
    observation::{CallerFact, Ref},
};

use super::{State, call::Slot, fields::Fields, keep::Saying, mark::Turn, refs::Found};

impl State {
    /// A caller waits in a queue.
    pub(super) fn caller(&mut self, turn: &mut Turn<'_>, fact: &CallerFact) {
        let call = fact.call.as_ref().map(|key| turn.mark.source.entity(key));
        if call.as_ref().is_some_and(|id| self.is_over(turn, id)) {
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
            let waiters = self.waiters.entry(call.clone()).or_default();
            if !waiters.contains(&id) {
                waiters.push(id.clone());
            }
            if let Some(mut slot) = self.calls.remove(call) {
                self.waits(turn, &mut slot, &queue, &id, entered);
                self.put_call(turn, slot);
            }
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
            && let Some(waiters) = self.waiters.get_mut(call)
        {
            waiters.retain(|waiting| waiting != id);
            if waiters.is_empty() {
                self.waiters.remove(call);
            }
        }
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

    pub(super) fn waits(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        queue: &QueueRef,
        caller: &EntityId,
        entered: Timestamp,
    ) {
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
            self.route(turn, slot, &route, Some(entered));
        }
    }

    /// A call starts whose caller is known to wait in queues.
    pub(super) fn waits_already(&mut self, turn: &mut Turn<'_>, slot: &mut Slot) {
        let Some(waiters) = self.waiters.get(&slot.call.id).cloned() else {
            return;
        };
        for id in waiters {
            if let Some(caller) = self.get::<Caller>(&id) {
                let entered = caller.entered_at.unwrap_or_else(|| turn.mark.when());
                self.waits(turn, slot, &caller.queue, &id, entered);
            }
        }
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
            breach: Some(Box::new(breach.clone())),
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
}

fn caller_id(queue: &EntityId, key: &str) -> EntityId {
    EntityId::from_text(&format!("{queue}/callers/{key}"))
}
