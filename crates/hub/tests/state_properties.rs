//! Properties of the state: any order, any repetition, any restart.

#![expect(clippy::unwrap_used, reason = "helpers of tests stop where they break")]

mod state_bench;

use std::{collections::BTreeMap, time::Duration};

use hub::state::{Entities, Stored, Table};
use model::{
    AgentState, Call, Cause, Direction, EndedBy, EntityId, ExtensionCallState, Fact, LegRole,
    LegState, Observation, Party, Text, Timestamp,
    observation::{AgentPatch, CallerFact, ExtensionPatch, Ref},
};
use proptest::prelude::*;
use serde::Serialize;
use state_bench::{Bench, at, call_ends, end, hq, leg, leg_ends, opens, party};

/// What happens to one leg of the called side. Seconds since the one before; none when it does not happen.
#[derive(Clone, Debug)]
struct Plan {
    starts: i64,
    rings: Option<i64>,
    answers: Option<i64>,
    ends: Option<i64>,
    cause: Cause,
}

#[derive(Clone, Debug)]
struct Script {
    legs: Vec<Plan>,
    ended_by: EndedBy,
    cause: Cause,
}

fn cause() -> impl Strategy<Value = Cause> {
    prop::sample::select(vec![
        Cause::Normal,
        Cause::Busy,
        Cause::NoAnswer,
        Cause::Rejected,
    ])
}

fn plan() -> impl Strategy<Value = Plan> {
    let step = || prop::option::of(1..5_i64);
    (0..5_i64, step(), step(), step(), cause()).prop_map(|(starts, rings, answers, ends, cause)| {
        Plan {
            starts,
            rings,
            answers,
            ends,
            cause,
        }
    })
}

fn script() -> impl Strategy<Value = Script> {
    let by = prop::sample::select(vec![EndedBy::Caller, EndedBy::Callee, EndedBy::System]);
    (prop::collection::vec(plan(), 0..4), by, cause()).prop_map(|(legs, ended_by, cause)| Script {
        legs,
        ended_by,
        cause,
    })
}

/// A leg as it must be in the end.
#[derive(Clone, Debug, PartialEq)]
struct Expected {
    started: Option<Timestamp>,
    ringing: Option<Timestamp>,
    answered: Option<Timestamp>,
    ended: Option<Timestamp>,
    cause: Option<Cause>,
}

/// A call as it must be in the end, told by a second, naive reading of the script.
#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    legs: BTreeMap<String, Expected>,
    started: Option<Timestamp>,
    ringing: Option<Timestamp>,
    answered: Option<Timestamp>,
    answered_by: Option<Party>,
    ended: Option<Timestamp>,
    cause: Cause,
    outcome: model::Outcome,
    handled: usize,
}

impl Script {
    fn facts(&self, call: &str) -> Vec<Observation> {
        let mut facts = vec![opens(call, Direction::Inbound, "4420", "100").at(at(0))];
        for (n, plan) in self.legs.iter().enumerate() {
            let key = format!("{call}/10{n}");
            let times = plan.times();
            let states = [LegState::Initiated, LegState::Ringing, LegState::Connected];
            for (state, time) in states.into_iter().zip(times) {
                if let Some(time) = time {
                    facts.push(leg(call, &key, LegRole::Callee, state).at(at(time)));
                }
            }
            if let Some(time) = times[3] {
                facts.push(leg_ends(call, &key, plan.cause).at(at(time)));
            }
        }
        let over = Some(end(self.cause, self.ended_by));
        facts.push(call_ends(call, over).at(at(END)));
        facts
    }

    fn outcome(&self) -> Outcome {
        let times = |n: usize| self.legs[n].times();
        let answer = (0..self.legs.len())
            .filter_map(|n| Some((times(n)[2]?, n)))
            .min();
        let gave_up =
            answer.is_none() && self.ended_by == EndedBy::Caller && self.cause == Cause::Normal;
        let cause = if gave_up {
            Cause::Cancelled
        } else {
            self.cause
        };
        let legs = (0..self.legs.len()).map(|n| {
            let [started, ringing, answered, ended] = times(n);
            let expected = Expected {
                started: started.and_then(at),
                ringing: ringing.and_then(at),
                answered: answered.and_then(at),
                ended: at(ended.unwrap_or(END)),
                cause: ended.map(|_| self.legs[n].cause),
            };
            (format!("hq:c/10{n}"), expected)
        });
        Outcome {
            legs: legs.collect(),
            started: at(0),
            // Who rings first after somebody answered is no milestone of the call.
            ringing: (0..self.legs.len())
                .filter_map(|n| times(n)[1])
                .min()
                .filter(|ringing| answer.is_none_or(|(answered, _)| *ringing <= answered))
                .and_then(at),
            answered: answer.and_then(|(time, _)| at(time)),
            answered_by: answer.map(|(_, n)| Party::extension(&format!("10{n}"))),
            ended: at(END),
            cause,
            outcome: match answer {
                Some(_) => model::Outcome::Answered,
                None => cause.unanswered_outcome(),
            },
            handled: (0..self.legs.len())
                .filter(|n| times(*n)[2].is_some())
                .count(),
        }
    }
}

const END: i64 = 100;

impl Plan {
    /// Started, ringing, answered, ended.
    fn times(&self) -> [Option<i64>; 4] {
        let mut now = self.starts;
        let mut step = |by: Option<i64>| {
            by.map(|by| {
                now += by;
                now
            })
        };
        let later = [step(self.rings), step(self.answers), step(self.ends)];
        [Some(self.starts), later[0], later[1], later[2]]
    }
}

/// A published call, by what the script says of it.
fn published(call: &Call, script: &Script) -> Outcome {
    let end = call.end.as_ref().unwrap();
    let legs = call.legs.iter().map(|leg| {
        let n: usize = leg
            .id
            .as_str()
            .rsplit("10")
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let expected = Expected {
            started: Some(leg.started_at),
            ringing: leg.ringing_at,
            answered: leg.answered_at,
            ended: leg.ended_at,
            // How a leg ended that was closed with its call is not its own.
            cause: script.legs[n]
                .ends
                .and_then(|_| leg.end.as_ref().map(|end| end.cause)),
        };
        (leg.id.as_str().to_owned(), expected)
    });
    Outcome {
        legs: legs.collect(),
        started: Some(call.started_at),
        ringing: call.ringing_at,
        answered: call.answered_at,
        answered_by: call.answered_by.clone(),
        ended: call.ended_at,
        cause: end.cause,
        outcome: end.outcome,
        handled: call.handled_by.len(),
    }
}

/// The last word on a call.
fn last_call(bench: &Bench, key: &str) -> std::sync::Arc<Call> {
    let id = hq().entity(key);
    let events = bench.events.iter().rev();
    events
        .filter_map(|event| event.data.call.clone())
        .find(|call| call.id == id)
        .unwrap()
}

/// A position in a list, for shuffling.
fn order(n: usize) -> impl Strategy<Value = Vec<usize>> {
    Just((0..n).collect::<Vec<_>>()).prop_shuffle()
}

fn shuffled() -> impl Strategy<Value = (Script, Vec<usize>, Vec<prop::sample::Index>)> {
    script().prop_flat_map(|script| {
        let n = script.facts("c").len();
        let again = prop::collection::vec(any::<prop::sample::Index>(), 0..6);
        (Just(script), order(n), again)
    })
}

/// A deed of a busy hour.
#[derive(Clone, Debug)]
enum Deed {
    Tell(Vec<Observation>),
    Wait(u64),
}

fn busy_hour() -> impl Strategy<Value = Vec<Deed>> {
    let calls = prop::collection::vec(script(), 1..4).prop_map(|scripts| {
        let mut tracks: Vec<Vec<Observation>> = scripts
            .iter()
            .enumerate()
            .map(|(n, script)| {
                let mut facts = script.facts(&format!("c{n}"));
                facts.sort_by_key(|fact| fact.time);
                facts.reverse();
                facts
            })
            .collect();
        tracks.retain(|track| !track.is_empty());
        tracks
    });
    let extension = (0..4_u8, 0..3_u8, any::<bool>()).prop_map(|(n, state, by_id)| {
        let number = format!("10{n}");
        let states = [
            ExtensionCallState::Idle,
            ExtensionCallState::Ringing,
            ExtensionCallState::Busy,
        ];
        let patch = ExtensionPatch {
            call_state: Some(states[usize::from(state)]),
            ..ExtensionPatch::default()
        };
        let at = if by_id {
            Ref::both(&format!("x{n}"), &number)
        } else {
            Ref::number(&number)
        };
        let action = None;
        let patch = Box::new(patch);
        Observation::native("x", Fact::Extension { at, action, patch })
    });
    let agent = (0..4_u8, 0..3_u8, any::<bool>()).prop_map(|(n, state, left)| {
        let states = [AgentState::Ready, AgentState::Busy, AgentState::NotReady];
        let extension = Ref::number(&format!("10{n}"));
        let queue = Ref::number("8000");
        let fact = if left {
            Fact::AgentLeft { extension, queue }
        } else {
            let patch = AgentPatch {
                state: Some(states[usize::from(state)]),
                ..AgentPatch::default()
            };
            let patch = Box::new(patch);
            Fact::Agent {
                extension,
                queue,
                patch,
            }
        };
        Observation::native("a", fact)
    });
    let caller = (0..3_u8, 1..4_u32, any::<bool>()).prop_map(|(n, position, left)| {
        let key: Text = format!("c{n}").into();
        let queue = Ref::number("8000");
        let fact = if left {
            let reason = "answered".into();
            Fact::CallerLeft { queue, key, reason }
        } else {
            Fact::Caller(Box::new(CallerFact {
                queue,
                key: Text::clone(&key),
                call: Some(key),
                party: party("4420"),
                position: Some(position),
                state: model::CallerState::Waiting,
                entered_at: at(1),
            }))
        };
        Observation::native("q", fact)
    });
    let other = prop_oneof![extension, agent, caller].prop_map(|fact| Deed::Tell(vec![fact]));
    let wait = (0..3_u64).prop_map(Deed::Wait);
    let next_of_call = any::<prop::sample::Index>();
    let deeds = prop::collection::vec(
        prop_oneof![
            6 => next_of_call.prop_map(Err),
            3 => other.prop_map(Ok),
            1 => wait.prop_map(Ok),
        ],
        5..60,
    );
    (calls, deeds).prop_map(|(mut tracks, deeds)| {
        let mut plan = Vec::new();
        for deed in deeds {
            match deed {
                Ok(deed) => plan.push(deed),
                Err(index) => {
                    let n = index.index(tracks.len());
                    if let Some(fact) = tracks[n].pop() {
                        plan.push(Deed::Tell(vec![fact]));
                    }
                }
            }
        }
        plan
    })
}

fn table<T: Serialize>(table: &Table<T>) -> BTreeMap<EntityId, String> {
    let line = |stored: &Stored<T>| {
        format!(
            "v{} {:?} {} {}",
            stored.version,
            stored.tenant,
            stored.seen,
            String::from_utf8_lossy(stored.json())
        )
    };
    table
        .iter()
        .map(|(id, stored)| (id.clone(), line(stored)))
        .collect()
}

/// The first entity that two benches know differently.
fn difference(a: &Bench, b: &Bench) -> Option<(EntityId, Option<String>, Option<String>)> {
    let all = |bench: &Bench| {
        let view: Entities = bench.state.view();
        let mut all = table(&view.calls);
        all.extend(table(&view.extensions));
        all.extend(table(&view.agents));
        all.extend(table(&view.queues));
        all.extend(table(&view.callers));
        all
    };
    let (a, b) = (all(a), all(b));
    let ids = a.keys().chain(b.keys());
    ids.map(|id| (id.clone(), a.get(id).cloned(), b.get(id).cloned()))
        .find(|(_, a, b)| a != b)
}

fn perform(bench: &mut Bench, deed: &Deed) {
    match deed {
        Deed::Tell(facts) => {
            bench.tell(facts.clone());
        }
        Deed::Wait(secs) => {
            bench.secs(*secs);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_repetition_ends_in_the_same_call((script, order, again) in shuffled()) {
        let facts = script.facts("c");
        let mut bench = Bench::new();
        let step = Duration::from_millis(2_000 / (order.len() as u64 + 8));
        for index in order {
            bench.tell(vec![facts[index].clone()]);
            bench.advance(step);
        }
        bench.secs(4);
        let published = published(&last_call(&bench, "c"), &script);
        prop_assert_eq!(&published, &script.outcome(), "{}", bench.tale());
        for index in again {
            let fact = facts[index.index(facts.len())].clone();
            prop_assert_eq!(bench.tell(vec![fact.clone()]), Vec::<&str>::new(), "{:?}\n{}", fact, bench.tale());
        }
        prop_assert_eq!(bench.state.counters().violations(), 0);
    }

    #[test]
    fn a_frame_may_hold_all_of_it((script, order, _) in shuffled()) {
        let facts = script.facts("c");
        let mut bench = Bench::new();
        bench.tell(order.iter().map(|index| facts[*index].clone()).collect());
        bench.secs(4);
        let published = published(&last_call(&bench, "c"), &script);
        prop_assert_eq!(&published, &script.outcome(), "{}", bench.tale());
    }

    #[test]
    fn a_restart_changes_nothing(
        deeds in busy_hour(),
        checkpoint in any::<prop::sample::Index>(),
        restart in any::<prop::sample::Index>(),
    ) {
        let (checkpoint, restart) = (checkpoint.index(deeds.len()), restart.index(deeds.len()));
        let (mut steady, mut restarted) = (Bench::new(), Bench::new());
        for (n, deed) in deeds.iter().enumerate() {
            if n == checkpoint.min(restart) {
                restarted.checkpoint();
            }
            if n == restart {
                restarted.restart();
                prop_assert_eq!(difference(&steady, &restarted), None);
            }
            perform(&mut steady, deed);
            perform(&mut restarted, deed);
            prop_assert_eq!(difference(&steady, &restarted), None, "after {:?}", deed);
        }
        steady.secs(20);
        restarted.secs(20);
        let (a, b) = (steady.tale_of_entities(), restarted.tale_of_entities());
        let differs = a.lines().zip(b.lines()).find(|(a, b)| a != b);
        prop_assert!(a == b, "{differs:?}\n{a}\n{b}\n{checkpoint} {restart}");
        prop_assert_eq!(difference(&steady, &restarted), None);
        prop_assert_eq!(restarted.state.counters().violations(), 0);
    }
}
