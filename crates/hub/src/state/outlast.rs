//! Nothing outlasts its call: recordings and participants whose end was not told.

use std::{sync::Arc, time::Duration};

use model::{Collection, EntityId, Now, OriginKind, Participant, Recording, Timestamp};

use super::{
    State, Stored,
    keep::Kept,
    mark::{Mark, Turn},
    timers::Due,
};

/// How often to see whether something can be going on.
const CHECK: Duration = Duration::from_mins(10);

/// Something is over; with the time, where that is known.
struct Over(Option<Timestamp>);

/// What belongs to a call and may be left behind by it.
pub(super) trait Mortal: Kept {
    /// The call it belongs to, where that is known.
    fn of_call(&self) -> Option<&EntityId>;
    /// When it began.
    fn begun(&self) -> Option<Timestamp>;
}

impl Mortal for Recording {
    fn of_call(&self) -> Option<&EntityId> {
        self.call.as_ref()
    }

    fn begun(&self) -> Option<Timestamp> {
        self.started_at
    }
}

impl Mortal for Participant {
    fn of_call(&self) -> Option<&EntityId> {
        self.call.as_ref()
    }

    fn begun(&self) -> Option<Timestamp> {
        self.joined_at
    }
}

impl State {
    /// Sees from time to time whether something that has just begun can still be going on.
    pub(super) fn look_after<T: Mortal>(&mut self, now: Now, id: &EntityId) {
        let Some(entity) = self.get::<T>(id) else {
            return;
        };
        // Always some whole time after its begin: so a restart between makes no difference.
        let begun = entity.begun().unwrap_or(now.wall);
        let whole = u64::try_from(CHECK.as_millis()).unwrap_or(u64::MAX);
        let left = Duration::from_millis(whole - now.wall.millis_since(begun) % whole);
        let due = Due::Outlasts(T::COLLECTION, id.clone());
        self.timers.arm(now.mono + left, due);
    }

    /// Looks after what went on when the last run ended.
    pub(super) fn look_after_all(&mut self, now: Now) {
        let recordings: Vec<EntityId> = self.view.recordings.keys().cloned().collect();
        for id in recordings {
            self.look_after::<Recording>(now, &id);
        }
        let participants: Vec<EntityId> = self.view.participants.keys().cloned().collect();
        for id in participants {
            self.look_after::<Participant>(now, &id);
        }
    }

    /// It is time to see whether something can still be going on.
    pub(super) fn outlast_due(&mut self, turn: &mut Turn<'_>, kind: Collection, id: &EntityId) {
        if kind == Collection::Recordings {
            if let Some(Over(at)) = self.over::<Recording>(turn, id) {
                self.recording_over(turn, id, at);
            }
        } else if self.over::<Participant>(turn, id).is_some() {
            self.remove_participant(turn, id);
        }
    }

    /// Whether something is over. Marks the turn with the reason, or looks again later.
    fn over<T: Mortal>(&mut self, turn: &mut Turn<'_>, id: &EntityId) -> Option<Over> {
        let stored: Arc<Stored<T>> = T::table(&self.view).get(id).map(Arc::clone)?;
        let call = stored.entity.of_call();
        // A call is forgotten a moment after its end: what may be told of it yet is not anticipated.
        let goes_on = call.is_some_and(|call| self.calls.contains_key(call));
        let ended = call
            .filter(|_| !goes_on)
            .and_then(|call| turn.archive.find(Collection::Calls, call));
        let source = turn.mark.source.clone();
        let max_age = self.settings(&source).max_call_age;
        let (origin, rule, at) = if let Some(ended) = ended {
            (OriginKind::Inferred, "call_ended", ended.ended_at())
        } else if !goes_on && stored.seen.after(max_age) <= turn.now.wall {
            (OriginKind::Unconfirmed, "max_call_age", None)
        } else {
            self.look_after::<T>(turn.now, id);
            return None;
        };
        turn.mark = Mark::own(&source, turn.now, origin, rule);
        turn.mark.tenant.clone_from(&stored.tenant);
        Some(Over(at))
    }
}
