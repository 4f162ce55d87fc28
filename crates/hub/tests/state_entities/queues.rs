//! Queues with their agents and callers.

use model::{
    AgentState, Fact, Observation,
    observation::{QueuePatch, Ref},
    source::Action,
};

use crate::{
    rig::{agent, caller},
    state_bench::{Bench, at, hq},
};

#[test]
fn queue_counters_travel_with_agents_and_callers() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.tell(vec![agent("101", "8000", AgentState::Ready)]),
        ["queue.updated", "agent.joined"]
    );
    bench.tell(vec![agent("102", "8000", AgentState::Busy)]);
    assert_eq!(
        bench.tell(vec![agent("102", "8000", AgentState::NotReady)]),
        ["agent.state_changed"]
    );
    let queue = bench
        .last("agent.state_changed")
        .data
        .queue
        .clone()
        .unwrap();
    assert_eq!(
        (queue.agents_ready, queue.agents_busy, queue.agents_total),
        (Some(1), Some(0), Some(2))
    );
    assert_eq!(
        bench.tell(vec![caller("8000", "k", 2)]),
        ["queue.caller_joined"]
    );
    assert_eq!(
        bench.tell(vec![caller("8000", "k", 1)]),
        ["queue.caller_moved"]
    );
    assert!(bench.tell(vec![caller("8000", "k", 1)]).is_empty());
    let queue = bench.last("queue.caller_moved").data.queue.clone().unwrap();
    assert_eq!(
        (queue.waiting, queue.longest_waiting_since),
        (Some(1), at(1))
    );
    assert_eq!(
        &*bench.last("queue.caller_moved").subject,
        "queues/hq:8000/callers/k"
    );
    let left = Fact::CallerLeft {
        queue: Ref::number("8000"),
        key: "k".into(),
        reason: "timeout".into(),
    };
    let left = Observation::native("caller", left);
    assert_eq!(bench.tell(vec![left.clone()]), ["queue.caller_left"]);
    assert!(bench.tell(vec![left]).is_empty());
    let gone = Fact::AgentLeft {
        extension: Ref::number("101"),
        queue: Ref::number("8000"),
    };
    assert_eq!(
        bench.tell(vec![Observation::native("agent", gone)]),
        ["agent.left"]
    );
    let agents: Vec<_> = bench.state.view().agents.keys().cloned().collect();
    assert_eq!(agents, [hq().entity("102@8000")]);
}

#[test]
fn a_queue_that_is_only_named_is_known_from_then_on() {
    let mut bench = Bench::new();
    let queue = |action| {
        let fact = Fact::Queue {
            at: Ref::number("8000"),
            action,
            patch: Box::new(QueuePatch {
                name: Some("Support".into()),
                ..QueuePatch::default()
            }),
        };
        Observation::native("queue", fact)
    };
    bench.tell(vec![caller("8000", "k", 1)]);
    assert_eq!(bench.tell(vec![queue(None)]), ["queue.updated"]);
    let deleted = vec![queue(Some(Action::Deleted))];
    assert_eq!(bench.tell(deleted), ["queue.deleted"]);
    let created = vec![queue(Some(Action::Created))];
    assert_eq!(bench.tell(created), ["queue.created"]);
}
