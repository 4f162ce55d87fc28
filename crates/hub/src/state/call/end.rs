//! How calls end: told, for want of open legs, or because nothing was heard of them any more.

use std::sync::Arc;

use model::{
    Basis, Call, Cause, Data, Direction, Durations, End, EndedBy, EventType, Leg, LegRole,
    LegState, OriginKind, Outcome, RouteKind, Text, Timestamp, event::Missed,
};

use super::{
    legs::{Step, forced, is_better},
    slot::Slot,
    timed,
    times::Times,
};
use crate::state::{
    State,
    mark::{Mark, Turn},
};

impl State {
    /// Ends a call whose end was told and need not wait any more, or that lost its last leg to another call.
    pub(in crate::state) fn end_if_due(&mut self, turn: &mut Turn<'_>, slot: &mut Slot) {
        if !slot.is_open() {
            return;
        }
        if let Some(ending) = slot
            .ending
            .take_if(|ending| ending.deadline <= turn.now.mono)
        {
            let mark = ending.mark.recorded_at(turn.now.wall);
            turn.under(mark, |turn| {
                self.finish(turn, slot, ending.end.as_ref(), ending.time);
            });
        } else if slot.grace.is_some() && slot.lost_a_leg() {
            let at = last_sign(&slot.call);
            self.finish(turn, slot, None, at);
        } else if slot.grace.is_some_and(|grace| grace <= turn.now.mono) {
            let at = last_sign(&slot.call);
            let mark = Mark::own(
                &turn.mark.source,
                turn.now,
                OriginKind::Inferred,
                "no_open_leg",
            );
            turn.under(timed(mark, at), |turn| self.finish(turn, slot, None, at));
        }
    }

    /// Ends a call of which nothing was heard for too long.
    pub(in crate::state) fn end_lost(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, mark: Mark) {
        let end = End::new(
            Cause::SourceLost,
            Outcome::Unknown,
            EndedBy::Unknown,
            Basis::Inferred,
        );
        let at = turn.now.wall;
        turn.under(mark, |turn| self.finish(turn, slot, Some(&end), at));
    }

    /// Ends a call: its legs, the callers it is in queues, then itself.
    pub(super) fn finish(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        told: Option<&End>,
        at: Timestamp,
    ) {
        if !slot.is_open() {
            return;
        }
        self.announce(turn, slot);
        let waiting = !slot.waiting.is_empty();
        let end = conclude(slot, told, waiting);
        slot.told_end = told.cloned();
        for index in 0..slot.call.legs.len() {
            self.force_leg(turn, slot, index, &end, at);
        }
        self.refresh_handled(slot);
        slot.call_mut().end = Some(end.clone());
        self.leave_queues(turn, slot, &end);
        if let Some(missed) = missed(&slot.call, &end) {
            let data = Data {
                missed: Some(Box::new(missed)),
                ..Data::default()
            };
            self.change_call(turn, slot, EventType::CallMissed, at, data);
        }
        let call = slot.call_mut();
        let mut times = Times::of_call(call);
        times.ended = Some(at);
        times.write_call(call);
        call.state = model::CallState::Ended;
        let hold = slot.holds.total_ms;
        slot.call_mut().durations = durations(&slot.call, hold);
        slot.parked = false;
        slot.ending = None;
        slot.grace = None;
        slot.age = None;
        let ended_at = slot.call.ended_at.unwrap_or(at);
        self.change_call(turn, slot, EventType::CallEnded, ended_at, Data::default());
        self.count_open(&slot.call.source, -1);
        self.remember_ended(turn.now.mono, slot);
    }

    fn force_leg(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        index: usize,
        end: &End,
        at: Timestamp,
    ) {
        let leg = &slot.call.legs[index];
        if !leg.is_open() {
            return;
        }
        let from = leg.state;
        if from == LegState::Held {
            let since = slot.hold_since(&leg.id).or(leg.answered_at);
            let held = since.map_or(0, |since| at.millis_since(since));
            *slot.holds.total_ms.get_or_insert(0) += held;
        }
        let leg: &mut Leg = Arc::make_mut(&mut slot.call_mut().legs[index]);
        let mut times = Times::of_leg(leg);
        times.ended = Some(at);
        times.write_leg(leg);
        leg.state = LegState::Ended;
        if leg.end.is_none() {
            leg.end = Some(forced(end));
        }
        let step = Step {
            kind: Some(EventType::LegEnded),
            from: Some(from),
            to: Some(LegState::Ended),
            at: leg.ended_at,
            ..Step::default()
        };
        self.say_leg(turn, slot, index, &step);
    }

    /// A call that is over is said to be over: what is better known of its end is kept.
    pub(super) fn amend_call_end(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        told: Option<&End>,
    ) {
        slot.pending.touched = true;
        let assumed = |end: &End| end.basis == Basis::Inferred;
        if let (Some(at), true) = (turn.mark.time, slot.call.end.as_ref().is_none_or(assumed)) {
            let call = slot.call_mut();
            let mut times = Times::of_call(call);
            times.ended = Some(at);
            times.write_call(call);
        }
        // After a restart nobody knows whether an inferred end was told or concluded: the PBX's own word counts more than either.
        let confirms = |told: &End, known: &End| {
            told.cause == known.cause && told.basis == Basis::Native && assumed(known)
        };
        if let Some(told) = told
            && slot
                .told_end
                .as_ref()
                .is_none_or(|known| is_better(told, known) || confirms(told, known))
        {
            slot.told_end = Some(told.clone());
            // A copy of its own: without it nothing would seem to be new when no time was told.
            slot.call_mut();
        }
    }

    /// Publishes what was learnt of a call after its end.
    pub(super) fn amend(&mut self, turn: &mut Turn<'_>, slot: &mut Slot) {
        if Arc::ptr_eq(&slot.call, &slot.told) {
            return;
        }
        self.rederive(slot);
        let told = slot.told_end.clone();
        let end = conclude(slot, told.as_ref(), false);
        slot.call_mut().end = Some(end);
        let hold = slot
            .call
            .durations
            .and_then(|known| known.hold_ms)
            .max(slot.holds.total_ms);
        slot.call_mut().durations = durations(&slot.call, hold);
        let fields = corrected(&slot.told, &slot.call);
        slot.fields.clear();
        if fields.is_empty() {
            slot.call = Arc::clone(&slot.told);
            return;
        }
        slot.fields.extend(fields);
        let at = turn.mark.when();
        self.change_call(turn, slot, EventType::CallAmended, at, Data::default());
    }
}

/// How a call ended, from what was told and from its legs.
fn conclude(slot: &Slot, told: Option<&End>, waiting: bool) -> End {
    let call = &slot.call;
    let answered = call.answered_at.is_some();
    // What somebody concluded before the answer was known is void.
    let void = |end: &End| {
        let outcome = matches!(end.outcome, Outcome::Answered | Outcome::Transferred);
        end.basis == Basis::Inferred && answered && !outcome && end.cause != Cause::SourceLost
    };
    let mut end = match told.filter(|end| !void(end)) {
        Some(told) => told.clone(),
        None if slot.lost_a_leg() => End::new(
            Cause::Transferred,
            Outcome::Transferred,
            EndedBy::Unknown,
            Basis::Inferred,
        ),
        None => from_legs(call, answered),
    };
    let open = matches!(end.cause, Cause::Unknown | Cause::Normal | Cause::Cancelled);
    let route = call.route.as_ref();
    let voicemail = end.outcome == Outcome::Voicemail
        || route.is_some_and(|route| route.kind == RouteKind::Voicemail);
    if !answered && open && voicemail {
        // Whoever hangs up on a voicemail box has not given up.
        end.cause = Cause::Normal;
        end.outcome = Outcome::Voicemail;
    } else if !answered && open && was_served(call, &end) {
        end.cause = Cause::Normal;
        end.outcome = Outcome::Answered;
    } else if !answered && open && end.ended_by == EndedBy::Caller {
        // Once the call has ended, its legs no longer say where the caller was when he gave up.
        let was_in_queue = call
            .end
            .as_ref()
            .is_some_and(|end| end.cause == Cause::QueueAbandoned);
        let in_queue = waiting
            || was_in_queue
            || call
                .legs
                .iter()
                .any(|leg| leg.role == LegRole::Service && leg.is_open() && leg.queue.is_some());
        let ringing = call
            .legs
            .iter()
            .any(|leg| leg.role == LegRole::Callee && leg.state == LegState::Ringing);
        if in_queue && !ringing {
            end.cause = Cause::QueueAbandoned;
            end.outcome = Outcome::Abandoned;
        } else {
            end.cause = Cause::Cancelled;
        }
    }
    if end.cause == Cause::Transferred && end.outcome != Outcome::Answered {
        end.outcome = Outcome::Transferred;
    } else if answered {
        end.outcome = Outcome::Answered;
    } else if end.outcome == Outcome::Unknown {
        end.outcome = end.cause.unanswered_outcome();
    }
    end
}

/// Whether a call was with a service that is what the caller wanted, and did not give up by leaving it: a conference, or
/// one that the source says so of.
fn was_served(call: &Call, end: &End) -> bool {
    match call.route.as_ref().map(|route| route.kind) {
        Some(RouteKind::Conference) => true,
        Some(RouteKind::System) => end.outcome == Outcome::Answered && end.basis == Basis::Native,
        _ => false,
    }
}

/// What the ends of the legs say about the end of their call, when nobody else does.
fn from_legs(call: &Call, answered: bool) -> End {
    let last = |role: LegRole| {
        call.legs
            .iter()
            .filter(move |leg| leg.role == role)
            .filter_map(|leg| leg.end.as_ref().map(|end| (leg.ended_at, &leg.id, end)))
            .filter(|(_, _, end)| end.cause != Cause::Unknown)
            .max_by_key(|(at, id, _)| (*at, (*id).clone()))
            .map(|(_, _, end)| end.clone())
    };
    let mut end = last(LegRole::Callee)
        .filter(|end| !matches!(end.cause, Cause::Transferred | Cause::AnsweredElsewhere))
        .or_else(|| last(LegRole::Caller))
        .unwrap_or_else(|| {
            let cause = if answered {
                Cause::Normal
            } else {
                Cause::Unknown
            };
            End::new(cause, Outcome::Unknown, EndedBy::Unknown, Basis::Inferred)
        });
    end.basis = Basis::Inferred;
    end
}

/// Who did not answer, when a call counts as missed.
fn missed(call: &Call, end: &End) -> Option<Missed> {
    let concerns = matches!(call.direction, Direction::Inbound | Direction::Internal);
    let missed = matches!(
        end.outcome,
        Outcome::Missed | Outcome::Abandoned | Outcome::Voicemail | Outcome::Busy | Outcome::Failed
    );
    if !concerns || !missed || call.answered_at.is_some() || end.cause == Cause::SourceLost {
        return None;
    }
    let mut extensions = Vec::new();
    for leg in &call.legs {
        if leg.role == LegRole::Callee
            && leg.ringing_at.is_some()
            && let Some(extension) = &leg.party.extension
            && !extensions.contains(extension)
        {
            extensions.push(extension.clone());
        }
    }
    Some(Missed {
        extensions,
        queue: call.queue.clone(),
        voicemail: (end.outcome == Outcome::Voicemail).then_some(true),
    })
}

fn durations(call: &Call, hold_ms: Option<u64>) -> Option<Durations> {
    let ended = call.ended_at?;
    let met = call.answered_at.unwrap_or(ended);
    let waited_from = call.queued_at.unwrap_or(call.started_at);
    Some(Durations {
        wait_ms: Some(met.millis_since(waited_from)),
        ring_ms: call.ringing_at.map(|ringing| met.millis_since(ringing)),
        talk_ms: call
            .answered_at
            .map(|answered| ended.millis_since(answered)),
        hold_ms,
        total_ms: Some(ended.millis_since(call.started_at)),
    })
}

/// The time of the last thing that is known of a call.
fn last_sign(call: &Call) -> Timestamp {
    call.legs
        .iter()
        .filter_map(|leg| leg.ended_at)
        .max()
        .unwrap_or(call.started_at)
}

/// The fields in which a call is now known to have been otherwise. Native attributes alone are no correction.
fn corrected(told: &Call, known: &Call) -> Vec<&'static str> {
    let same_leg = |a: &Arc<Leg>, b: &Arc<Leg>| {
        Arc::ptr_eq(a, b)
            || (a.id == b.id
                && a.role == b.role
                && a.state == b.state
                && a.party == b.party
                && a.device == b.device
                && a.queue == b.queue
                && times(a) == times(b)
                && same_end(a.end.as_ref(), b.end.as_ref())
                && a.other_leg == b.other_leg)
    };
    let same_legs = told.legs.len() == known.legs.len()
        && told
            .legs
            .iter()
            .zip(&known.legs)
            .all(|(a, b)| same_leg(a, b));
    [
        ("tenant", told.tenant != known.tenant),
        (
            "interaction_id",
            told.interaction_id != known.interaction_id,
        ),
        ("direction", told.direction != known.direction),
        ("caller", told.caller != known.caller),
        ("callee", told.callee != known.callee),
        ("external", told.external != known.external),
        ("did", told.did != known.did),
        ("trunk", told.trunk != known.trunk),
        ("queue", told.queue != known.queue),
        ("route", told.route != known.route),
        ("legs", !same_legs),
        ("answered_by", told.answered_by != known.answered_by),
        ("handled_by", told.handled_by != known.handled_by),
        ("related_calls", told.related_calls != known.related_calls),
        ("started_at", told.started_at != known.started_at),
        ("queued_at", told.queued_at != known.queued_at),
        ("ringing_at", told.ringing_at != known.ringing_at),
        ("answered_at", told.answered_at != known.answered_at),
        ("ended_at", told.ended_at != known.ended_at),
        ("end", !same_end(told.end.as_ref(), known.end.as_ref())),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(name, _)| name)
    .chain((told.durations != known.durations).then_some("durations"))
    .collect()
}

fn times(leg: &Leg) -> [Option<Timestamp>; 4] {
    [
        Some(leg.started_at),
        leg.ringing_at,
        leg.answered_at,
        leg.ended_at,
    ]
}

/// Whether two ends say the same, whoever said it.
fn same_end(a: Option<&End>, b: Option<&End>) -> bool {
    let said = |end: &End| -> (
        Cause,
        Outcome,
        EndedBy,
        Option<u16>,
        Option<u8>,
        Option<Text>,
    ) {
        (
            end.cause,
            end.outcome,
            end.ended_by,
            end.sip,
            end.q850,
            end.native.clone(),
        )
    };
    a.map(said) == b.map(said)
}
