//! Legs: facts about one endpoint of a call, in any order.
//!
//! Every time of a leg is the earliest that was told, and `ended` absorbs every state, so the order in which facts
//! arrive does not matter for what the leg is in the end.

use std::sync::Arc;

use model::{
    Basis, Change, Data, End, EntityId, EventType, Leg, LegRole, LegState, Outcome, Party,
    RouteKind, Text, Timestamp,
    event::Transition,
    observation::{LegFact, LegPatch, Ref},
};

use super::{
    hold::add_hold,
    slot::Slot,
    times::{Times, earliest},
};
use crate::{
    block::Key,
    state::{State, mark::Turn},
};

/// The most open legs of a call.
const MAX_OPEN: usize = 64;

impl State {
    /// Folds what a message tells of a leg.
    pub(in crate::state) fn leg(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, fact: &LegFact) {
        let id = turn.mark.source.entity(&fact.leg);
        if !slot.omitted.is_empty() && slot.omitted.contains(&Key::of(id.as_str())) {
            return;
        }
        let (index, mut step) = match slot.leg_index(&id) {
            Some(index) => (index, Step::default()),
            None => match self.meet_leg(turn, slot, id, fact) {
                Some(found) => found,
                None => return,
            },
        };
        self.describe_leg(turn, slot, index, &fact.patch, &mut step);
        if let Some(state) = fact.state {
            self.move_leg(turn, slot, index, state, fact.end.as_ref(), &mut step);
        }
        self.say_leg(turn, slot, index, &step);
        self.after_leg(turn, slot, index);
    }

    fn meet_leg(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        id: EntityId,
        fact: &LegFact,
    ) -> Option<(usize, Step)> {
        let at = turn.mark.when();
        let ended_at = slot.call.ended_at;
        // A leg may turn out to have been there, but none can begin after the end.
        if ended_at.is_some_and(|ended| turn.mark.time.is_none_or(|time| time > ended)) {
            return None;
        }
        if slot.call.open_legs().count() >= MAX_OPEN {
            self.degraded(turn, "a call has more than 64 open legs");
            return None;
        }
        let queued = fact.state == Some(LegState::Queued);
        let mut leg = Leg {
            id,
            role: fact.patch.role.unwrap_or(LegRole::Callee),
            state: if queued {
                LegState::Queued
            } else {
                LegState::Initiated
            },
            party: Party::default(),
            device: None,
            queue: None,
            started_at: at,
            ringing_at: None,
            answered_at: None,
            ended_at: None,
            end: None,
            other_leg: None,
            native: model::Native::new(),
        };
        if let Some(ended_at) = ended_at {
            leg.state = LegState::Ended;
            leg.ended_at = Some(ended_at);
            leg.end = slot.call.end.as_ref().map(forced);
        }
        let index = slot.call.legs.len();
        slot.call_mut().legs.push(Arc::new(leg));
        if queued {
            slot.queue_since(at);
        }
        let mut step = Step::default();
        self.describe_leg(turn, slot, index, &fact.patch, &mut step);
        step = Step {
            kind: Some(EventType::LegStarted),
            at: Some(at),
            ..Step::default()
        };
        self.say_leg(turn, slot, index, &step);
        Some((
            index,
            Step {
                fresh: true,
                ..Step::default()
            },
        ))
    }

    fn describe_leg(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        index: usize,
        patch: &LegPatch,
        step: &mut Step,
    ) {
        let tenant = slot.call.tenant.clone();
        let mut leg = Arc::clone(&slot.call.legs[index]);
        let mut told = Vec::new();
        if let Some(role) = patch.role.filter(|role| *role != leg.role) {
            Arc::make_mut(&mut leg).role = role;
            told.push("role");
        }
        if let Some(party) = &patch.party {
            let mut merged = leg.party.clone();
            merged.merge(party);
            if merged != leg.party {
                self.enrich(&turn.mark.source, tenant.as_ref(), &mut merged);
                if merged != leg.party {
                    Arc::make_mut(&mut leg).party = merged;
                    told.push("party");
                }
            }
        }
        if let Some(device) = patch
            .device
            .as_ref()
            .filter(|device| leg.device.as_ref() != Some(device))
        {
            Arc::make_mut(&mut leg).device = Some(Text::clone(device));
            told.push("device");
        }
        let is_service = leg.role == LegRole::Service;
        let queue = patch.queue.clone().or_else(|| {
            let route = patch.route.as_ref().filter(|_| is_service)?;
            (route.kind == RouteKind::Queue).then(|| Ref {
                id: route.id.clone(),
                number: route.number.clone(),
            })
        });
        if let Some(queue) = queue.and_then(|at| self.queue_at(turn, &at))
            && leg.queue.as_ref().map(|known| &known.id) != Some(&queue.id)
        {
            Arc::make_mut(&mut leg).queue = Some(queue);
            told.push("queue");
        }
        let mut native = leg.native.clone();
        native.merge(&patch.native);
        if native != leg.native {
            Arc::make_mut(&mut leg).native = native;
            told.push("native");
        }
        if let Some(route) = &patch.route
            && is_service
        {
            match slot.routes.iter_mut().find(|(id, _)| *id == leg.id) {
                Some((_, known)) => known.clone_from(route),
                None => slot.routes.push((leg.id.clone(), route.clone())),
            }
        }
        if !told.is_empty() {
            self.involve_party(&mut slot.involved, &leg.party);
            if let Some(queue) = &leg.queue {
                self.involve_queue(&mut slot.involved, queue);
            }
            slot.call_mut().legs[index] = leg;
            step.fields.extend(told);
        }
    }

    fn move_leg(
        &mut self,
        turn: &Turn<'_>,
        slot: &mut Slot,
        index: usize,
        state: LegState,
        end: Option<&End>,
        step: &mut Step,
    ) {
        let told = turn.mark.time;
        let at = turn.mark.when();
        let leg = Arc::clone(&slot.call.legs[index]);
        let mut times = Times::of_leg(&leg);
        let before = times;
        step.from = Some(leg.state);
        step.at = Some(at);
        let over = leg.state == LegState::Ended;
        // What a closed leg went through may still be told, not what happens after its end.
        if over
            && state != LegState::Ended
            && told.is_none_or(|told| times.ended.is_some_and(|ended| told > ended))
        {
            return;
        }
        let mut now = leg.state;
        match state {
            LegState::Initiated => times.started = earliest(times.started, told),
            LegState::Queued => {
                if leg.state == LegState::Initiated {
                    now = LegState::Queued;
                }
                if slot.call.queued_at.is_none() || told.is_some() {
                    slot.queue_since(at);
                }
            }
            LegState::Ringing => {
                if times.ringing.is_none() || told.is_some() {
                    times.ringing = earliest(times.ringing, Some(at));
                }
                if matches!(leg.state, LegState::Initiated | LegState::Queued) {
                    now = LegState::Ringing;
                }
                if before.ringing.is_none() {
                    step.kind = Some(EventType::LegRinging);
                    step.late = now != LegState::Ringing;
                }
            }
            LegState::Connected | LegState::Held => {
                let since = slot.hold_since(&leg.id).or(times.answered);
                if times.answered.is_none() || told.is_some() {
                    times.answered = earliest(times.answered, Some(at));
                }
                let stale = since.is_some_and(|since| told.is_some_and(|told| told <= since));
                if over || (stale && since.is_some()) {
                    if before.answered.is_none() {
                        step.kind = Some(EventType::LegAnswered);
                        step.late = true;
                    } else if let (Some(since), true) = (since, times.answered != before.answered) {
                        // The earlier time is that of the answer; when the present state began must not be lost by it.
                        slot.set_hold_since(&leg.id, since);
                    }
                } else {
                    now = state;
                    self.toggle_hold(slot, &leg, state, at, step);
                }
            }
            LegState::Ended => {
                if over {
                    self.amend_end(slot, index, end, told, &mut times, step);
                } else {
                    now = LegState::Ended;
                    times.ended = Some(at);
                    step.kind = Some(EventType::LegEnded);
                    if leg.state == LegState::Held {
                        add_hold(slot, &leg, at);
                    }
                    if let Some(end) = end {
                        let end = fitting(end, leg.answered_at.is_some());
                        Arc::make_mut(&mut slot.call_mut().legs[index]).end = Some(end);
                    }
                }
            }
        }
        if now == leg.state && times == before {
            return;
        }
        let leg = Arc::make_mut(&mut slot.call_mut().legs[index]);
        leg.state = now;
        let named = [
            ("started_at", times.started != before.started),
            ("ringing_at", times.ringing != before.ringing),
            ("answered_at", times.answered != before.answered),
            ("ended_at", times.ended != before.ended),
        ];
        times.write_leg(leg);
        if step.kind.is_none() || step.late {
            step.fields
                .extend(named.iter().filter(|(_, new)| *new).map(|(name, _)| *name));
        }
        step.to = Some(now);
        step.jump = is_jump(leg, step);
    }

    /// A leg that is over already is said to be over: the better knowledge of the two stays.
    fn amend_end(
        &mut self,
        slot: &mut Slot,
        index: usize,
        end: Option<&End>,
        told: Option<Timestamp>,
        times: &mut Times,
        step: &mut Step,
    ) {
        let leg = &slot.call.legs[index];
        let answered = leg.answered_at.is_some();
        // A leg that was closed because its call was over has the call's time only until its own is told.
        let assumed = leg
            .end
            .as_ref()
            .is_some_and(|end| end.basis == Basis::Inferred);
        if let Some(told) = told
            && (assumed || times.ended.is_none_or(|ended| told < ended))
        {
            times.ended = Some(told);
        }
        let Some(end) = end.map(|end| fitting(end, answered)) else {
            return;
        };
        if leg.end.as_ref().is_none_or(|known| is_better(&end, known)) {
            Arc::make_mut(&mut slot.call_mut().legs[index]).end = Some(end);
            step.fields.push("end");
        }
    }

    /// Publishes a step of a leg, or what else is new about it.
    pub(super) fn say_leg(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        index: usize,
        step: &Step,
    ) {
        let moved = step.to.is_some() && step.from != step.to;
        let kind = match step.kind {
            Some(kind) => kind,
            None if moved || !step.fields.is_empty() => EventType::LegUpdated,
            None => return,
        };
        slot.pending.touched = true;
        if step.late {
            slot.pending.late = true;
        }
        // After the end there are no events of legs: the call tells what was learnt. So it does of a leg that is over
        // and of which only the PBX's own attributes are new: a record brings them for every leg.
        let told_by_call = kind == EventType::LegUpdated
            && !slot.call.legs[index].is_open()
            && step.fields.iter().all(|field| *field == "native");
        if !slot.told.is_open() || told_by_call {
            return;
        }
        let at = step.at.unwrap_or_else(|| turn.mark.when());
        if kind != EventType::LegUpdated && kind != EventType::LegStarted {
            slot.pending.at = Some(at);
        }
        if step.jump {
            self.counters.jumps += 1;
        }
        let state = |state: Option<LegState>| state.map(|state| Text::from(state.as_str()));
        let change = Change {
            from: state(step.from).filter(|_| moved),
            to: state(step.to).filter(|_| moved),
            fields: step.fields.iter().map(|field| Text::from(*field)).collect(),
            transition: step.jump.then_some(Transition::Jump),
        };
        self.refresh_handled(slot);
        let data = Data {
            leg: Some(Arc::clone(&slot.call.legs[index])),
            change: (change != Change::default()).then_some(change),
            ..Data::default()
        };
        let late = step.late;
        self.say_call(turn, slot, kind, at, late, data);
    }

    /// What a step of a leg does to the call beside its own event.
    fn after_leg(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, index: usize) {
        let leg = Arc::clone(&slot.call.legs[index]);
        if leg.role == LegRole::Service
            && leg.answered_at.is_some()
            && let Some(at) = slot.routes.iter().position(|(id, _)| *id == leg.id)
        {
            let (_, route) = slot.routes.remove(at);
            self.route(turn, slot, &route, leg.answered_at);
        }
        if leg.role == LegRole::Service
            && let Some(queue) = &leg.queue
            && slot.call.queue.as_ref().map(|queue| &queue.id) != Some(&queue.id)
            && (leg.answered_at.is_some() || leg.state == LegState::Queued)
        {
            slot.call_mut().queue = Some(queue.clone());
            slot.changed("queue");
        }
        if leg.role == LegRole::Service
            && leg.queue.is_some()
            && let Some(answered) = leg.answered_at
        {
            slot.queue_since(answered);
        }
        if slot.is_open() {
            self.watch_legs(turn, slot);
        }
    }

    /// Starts or stops the wait for the end of a call that has no open leg.
    pub(super) fn watch_legs(&mut self, turn: &Turn<'_>, slot: &mut Slot) {
        if slot.has_open_leg() || slot.call.legs.is_empty() {
            slot.grace = None;
        } else if slot.grace.is_none() {
            slot.grace = Some(turn.now.mono + self.settings(&turn.mark.source).call_grace);
        }
        slot.pending.touched = true;
    }
}

/// What a message did to a leg.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) kind: Option<EventType>,
    pub(super) from: Option<LegState>,
    pub(super) to: Option<LegState>,
    pub(super) fields: Vec<&'static str>,
    pub(super) at: Option<Timestamp>,
    /// It was over when it was told.
    pub(super) late: bool,
    pub(super) jump: bool,
    pub(super) fresh: bool,
}

fn is_jump(leg: &Leg, step: &Step) -> bool {
    let begun = matches!(
        step.from,
        Some(LegState::Initiated | LegState::Queued) | None
    );
    match step.kind {
        Some(EventType::LegAnswered) => {
            !step.late && begun && leg.role == LegRole::Callee && leg.ringing_at.is_none()
        }
        Some(EventType::LegHeld) => !matches!(step.from, Some(LegState::Connected)),
        Some(EventType::LegEnded) => step.fresh,
        _ => false,
    }
}

/// The end of a leg that ends because its call is over.
pub(super) fn forced(end: &End) -> End {
    End {
        basis: Basis::Inferred,
        ..end.clone()
    }
}

/// An end cannot say `missed` of a leg that was answered.
fn fitting(end: &End, answered: bool) -> End {
    let mut end = end.clone();
    if answered && matches!(end.outcome, Outcome::Unknown | Outcome::Missed) {
        end.outcome = Outcome::Answered;
    }
    end
}

/// True when an end tells more than the one that is known.
pub(super) fn is_better(told: &End, known: &End) -> bool {
    let weight = |end: &End| {
        (
            end.cause != model::Cause::Unknown,
            end.basis == Basis::Native,
            end.sip.is_some() || end.q850.is_some() || end.native.is_some(),
        )
    };
    told.cause != known.cause && weight(told) > weight(known)
        || told.cause == known.cause
            && (told.sip.is_some() && known.sip.is_none()
                || told.native.is_some() && known.native.is_none()
                || told.ended_by != known.ended_by && known.ended_by == model::EndedBy::Unknown)
}
