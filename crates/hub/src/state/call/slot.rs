//! A call in the state, with what belongs to it but is not published.

use std::{sync::Arc, time::Duration};

use model::{
    Basis, Call, CallState, Cause, End, EntityId, Party, Route, Text, Timestamp, event::Transfer,
};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::times::{Times, earliest};

use crate::{
    block::Key,
    state::mark::{Involved, Mark},
};

/// A call: open, or ended a moment ago.
#[derive(Debug)]
pub(in crate::state) struct Slot {
    /// As it is now. Between two events it may be ahead of what was published.
    pub(in crate::state) call: Arc<Call>,
    /// As it was last published.
    pub(in crate::state) told: Arc<Call>,
    pub(in crate::state) involved: Involved,
    /// When the source last told of it.
    pub(in crate::state) seen: Timestamp,
    /// Call attributes that changed since the last event.
    pub(in crate::state) fields: SmallVec<[&'static str; 4]>,
    /// The message that last touched it.
    pub(in crate::state) mark: Option<Mark>,
    /// Steps to announce when the frame is folded.
    pub(in crate::state) pending: Pending,
    /// The end that was told but waits for more.
    pub(in crate::state) ending: Option<Ending>,
    /// No leg is open any more: when the call ends for that.
    pub(in crate::state) grace: Option<Duration>,
    /// When to look whether the call is too old.
    pub(in crate::state) age: Option<Duration>,
    /// The deadline that the timers hold for this call.
    pub(in crate::state) armed: Option<Duration>,
    pub(in crate::state) parked: bool,
    /// The queues in which the caller waits.
    pub(in crate::state) waiting: SmallVec<[EntityId; 1]>,
    /// When a leg last went on or off hold, and how long the call was on hold before.
    pub(in crate::state) holds: Holds,
    /// When the route was told, so that an older one does not replace it.
    pub(in crate::state) routed: Option<Timestamp>,
    /// Where service legs that have not picked up yet would route the call.
    pub(in crate::state) routes: Vec<(EntityId, Route)>,
    /// Ended legs that the call no longer carries, so that repeats of their facts stay repeats.
    pub(in crate::state) omitted: Vec<Key>,
    /// Once it has ended: how, as it was told. The published end says more.
    pub(in crate::state) told_end: Option<End>,
    /// The last transfers, to tell repeats.
    pub(in crate::state) transfers: Vec<(Option<Timestamp>, Transfer)>,
    /// It ended so long ago that only its [`Remains`](crate::state::Remains) are known.
    pub(in crate::state) hollow: bool,
    /// The private memo as it was last handed out.
    pub(in crate::state) remembered: Option<Remembered>,
}

/// Steps of a call that follow those of its legs.
#[derive(Debug, Default)]
pub(in crate::state) struct Pending {
    pub(in crate::state) touched: bool,
    pub(in crate::state) routed: bool,
    pub(in crate::state) transfer: Option<Transfer>,
    /// The time of the last leg step.
    pub(in crate::state) at: Option<Timestamp>,
    /// Steps of this frame were learnt after the fact.
    pub(in crate::state) late: bool,
}

/// An end that waits for a message that tells more.
#[derive(Clone, Debug)]
pub(in crate::state) struct Ending {
    pub(in crate::state) end: Option<End>,
    pub(in crate::state) time: Timestamp,
    pub(in crate::state) deadline: Duration,
    pub(in crate::state) mark: Mark,
}

/// Hold, as far as the PBX tells of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::state) struct Holds {
    /// Per leg: its last change between connected and held.
    pub(in crate::state) since: Vec<(EntityId, Timestamp)>,
    /// Milliseconds, all legs together; none when the call was never held.
    pub(in crate::state) total_ms: Option<u64>,
}

/// What has to survive a restart but is in no event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::state) struct Remembered {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::state) ending: Option<RememberedEnd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::state) grace: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::state) holds: Option<Holds>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::state) routes: Vec<(EntityId, Route)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::state) transfers: Vec<(Option<Timestamp>, Transfer)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::state) omitted: Vec<Key>,
    /// Keys of extensions and queues that the call no longer shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::state) extensions: Vec<Key>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::state) queues: Vec<Key>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::state) struct RememberedEnd {
    pub(in crate::state) end: Option<End>,
    pub(in crate::state) time: Timestamp,
    pub(in crate::state) deadline: Timestamp,
}

impl Slot {
    pub(in crate::state) fn new(call: Call, seen: Timestamp) -> Self {
        let parked = call.state == CallState::Parked;
        let unsaid = |end: &End| end.basis == Basis::Inferred && end.cause == Cause::Unknown;
        let told_end = call.end.clone().filter(|end| !unsaid(end));
        let call = Arc::new(call);
        Self {
            told: Arc::clone(&call),
            call,
            involved: Involved::default(),
            seen,
            fields: SmallVec::new(),
            mark: None,
            pending: Pending::default(),
            ending: None,
            grace: None,
            age: None,
            armed: None,
            parked,
            waiting: SmallVec::new(),
            holds: Holds::default(),
            routed: None,
            routes: Vec::new(),
            omitted: Vec::new(),
            told_end,
            transfers: Vec::new(),
            hollow: false,
            remembered: None,
        }
    }

    pub(in crate::state) fn call_mut(&mut self) -> &mut Call {
        Arc::make_mut(&mut self.call)
    }

    pub(in crate::state) fn is_open(&self) -> bool {
        self.call.is_open()
    }

    /// Notes that an attribute changed.
    pub(in crate::state) fn changed(&mut self, field: &'static str) {
        if !self.fields.contains(&field) {
            self.fields.push(field);
        }
    }

    /// The caller has been in a queue since then, or before.
    pub(in crate::state) fn queue_since(&mut self, since: Timestamp) {
        let mut times = Times::of_call(&self.call);
        let queued = earliest(times.queued, Some(since));
        if queued != times.queued {
            times.queued = queued;
            self.set_times(times);
        }
    }

    /// Writes the times of the call and notes which of them are others now.
    pub(in crate::state) fn set_times(&mut self, times: Times) {
        let published = |call: &Call| {
            [
                ("started_at", Some(call.started_at)),
                ("queued_at", call.queued_at),
                ("ringing_at", call.ringing_at),
                ("answered_at", call.answered_at),
            ]
        };
        let before = published(&self.call);
        times.write_call(self.call_mut());
        for ((name, after), (_, before)) in published(&self.call).into_iter().zip(before) {
            if after != before {
                self.changed(name);
                self.pending.touched = true;
            }
        }
    }

    /// Forgets that an attribute changed, because an event says so by its type.
    pub(in crate::state) fn unchanged(&mut self, field: &'static str) {
        self.fields.retain(|name| *name != field);
    }

    /// The leg that a key means here: the latest of `<key>`, `<key>~2`, `<key>~3`…
    pub(in crate::state) fn leg_index(&self, id: &EntityId) -> Option<usize> {
        self.call
            .legs
            .iter()
            .rposition(|leg| leg.id == *id || Ordinal::is_successor(&leg.id, id))
    }

    /// Notes a leg that the call no longer carries; beyond the bound the oldest are forgotten.
    pub(in crate::state) fn omit(&mut self, leg: Key) {
        if self.omitted.len() >= 1_024 {
            self.omitted.remove(0);
        }
        self.omitted.push(leg);
    }

    pub(in crate::state) fn has_open_leg(&self) -> bool {
        self.call.open_legs().next().is_some()
    }

    /// A leg went on in another call.
    pub(in crate::state) fn lost_a_leg(&self) -> bool {
        self.call.legs.iter().any(|leg| {
            leg.other_leg.is_some()
                && leg
                    .end
                    .as_ref()
                    .is_some_and(|end| end.cause == Cause::Transferred)
        })
    }

    /// When something is due.
    pub(in crate::state) fn deadline(&self) -> Option<Duration> {
        let ending = self.ending.as_ref().map(|ending| ending.deadline);
        [ending, self.grace, self.age].into_iter().flatten().min()
    }

    pub(in crate::state) fn hold_since(&self, leg: &EntityId) -> Option<Timestamp> {
        self.holds
            .since
            .iter()
            .find(|(id, _)| id == leg)
            .map(|(_, since)| *since)
    }

    pub(in crate::state) fn set_hold_since(&mut self, leg: &EntityId, since: Timestamp) {
        match self.holds.since.iter_mut().find(|(id, _)| id == leg) {
            Some((_, old)) => *old = since,
            None => self.holds.since.push((leg.clone(), since)),
        }
    }
}

/// The number that a leg gets each time it goes on in another call.
pub(in crate::state) struct Ordinal;

impl Ordinal {
    /// The id under which a leg goes on.
    pub(in crate::state) fn next(id: &EntityId) -> EntityId {
        let text = id.as_str();
        let (base, n) = match text.rsplit_once('~') {
            Some((base, n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => {
                (base, n.parse().unwrap_or(1))
            }
            _ => (text, 1_u32),
        };
        EntityId::from_text(&format!("{base}~{}", n.saturating_add(1)))
    }

    fn is_successor(id: &EntityId, base: &EntityId) -> bool {
        id.as_str()
            .strip_prefix(base.as_str())
            .and_then(|rest| rest.strip_prefix('~'))
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    }
}

/// Two routes that name the same place.
pub(in crate::state) fn same_place(a: &Route, b: &Route) -> bool {
    fn meet(a: Option<&Text>, b: Option<&Text>) -> Option<bool> {
        Some(a? == b?)
    }
    a.kind == b.kind
        && meet(a.id.as_ref(), b.id.as_ref())
            .or_else(|| meet(a.number.as_ref(), b.number.as_ref()))
            .or_else(|| meet(a.name.as_ref(), b.name.as_ref()))
            .unwrap_or(a == b)
}

/// Takes over what is not known yet of a party; what is known stays, since a call keeps its parties as dialled.
pub(in crate::state) fn fill(known: &mut Party, told: &Party) -> bool {
    let mut filled = told.clone();
    let same_number = match (&known.number, &told.number) {
        (Some(known), Some(told)) => known.raw == told.raw,
        _ => true,
    };
    if !same_number {
        return false;
    }
    filled.merge(known);
    let changed = filled != *known;
    *known = filled;
    changed
}
