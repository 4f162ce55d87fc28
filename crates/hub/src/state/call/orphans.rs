//! Orphans: facts about a call whose start has not been heard. They wait for it, and then stand on their own.

use std::{collections::HashMap, time::Duration};

use model::{
    EntityId, LegState,
    observation::{CallPatch, Fact},
};

use super::transfer::link;
use crate::state::{
    State,
    mark::{Mark, Turn},
    timers::Due,
};

/// How long a fact waits for the start of its call.
const WAIT: Duration = Duration::from_secs(3);
/// The most facts that wait for one call; one more ends the wait.
const MAX_FACTS: usize = 256;
/// The most calls that are waited for; for one more nobody waits.
const MAX_CALLS: usize = 10_000;

/// The most facts that wait in all; for one more nobody waits.
const MAX_WAITING: usize = 20_000;

/// Facts that wait, by the call they speak of.
#[derive(Debug, Default)]
pub(in crate::state) struct Orphans {
    calls: HashMap<EntityId, Waiting>,
    /// All facts that wait.
    waiting: usize,
}

#[derive(Debug)]
struct Waiting {
    deadline: Duration,
    facts: Vec<(Mark, Fact)>,
    /// Calls of whose interaction this one will be a part.
    adopters: Vec<EntityId>,
}

impl State {
    /// Lets a fact wait.
    pub(super) fn orphan(&mut self, turn: &mut Turn<'_>, id: &EntityId, fact: &Fact) {
        let mark = turn.mark.clone();
        let waiting = self.wait_for(turn, id);
        waiting.facts.push((mark, fact.clone()));
        let many = waiting.facts.len() >= MAX_FACTS;
        self.orphans.waiting += 1;
        let (calls, facts) = (self.orphans.calls.len(), self.orphans.waiting);
        if many || calls > MAX_CALLS || facts > MAX_WAITING {
            self.orphans_due(turn, id);
        }
    }

    /// Lets a call join an interaction as soon as it is known.
    pub(super) fn await_adoption(&mut self, turn: &Turn<'_>, id: &EntityId, adopter: EntityId) {
        if self.orphans.calls.len() < MAX_CALLS {
            let waiting = self.wait_for(turn, id);
            if !waiting.adopters.contains(&adopter) && waiting.adopters.len() < MAX_FACTS {
                waiting.adopters.push(adopter);
            }
        }
    }

    fn wait_for(&mut self, turn: &Turn<'_>, id: &EntityId) -> &mut Waiting {
        let deadline = turn.now.mono + WAIT;
        if !self.orphans.calls.contains_key(id) {
            self.timers.arm(deadline, Due::Orphans(id.clone()));
        }
        self.orphans
            .calls
            .entry(id.clone())
            .or_insert_with(|| Waiting {
                deadline,
                facts: Vec::new(),
                adopters: Vec::new(),
            })
    }

    /// The start of a call was heard: what waited for it is folded now.
    pub(super) fn release_orphans(&mut self, turn: &mut Turn<'_>, id: &EntityId) {
        let Some(waiting) = self.orphans.calls.remove(id) else {
            return;
        };
        self.timers
            .disarm(waiting.deadline, Due::Orphans(id.clone()));
        self.fold_waiting(turn, id, waiting, false);
    }

    /// The wait is over: the facts stand on their own.
    pub(in crate::state) fn orphans_due(&mut self, turn: &mut Turn<'_>, id: &EntityId) {
        let Some(waiting) = self.orphans.calls.remove(id) else {
            return;
        };
        self.timers
            .disarm(waiting.deadline, Due::Orphans(id.clone()));
        // A leg that is said to have moved here proves this call; one that is said to have left it does not.
        let tells = |fact: &Fact| match fact {
            Fact::LegMoved { to, .. } => turn.mark.source.entity(to) == *id,
            _ => true,
        };
        let told = waiting
            .facts
            .iter()
            .filter(|(_, fact)| tells(fact))
            .min_by_key(|(mark, _)| mark.when());
        if let Some((mark, _)) = told
            && !self.calls.contains_key(id)
        {
            let mark = mark.clone().recorded_at(turn.now.wall);
            let started = mark.when();
            let patch = first_patch(&waiting.facts);
            let slot = turn.under(mark, |turn| {
                self.start_call(turn, id.clone(), &patch, started)
            });
            match slot {
                Some(slot) => self.put_call(turn, slot),
                None => {
                    self.orphans.waiting -= waiting.facts.len();
                    return;
                }
            }
        }
        self.fold_waiting(turn, id, waiting, true);
    }

    fn fold_waiting(
        &mut self,
        turn: &mut Turn<'_>,
        id: &EntityId,
        mut waiting: Waiting,
        waited: bool,
    ) {
        self.orphans.waiting -= waiting.facts.len();
        waiting
            .facts
            .sort_by_key(|(mark, fact)| (rank(fact), mark.time));
        for (mark, fact) in &waiting.facts {
            let mark = mark.clone().recorded_at(turn.now.wall);
            turn.under(mark, |turn| match fact {
                Fact::LegMoved { .. } => self.leg_moved(turn, fact, waited),
                fact => {
                    if let Some(mut slot) = self.take_call(turn, id) {
                        self.fold_call_fact(turn, &mut slot, fact);
                        self.put_call(turn, slot);
                    }
                }
            });
        }
        for adopter in waiting.adopters {
            let Some(interaction) = self
                .calls
                .get(&adopter)
                .map(|slot| slot.call.interaction_id.clone())
            else {
                continue;
            };
            if let Some(mut slot) = self.take_call(turn, id) {
                link(&mut slot, &adopter);
                self.adopt(turn, &mut slot, interaction);
                self.put_call(turn, slot);
            }
        }
    }
}

/// What was told first of the call itself: its start is not told without what is known of it by then.
fn first_patch(facts: &[(Mark, Fact)]) -> CallPatch {
    let patches = facts.iter().filter_map(|(mark, fact)| match fact {
        Fact::Call { patch, .. } => Some((mark, patch)),
        _ => None,
    });
    let first = patches.min_by_key(|(mark, _)| mark.when());
    first.map_or_else(CallPatch::default, |(_, patch)| (**patch).clone())
}

/// The order in which facts that waited together are folded when their times do not tell.
fn rank(fact: &Fact) -> u8 {
    match fact {
        Fact::Call { .. } => 0,
        Fact::Leg(leg) if leg.state != Some(LegState::Ended) => 1,
        Fact::LegMoved { .. } | Fact::Transferred { .. } | Fact::Parked { .. } => 2,
        Fact::Leg(_) => 3,
        _ => 4,
    }
}
