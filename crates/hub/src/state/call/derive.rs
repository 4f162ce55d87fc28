//! What follows for a call from its legs: its state, its times, who answered, who handled it.

use std::sync::Arc;

use model::{Call, CallState, Data, EventType, Handled, Leg, LegRole, LegState, Party, Timestamp};

use super::{
    slot::{Pending, Slot},
    times::{Times, earliest},
};
use crate::{
    block::Key,
    state::{State, mark::Turn},
};

/// What the legs say.
struct Derived {
    state: CallState,
    ringing: Option<Timestamp>,
    answered: Option<Timestamp>,
    answered_by: Option<Party>,
}

impl State {
    /// Publishes what the folded facts mean for the call, step by step.
    pub(in crate::state) fn announce(&mut self, turn: &mut Turn<'_>, slot: &mut Slot) {
        if !slot.told.is_open() {
            self.amend(turn, slot);
            slot.pending = Pending::default();
            return;
        }
        if !slot.pending.touched {
            return;
        }
        let at = slot.pending.at.unwrap_or_else(|| turn.mark.when());
        let derived = derive(slot);
        self.refresh_handled(slot);
        if std::mem::take(&mut slot.pending.routed) {
            if matches!(derived.state, CallState::Service | CallState::Queued) {
                slot.call_mut().state = derived.state;
            }
            self.change_call(turn, slot, EventType::CallRouted, at, Data::default());
        }
        self.announce_ringing(turn, slot, &derived);
        self.announce_answer(turn, slot, &derived);
        if let Some(transfer) = slot.pending.transfer.take() {
            slot.call_mut().state = derived.state;
            let data = Data {
                transfer: Some(Box::new(transfer)),
                ..Data::default()
            };
            self.change_call(turn, slot, EventType::CallTransferred, at, data);
        }
        let from = slot.told.state;
        if slot.call.state != derived.state {
            slot.call_mut().state = derived.state;
        }
        let kind = match (from, derived.state) {
            (from, to) if from == to => EventType::CallUpdated,
            (_, CallState::Parked) => EventType::CallParked,
            (CallState::Parked, _) => EventType::CallUnparked,
            (CallState::Active, CallState::Held) => EventType::CallHeld,
            (CallState::Held, CallState::Active) => EventType::CallResumed,
            _ => EventType::CallUpdated,
        };
        if from != derived.state || !slot.fields.is_empty() {
            self.change_call(turn, slot, kind, at, Data::default());
        }
        slot.pending = Pending::default();
        // Nothing is held that was not published: what this frame noted only for itself follows from the legs again.
        slot.call = Arc::clone(&slot.told);
        omit_old_legs(slot);
    }

    fn announce_ringing(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, derived: &Derived) {
        let mut times = Times::of_call(&slot.call);
        let before = slot.call.ringing_at;
        let known = times;
        times.ringing = earliest(times.ringing, derived.ringing);
        times.answered = earliest(times.answered, derived.answered);
        if times == known {
            return;
        }
        // The answer decides whether a ringing was before it, but is announced after it.
        slot.set_times(times);
        let Some(at) = slot.call.ringing_at.filter(|_| before.is_none()) else {
            return;
        };
        let answered = slot.call.answered_at;
        if known.answered.is_none() && answered.is_some() {
            slot.call_mut().answered_at = None;
        }
        slot.unchanged("ringing_at");
        slot.unchanged("answered_at");
        let on_the_way = matches!(
            slot.call.state,
            CallState::Setup | CallState::Service | CallState::Queued
        );
        if on_the_way && derived.state != CallState::Parked {
            slot.call_mut().state = CallState::Ringing;
        }
        // It alerts no more when an answer came in the same frame.
        slot.pending.late |= derived.state != CallState::Ringing;
        self.change_call(turn, slot, EventType::CallRinging, at, Data::default());
        if slot.call.answered_at != answered {
            slot.call_mut().answered_at = answered;
        }
    }

    fn announce_answer(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, derived: &Derived) {
        let first = slot.told.answered_at.is_none();
        if slot.call.answered_by != derived.answered_by && derived.answered_by.is_some() {
            slot.call_mut().answered_by.clone_from(&derived.answered_by);
            if !first {
                slot.changed("answered_by");
            }
        }
        let Some(at) = slot.call.answered_at.filter(|_| first) else {
            return;
        };
        slot.unchanged("answered_at");
        slot.call_mut().state = derived.state;
        self.change_call(turn, slot, EventType::CallAnswered, at, Data::default());
    }

    /// Writes who has talked in the call, as its legs tell.
    pub(in crate::state) fn refresh_handled(&self, slot: &mut Slot) {
        let mut fresh = handled(&slot.call);
        if slot.call.legs_omitted > 0 {
            // Of legs that are left out only this is left.
            let known = slot.call.handled_by.iter().filter(|known| {
                let same = |fresh: &Handled| fresh.from == known.from && fresh.party == known.party;
                known.to.is_some() && !fresh.iter().any(same)
            });
            let known: Vec<Handled> = known.cloned().collect();
            fresh.splice(0..0, known);
            fresh.drain(..fresh.len().saturating_sub(MAX_HANDLED));
        }
        if fresh != slot.call.handled_by {
            slot.call_mut().handled_by = fresh;
        }
    }

    /// Writes what the legs of an ended call tell of its times and answerer.
    pub(super) fn rederive(&self, slot: &mut Slot) {
        let derived = derive(slot);
        let mut times = Times::of_call(&slot.call);
        times.ringing = earliest(times.ringing, derived.ringing);
        times.answered = earliest(times.answered, derived.answered);
        times.write_call(slot.call_mut());
        if derived.answered_by.is_some() && derived.answered_by != slot.call.answered_by {
            slot.call_mut().answered_by = derived.answered_by;
        }
        self.refresh_handled(slot);
    }
}

fn derive(slot: &Slot) -> Derived {
    let called = || called_side(&slot.call);
    let answer = called()
        .filter(|leg| leg.answered_at.is_some())
        .min_by_key(|leg| (leg.answered_at, leg.id.clone()));
    Derived {
        state: state(slot),
        ringing: called().filter_map(|leg| leg.ringing_at).min(),
        answered: answer.and_then(|leg| leg.answered_at),
        answered_by: answer.map(|leg| leg.party.clone()),
    }
}

/// The state of a call, as a function of its legs and of where it waits.
fn state(slot: &Slot) -> CallState {
    let call = &slot.call;
    if !call.is_open() {
        return CallState::Ended;
    }
    if slot.parked {
        return CallState::Parked;
    }
    let talking = |leg: &&Arc<Leg>| matches!(leg.state, LegState::Connected | LegState::Held);
    let people: Vec<&Arc<Leg>> = call
        .legs
        .iter()
        .filter(|leg| leg.is_person())
        .filter(talking)
        .collect();
    let called = people.iter().any(|leg| leg.role == LegRole::Callee);
    // Whoever has an answer has a caller: a caller's leg that is not known, or not known to be connected, is.
    let mut callers = call.legs.iter().filter(|leg| leg.role == LegRole::Caller);
    let caller_talks = people.iter().any(|leg| leg.role == LegRole::Caller);
    let implied = called
        && !caller_talks
        && (callers.clone().next().is_none() || callers.any(|leg| leg.is_open()));
    if people.len() + usize::from(implied) >= 2 {
        let connected = people
            .iter()
            .filter(|leg| leg.state == LegState::Connected)
            .count();
        return if connected + usize::from(implied) >= 2 {
            CallState::Active
        } else {
            CallState::Held
        };
    }
    if called_side(call).any(|leg| leg.state == LegState::Ringing) {
        return CallState::Ringing;
    }
    let services = || call.open_legs().filter(|leg| leg.role == LegRole::Service);
    let in_queue = |leg: &Arc<Leg>| {
        leg.state == LegState::Queued || (leg.queue.is_some() && leg.state == LegState::Connected)
    };
    if !slot.waiting.is_empty() || services().any(in_queue) {
        return CallState::Queued;
    }
    if services().any(|leg| leg.state == LegState::Connected) {
        return CallState::Service;
    }
    // Between two destinations, and when it is about to end, a call that was with somebody still is what it was.
    let settled = call.answered_at.is_some() || call.open_legs().next().is_none();
    if settled && call.state != CallState::Parked {
        call.state
    } else {
        CallState::Setup
    }
}

/// Legs of people on the called side.
fn called_side(call: &Call) -> impl Iterator<Item = &Arc<Leg>> {
    call.legs.iter().filter(|leg| leg.role == LegRole::Callee)
}

fn handled(call: &Call) -> Vec<Handled> {
    let mut handled: Vec<(Timestamp, &Arc<Leg>)> = called_side(call)
        .filter_map(|leg| Some((leg.answered_at?, leg)))
        .collect();
    handled.sort_by(|(a, x), (b, y)| (a, &x.id).cmp(&(b, &y.id)));
    handled
        .into_iter()
        .map(|(from, leg)| Handled {
            party: leg.party.clone(),
            from,
            to: leg.ended_at,
        })
        .collect()
}

/// Leaves out the oldest legs beyond what a call may carry, and remembers them so that repeats stay repeats.
fn omit_old_legs(slot: &mut Slot) {
    let other = |leg: &Arc<Leg>| !leg.is_open() && leg.answered_at.is_none();
    let over = |leg: &Arc<Leg>| !leg.is_open() && leg.answered_at.is_some();
    for (kind, most) in [
        (&other as &dyn Fn(&Arc<Leg>) -> bool, Call::OTHER_LEGS),
        (&over, MAX_ANSWERED),
    ] {
        while slot.call.legs.iter().filter(|leg| kind(leg)).count() > most {
            let Some(index) = slot.call.legs.iter().position(kind) else {
                return;
            };
            let leg = slot.call_mut().legs.remove(index);
            slot.call_mut().legs_omitted += 1;
            slot.omit(Key::of(leg.id.as_str()));
        }
    }
}

/// The most legs that were answered and have ended: with more a call would outgrow an event.
const MAX_ANSWERED: usize = 32;

/// The most people that a call names as having handled it: the last ones.
const MAX_HANDLED: usize = 64;
