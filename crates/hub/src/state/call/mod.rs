//! Calls: facts in, and the events of a call in their order.

mod cdr;
mod derive;
mod end;
mod hold;
mod legs;
mod orphans;
mod patch;
mod slot;
mod times;
mod transfer;

use std::{sync::Arc, time::Duration};

use model::{
    Call, CallState, Change, Collection, Data, End, EntityId, EventType, Text, Timestamp,
    event::Transition,
    observation::{CallPatch, Fact},
};

pub(super) use orphans::Orphans;
pub(super) use slot::{Ending, Remembered, RememberedEnd, Slot};

use super::{
    Last, State,
    mark::{About, Mark, Turn, subject},
};
use crate::draft::Closing;

impl State {
    /// Folds a fact about a call. A call that is not known yet is created, or the fact waits for it.
    pub(super) fn call_fact(&mut self, turn: &mut Turn<'_>, key: &Text, fact: &Fact) {
        let id = turn.mark.source.entity(key);
        if let Some(mut slot) = self.take_call(turn, &id) {
            self.fold_call_fact(turn, &mut slot, fact);
            self.put_call(turn, slot);
            return;
        }
        match fact {
            Fact::Call {
                opens: true, patch, ..
            } => {
                let Some(slot) = self.start_call(turn, id.clone(), patch, turn.mark.when()) else {
                    return;
                };
                self.put_call(turn, slot);
                self.release_orphans(turn, &id);
            }
            Fact::Call { .. }
            | Fact::Leg(_)
            | Fact::Transferred { .. }
            | Fact::Parked { .. }
            | Fact::CallEnded { .. } => self.orphan(turn, &id, fact),
            _ => {}
        }
    }

    /// Folds a fact into a call that is there.
    pub(super) fn fold_call_fact(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, fact: &Fact) {
        if slot.hollow {
            // One fact does not make whole what is forgotten, and only whole calls are published.
            return;
        }
        slot.mark = Some(turn.mark.clone());
        match fact {
            Fact::Call { opens, patch, .. } => {
                if *opens && slot.is_open() {
                    self.begin_earlier(turn, slot);
                }
                self.patch_call(turn, slot, patch);
            }
            Fact::Leg(leg) => self.leg(turn, slot, leg),
            Fact::Transferred {
                kind,
                from,
                to,
                related,
                ..
            } => self.transferred(
                turn,
                slot,
                *kind,
                from.as_ref(),
                to.as_ref(),
                related.as_ref(),
            ),
            Fact::Parked { slot: place, .. } => self.park(turn, slot, place.as_ref()),
            Fact::CallEnded { end, settle, .. } => {
                self.call_ended(turn, slot, end.as_ref(), *settle);
            }
            _ => {}
        }
    }

    /// Takes a call out of the state, to be changed and put back. Calls that ended long ago come from the archive.
    pub(super) fn take_call(&mut self, turn: &mut Turn<'_>, id: &EntityId) -> Option<Box<Slot>> {
        if let Some(slot) = self.calls.remove(id) {
            return Some(slot);
        }
        let archived = turn.archive.find(Collection::Calls, id)?;
        let mut slot = match archived.last {
            Last::Event(last) => Slot::new((*last.data.call?).clone(), last.recordedtime),
            Last::Remains(remains) => {
                let source = turn.mark.source.clone();
                let call = remains.call(archived.id, source, archived.version);
                let mut slot = Slot::new(call, turn.now.wall);
                slot.hollow = true;
                slot
            }
        };
        self.involve_call(&mut slot);
        let slot = Box::new(slot);
        self.remember_ended(turn.now.mono, &slot);
        Some(slot)
    }

    /// Whether a call was known and has ended.
    pub(super) fn is_over(&mut self, turn: &mut Turn<'_>, id: &EntityId) -> bool {
        let Some(slot) = self.take_call(turn, id) else {
            return false;
        };
        let over = !slot.is_open();
        self.calls.insert(id.clone(), slot);
        over
    }

    pub(super) fn put_call(&mut self, turn: &mut Turn<'_>, mut slot: Box<Slot>) {
        let id = slot.call.id.clone();
        self.confirm(turn, &id);
        if slot.seen < self.gap_end(&slot.call.source) {
            slot.seen = turn.mark.recorded;
        }
        if !self.touched.contains(&id) {
            self.touched.push(id.clone());
        }
        self.calls.insert(id, slot);
        if self.touched.len() >= MAX_TOUCHED {
            self.settle_touched(turn);
        }
    }

    /// The first sign of a call. None when the source has too many.
    pub(super) fn start_call(
        &mut self,
        turn: &mut Turn<'_>,
        id: EntityId,
        patch: &CallPatch,
        started_at: Timestamp,
    ) -> Option<Box<Slot>> {
        let max_call_age = {
            let settings = self.settings(&turn.mark.source);
            if self.open_calls(&turn.mark.source) >= settings.max_open_calls {
                self.degraded(turn, "too many open calls");
                return None;
            }
            settings.max_call_age
        };
        let call = Call {
            tenant: turn.mark.tenant.clone(),
            ..Call::begun(id, turn.mark.source.clone(), started_at)
        };
        let mut slot = Box::new(Slot::new(call, turn.mark.recorded));
        slot.mark = Some(turn.mark.clone());
        slot.age = Some(turn.now.mono + max_call_age);
        self.count_open(&turn.mark.source, 1);
        self.patch_call(turn, &mut slot, patch);
        slot.fields.clear();
        let routed = std::mem::take(&mut slot.pending.routed);
        self.say_call(
            turn,
            &mut slot,
            EventType::CallStarted,
            started_at,
            false,
            Data::default(),
        );
        slot.pending.routed = routed;
        self.waits_already(turn, &mut slot);
        Some(slot)
    }

    /// Publishes what the frame did to the calls it touched, after the events of their legs.
    pub(super) fn settle_touched(&mut self, turn: &mut Turn<'_>) {
        for id in std::mem::take(&mut self.touched) {
            let Some(mut slot) = self.calls.remove(&id) else {
                continue;
            };
            let mark = slot.mark.take().unwrap_or_else(|| turn.mark.clone());
            let mark = mark.recorded_at(turn.now.wall);
            turn.under(mark, |turn| {
                self.announce(turn, &mut slot);
                self.end_if_due(turn, &mut slot);
                self.keep_call(turn, slot);
            });
        }
    }

    /// Publishes an event of a call: the call as it is now, one version on.
    pub(super) fn say_call(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        kind: EventType,
        at: Timestamp,
        late: bool,
        mut data: Data,
    ) {
        slot.call_mut().version += 1;
        slot.told = Arc::clone(&slot.call);
        slot.seen = turn.mark.recorded;
        data.call = Some(Arc::clone(&slot.call));
        let call = &slot.call;
        let about = About {
            kind,
            time: at,
            subject: subject("calls", &call.id),
            partition: call.id.text(),
            correlation: Some(call.interaction_id.text()),
            tenant: call.tenant.clone(),
            version: call.version,
            involved: &slot.involved,
        };
        let over = !call.is_open();
        let draft = turn.say(about, data);
        if late && kind.is_perishable() {
            draft.expires = Some(draft.recorded);
        }
        if over {
            draft.closes = Some(Closing {
                collection: Collection::Calls,
                aliases: Vec::new(),
            });
        }
    }

    /// Publishes a change of the call itself, with whatever else changed since its last event.
    pub(super) fn change_call(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        kind: EventType,
        at: Timestamp,
        mut data: Data,
    ) {
        let (from, to) = (slot.told.state, slot.call.state);
        let skipped = from == CallState::Setup
            && kind == EventType::CallAnswered
            && slot.call.ringing_at.is_none();
        let fields = std::mem::take(&mut slot.fields);
        let change = Change {
            from: (from != to).then(|| from.as_str().into()),
            to: (from != to).then(|| to.as_str().into()),
            fields: fields.into_iter().map(Text::from).collect(),
            transition: skipped.then_some(Transition::Jump),
        };
        data.change = (change != Change::default()).then_some(change);
        let late = slot.pending.late;
        self.say_call(turn, slot, kind, at, late, data);
    }

    /// Notes a told end. It is settled when the frame is folded, or when the wait for more is over.
    fn call_ended(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        end: Option<&End>,
        settle: Duration,
    ) {
        if !slot.is_open() {
            self.amend_call_end(turn, slot, end);
            return;
        }
        slot.pending.touched = true;
        let deadline = turn.now.mono + settle;
        let time = turn.mark.when();
        match &mut slot.ending {
            None => {
                slot.ending = Some(Ending {
                    end: end.cloned(),
                    time,
                    deadline,
                    mark: turn.mark.clone(),
                });
            }
            Some(ending) => {
                ending.deadline = ending.deadline.min(deadline);
                if turn.mark.time.is_some() {
                    ending.time = ending.time.min(time);
                }
                if let Some(end) = end
                    && ending
                        .end
                        .as_ref()
                        .is_none_or(|known| legs::is_better(end, known))
                {
                    ending.end = Some(end.clone());
                    ending.mark = turn.mark.clone();
                }
            }
        }
    }

    /// Notes which extensions and queues a call involves, from what the call shows.
    pub(super) fn involve_call(&self, slot: &mut Slot) {
        let call = Arc::clone(&slot.call);
        let involved = &mut slot.involved;
        self.involve_party(involved, &call.caller);
        self.involve_party(involved, &call.callee);
        if let Some(queue) = &call.queue {
            self.involve_queue(involved, queue);
        }
        for leg in &call.legs {
            self.involve_party(involved, &leg.party);
            if let Some(queue) = &leg.queue {
                self.involve_queue(involved, queue);
            }
        }
        for handled in &call.handled_by {
            self.involve_party(involved, &handled.party);
        }
    }
}

/// The most calls whose changes wait for the end of a frame; a list of more is settled in parts.
const MAX_TOUCHED: usize = 64;

/// The mark of a call that ends because time passed.
pub(super) fn timed(mark: Mark, at: Timestamp) -> Mark {
    Mark {
        time: Some(at),
        ..mark
    }
}
