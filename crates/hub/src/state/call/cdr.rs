//! Call detail records: the PBX's last word on a call.
//!
//! A record settles an open call, is the whole of an unknown one, and corrects one that has ended.

use std::sync::Arc;

use model::{
    Basis, Call, Cause, Cdr, Collection, Data, Direction, Durations, End, EndedBy, EntityId,
    EventType, Leg, LegRole, LegState, Outcome, Party, Text, Timestamp,
    observation::{CdrFact, CdrLeg, LegFact},
};

use super::{slot::Slot, times::Times};
use crate::{
    draft::Closing,
    state::{
        State,
        mark::{About, Involved, Turn, subject},
    },
};

impl State {
    /// Folds a record into its call and publishes it.
    pub(in crate::state) fn cdr(&mut self, turn: &mut Turn<'_>, fact: &CdrFact) {
        let id = turn.mark.source.entity(&fact.key);
        if self.version_of(turn, Collection::Cdrs, &id) > 0 {
            return;
        }
        let call = turn.mark.source.entity(&fact.call);
        if fact.settles {
            let known = self.knows_call(turn, &call);
            if !known {
                let started = fact
                    .started_at
                    .or_else(|| fact.legs.iter().filter_map(|leg| leg.started_at).min())
                    .unwrap_or_else(|| turn.mark.when());
                if let Some(slot) = self.start_call(turn, call.clone(), &fact.patch, started) {
                    self.put_call(turn, slot);
                    self.release_orphans(turn, &call);
                }
            }
            if let Some(mut slot) = self.take_call(turn, &call) {
                slot.mark = Some(turn.mark.clone());
                let told = Arc::clone(&slot.told);
                if slot.is_open() {
                    self.settle_by_record(turn, &mut slot, fact);
                } else {
                    self.correct_by_record(turn, &mut slot, fact);
                }
                if known {
                    self.compare(turn, &mut slot, &told);
                }
                self.put_call(turn, slot);
            }
        }
        self.publish_record(turn, fact, &id, &call);
    }

    /// Holds what was told of a call against what is known now that its record has come, and says what was wrong.
    fn compare(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, told: &Call) {
        // Corrections of a call that had ended are published once the whole frame is folded.
        let differing = contradicted(told, &slot.call);
        if let Some(track) = self.sources.get_mut(&turn.mark.source) {
            let quality = track.quality.get_or_insert_default();
            quality.note(differing.iter().copied());
        }
        if told.is_open() && !differing.is_empty() {
            slot.fields.extend(differing);
            let at = turn.mark.when();
            self.change_call(turn, slot, EventType::CallAmended, at, Data::default());
        }
    }

    fn knows_call(&mut self, turn: &mut Turn<'_>, id: &EntityId) -> bool {
        match self.take_call(turn, id) {
            Some(slot) => {
                self.put_call(turn, slot);
                true
            }
            None => false,
        }
    }

    /// The record tells what was missing and ends the call.
    fn settle_by_record(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, fact: &CdrFact) {
        self.patch_call(turn, slot, &fact.patch);
        slot.pending.late = true;
        for leg in &fact.legs {
            let started = leg.started_at.or(fact.started_at);
            self.recorded_step(turn, slot, leg, LegState::Initiated, started, None);
            if let Some(ringing) = leg.ringing_at {
                self.recorded_step(turn, slot, leg, LegState::Ringing, Some(ringing), None);
            }
            if let Some(answered) = leg.answered_at {
                self.recorded_step(turn, slot, leg, LegState::Connected, Some(answered), None);
            }
            self.settle_leg_times(turn, slot, leg);
        }
        settle_start(slot, fact.started_at);
        slot.pending.late = true;
        self.announce(turn, slot);
        for leg in &fact.legs {
            if let Some(ended) = leg.ended_at.or(fact.ended_at) {
                let end = leg.end.as_ref();
                self.recorded_step(turn, slot, leg, LegState::Ended, Some(ended), end);
            }
        }
        let told = slot.ending.as_ref().and_then(|ending| ending.end.clone());
        let end = fact.end.clone().or(told);
        let at = fact.ended_at.unwrap_or_else(|| {
            let told = slot.ending.as_ref().map(|ending| ending.time);
            told.unwrap_or_else(|| turn.mark.when())
        });
        self.finish(turn, slot, end.as_ref(), at);
    }

    /// A step of a leg that the record tells, unless the leg has taken it already.
    fn recorded_step(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        recorded: &CdrLeg,
        state: LegState,
        at: Option<Timestamp>,
        end: Option<&End>,
    ) {
        let step = LegFact {
            call: slot.call.id.key().into(),
            leg: recorded.leg.clone(),
            state: Some(state),
            patch: if state == LegState::Initiated {
                recorded.patch.clone()
            } else {
                model::observation::LegPatch::default()
            },
            end: end.cloned(),
        };
        let mut mark = turn.mark.clone();
        mark.time = at;
        turn.under(mark, |turn| self.leg(turn, slot, &step));
        for draft in turn.out.iter_mut().rev().take(2) {
            // What a record tells of alerting is over.
            if draft.expires.is_some() && draft.subject.ends_with(slot.call.id.as_str()) {
                draft.expires = Some(draft.recorded);
            }
        }
    }

    /// The record's times of a leg count more than those heard before.
    fn settle_leg_times(&mut self, turn: &Turn<'_>, slot: &mut Slot, recorded: &CdrLeg) {
        let id = turn.mark.source.entity(&recorded.leg);
        let Some(index) = slot.leg_index(&id) else {
            return;
        };
        let mut leg = (*slot.call.legs[index]).clone();
        let mut times = Times::of_leg(&leg);
        times.started = recorded.started_at.or(times.started);
        times.ringing = recorded.ringing_at.or(times.ringing);
        times.answered = recorded.answered_at.or(times.answered);
        if times.write_leg(&mut leg) {
            slot.call_mut().legs[index] = Arc::new(leg);
            slot.changed("legs");
            self.settle_call_times(slot);
        }
    }

    /// Lets the call's times follow those of its legs, also where they are later than was thought.
    fn settle_call_times(&mut self, slot: &mut Slot) {
        let called = |time: fn(&Leg) -> Option<Timestamp>| {
            let legs = slot.call.legs.iter();
            legs.filter(|leg| leg.role == LegRole::Callee)
                .filter_map(|leg| time(leg))
                .min()
        };
        let mut times = Times::of_call(&slot.call);
        let (ringing, answered) = (called(|leg| leg.ringing_at), called(|leg| leg.answered_at));
        if times.ringing.is_some() && ringing.is_some() && ringing != times.ringing {
            times.ringing = ringing;
        }
        if times.answered.is_some() && answered.is_some() && answered != times.answered {
            times.answered = answered;
        }
        slot.set_times(times);
    }

    /// The record says otherwise of a call that has ended.
    fn correct_by_record(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, fact: &CdrFact) {
        if std::mem::take(&mut slot.hollow) {
            // A record is whole: what was forgotten of the call is in it.
            slot.call_mut().tenant.clone_from(&turn.mark.tenant);
        }
        self.patch_call(turn, slot, &fact.patch);
        for recorded in &fact.legs {
            self.correct_leg(turn, slot, recorded, fact);
        }
        settle_start(slot, fact.started_at);
        self.settle_call_times(slot);
        let call = slot.call_mut();
        if let Some(ended) = fact.ended_at {
            let mut times = Times::of_call(call);
            times.ended = Some(ended);
            times.write_call(call);
        }
        if let Some(end) = &fact.end {
            let same = call.end.as_ref().is_some_and(|known| {
                known.cause == end.cause
                    && (end.ended_by == EndedBy::Unknown || known.ended_by == end.ended_by)
                    && (end.outcome == Outcome::Unknown || known.outcome == end.outcome)
                    && (end.sip.is_none() || known.sip == end.sip)
                    && (end.q850.is_none() || known.q850 == end.q850)
                    && (end.native.is_none() || known.native == end.native)
            });
            if !same && end.cause != Cause::Unknown {
                slot.told_end = Some(end.clone());
            }
        }
        slot.pending.touched = true;
        self.announce(turn, slot);
    }

    fn correct_leg(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        recorded: &CdrLeg,
        fact: &CdrFact,
    ) {
        let ended = recorded.ended_at.or(fact.ended_at).or(slot.call.ended_at);
        let started = recorded.started_at.or(fact.started_at);
        // A leg cannot begin after the call's end, but the record may know a later end.
        let within = slot.call.ended_at;
        let at = started.min(within).or(within);
        self.recorded_step(turn, slot, recorded, LegState::Initiated, at, None);
        let id = turn.mark.source.entity(&recorded.leg);
        let Some(index) = slot.leg_index(&id) else {
            return;
        };
        let mut leg = (*slot.call.legs[index]).clone();
        let mut times = Times::of_leg(&leg);
        times.started = started.or(times.started);
        times.ringing = recorded.ringing_at.or(times.ringing);
        times.answered = recorded.answered_at.or(times.answered);
        times.ended = ended.or(times.ended);
        times.write_leg(&mut leg);
        if let Some(end) = &recorded.end
            && end.cause != Cause::Unknown
            && leg
                .end
                .as_ref()
                .is_none_or(|known| known.cause != end.cause)
        {
            leg.end = Some(end.clone());
        }
        if leg != *slot.call.legs[index] {
            slot.call_mut().legs[index] = Arc::new(leg);
        }
    }

    fn publish_record(
        &mut self,
        turn: &mut Turn<'_>,
        fact: &CdrFact,
        id: &EntityId,
        call: &EntityId,
    ) {
        self.settle_touched(turn);
        let tenant = turn.mark.tenant.clone();
        let mut cdr = Cdr {
            id: id.clone(),
            source: turn.mark.source.clone(),
            call: Some(call.clone()),
            tenant: tenant.clone(),
            direction: fact.patch.direction.unwrap_or(Direction::Unknown),
            caller: fact.patch.caller.clone().unwrap_or_default(),
            callee: fact.patch.callee.clone().unwrap_or_default(),
            did: fact.patch.did.clone(),
            trunk: fact.patch.trunk.clone(),
            legs: Vec::new(),
            answered_by: None,
            started_at: fact.started_at,
            ringing_at: None,
            answered_at: None,
            ended_at: fact.ended_at,
            end: fact.end.clone(),
            durations: None,
            version: 1,
            native: fact.native.clone(),
        };
        let mut involved = Involved::default();
        for party in [&mut cdr.caller, &mut cdr.callee] {
            self.enrich(&turn.mark.source, tenant.as_ref(), party);
            self.involve_party(&mut involved, party);
        }
        for recorded in fact.legs.iter().take(MAX_LEGS) {
            let leg = self.recorded_leg(turn, recorded, fact);
            self.involve_party(&mut involved, &leg.party);
            if let Some(queue) = &leg.queue {
                self.involve_queue(&mut involved, queue);
            }
            cdr.legs.push(leg);
        }
        summarise(&mut cdr);
        let slot = self.calls.get(call);
        if let Some(slot) = slot {
            involved.join(&slot.involved);
        }
        let interaction = slot.map_or_else(|| call.text(), |slot| slot.call.interaction_id.text());
        self.closed_now(turn, Collection::Cdrs, id, 1);
        let about = About {
            kind: EventType::CdrCreated,
            time: fact.ended_at.unwrap_or_else(|| turn.mark.when()),
            subject: subject("cdrs", id),
            partition: call.text(),
            correlation: Some(interaction),
            tenant,
            version: 1,
            involved: &involved,
        };
        let data = Data {
            cdr: Some(Arc::new(cdr)),
            ..Data::default()
        };
        turn.say(about, data).closes = Some(Closing {
            collection: Collection::Cdrs,
            aliases: Vec::new(),
        });
    }

    fn recorded_leg(&mut self, turn: &mut Turn<'_>, recorded: &CdrLeg, fact: &CdrFact) -> Leg {
        let mut party = recorded.patch.party.clone().unwrap_or_default();
        let tenant = turn.mark.tenant.clone();
        self.enrich(&turn.mark.source, tenant.as_ref(), &mut party);
        let queue = recorded.patch.queue.clone();
        let mut leg = Leg {
            id: turn.mark.source.entity(&recorded.leg),
            role: recorded.patch.role.unwrap_or(LegRole::Callee),
            state: LegState::Ended,
            party,
            device: recorded.patch.device.clone(),
            queue: queue.and_then(|at| self.queue_at(turn, &at)),
            started_at: turn.mark.when(),
            ringing_at: None,
            answered_at: None,
            ended_at: None,
            end: recorded.end.clone(),
            other_leg: None,
            native: recorded.patch.native.clone(),
        };
        let times = Times {
            started: recorded.started_at.or(fact.started_at),
            queued: None,
            ringing: recorded.ringing_at,
            answered: recorded.answered_at,
            ended: recorded.ended_at,
        };
        times.write_leg(&mut leg);
        leg
    }
}

/// The most legs of a record: with more it would outgrow an event.
const MAX_LEGS: usize = 96;

/// The fields in which something that was told turned out otherwise. What was not told before is news, and no
/// contradiction; nor are times that differ by less than a clock of seconds can tell.
fn contradicted(told: &Call, known: &Call) -> Vec<&'static str> {
    let number = |party: &Party| {
        let inside = party
            .extension
            .as_ref()
            .map(|inside| Text::clone(&inside.number));
        inside.or_else(|| party.number.as_ref().map(|number| Text::clone(&number.raw)))
    };
    let parties = |a: &Party, b: &Party| {
        let (a, b) = (number(a), number(b));
        a.is_some() && b.is_some() && a != b
    };
    let answerers = match (&told.answered_by, &known.answered_by) {
        (Some(a), Some(b)) => parties(a, b),
        _ => false,
    };
    let times = |a: Option<Timestamp>, b: Option<Timestamp>| match (a, b) {
        (Some(a), Some(b)) => a.millis_since(b).max(b.millis_since(a)) > SAME_TIME_MS,
        _ => false,
    };
    let causes = match (&told.end, &known.end) {
        (Some(a), Some(b)) => a.cause != b.cause && a.cause != Cause::Unknown,
        _ => false,
    };
    let directions = told.direction != known.direction && told.direction != Direction::Unknown;
    [
        ("direction", directions),
        ("caller", parties(&told.caller, &known.caller)),
        ("callee", parties(&told.callee, &known.callee)),
        ("answered_by", answerers),
        (
            "started_at",
            times(Some(told.started_at), Some(known.started_at)),
        ),
        ("ringing_at", times(told.ringing_at, known.ringing_at)),
        ("answered_at", times(told.answered_at, known.answered_at)),
        ("ended_at", times(told.ended_at, known.ended_at)),
        ("end", causes),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

/// Times of a record and live ones are the same when they are no further apart, milliseconds.
const SAME_TIME_MS: u64 = 2_000;

fn settle_start(slot: &mut Slot, started_at: Option<Timestamp>) {
    let mut times = Times::of_call(&slot.call);
    if started_at.is_some() && started_at != times.started {
        times.started = started_at;
        slot.set_times(times);
    }
}

/// What the legs of a record say of the whole.
fn summarise(cdr: &mut Cdr) {
    let called = || cdr.legs.iter().filter(|leg| leg.role == LegRole::Callee);
    let answer = called()
        .filter(|leg| leg.answered_at.is_some())
        .min_by_key(|leg| (leg.answered_at, leg.id.clone()));
    let answered_by = answer.map(|leg| leg.party.clone());
    let answered_at = answer.and_then(|leg| leg.answered_at);
    let ringing_at = called().filter_map(|leg| leg.ringing_at).min();
    cdr.answered_by = answered_by;
    cdr.answered_at = answered_at;
    cdr.ringing_at = ringing_at;
    if let (Some(started), Some(ended)) = (cdr.started_at, cdr.ended_at) {
        let met = answered_at.unwrap_or(ended);
        cdr.durations = Some(Durations {
            wait_ms: Some(met.millis_since(started)),
            ring_ms: ringing_at.map(|ringing| met.millis_since(ringing)),
            talk_ms: answered_at.map(|answered| ended.millis_since(answered)),
            hold_ms: None,
            total_ms: Some(ended.millis_since(started)),
        });
    }
    if let Some(end) = &mut cdr.end
        && end.outcome == Outcome::Unknown
    {
        end.outcome = match answered_at {
            Some(_) => Outcome::Answered,
            None => end.cause.unanswered_outcome(),
        };
        end.basis = Basis::Native;
    }
}
