//! The world keeps its own books straight, in every dialect.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, value::RawValue};

use super::*;
use crate::{
    sim::{subscriber::text, voice::Body},
    wire::Dialect,
};

const START: i64 = 1_725_845_648_000;

#[test]
fn every_story_ends_and_is_recorded_once() {
    for dialect in Dialect::ALL {
        for (plot, _) in Plot::MIX {
            for seed in 1..6 {
                let mut world = quiet(dialect, seed);
                let session = world.begin(&Order::of(plot)).unwrap();
                let told = run_out(&mut world);
                let context = format!("{dialect:?} {plot:?} {seed}: {told:#?}");
                assert!(world.calls.is_empty(), "{context}");
                let records: Vec<&Body> = of_event(&told, "call_cdr").collect();
                let truths = world.truth();
                assert_eq!(records.len(), truths.len(), "{context}");
                assert!(truths.iter().any(|t| t.key == session.to_string()));
                for truth in truths {
                    check_record(&truth, &records, &context);
                }
                let busy = |e: &Extension| e.calls + e.ringing > 0;
                assert!(!world.extensions.iter().any(busy), "{context}");
                let idle = world.queues.iter().flat_map(|queue| &queue.agents);
                for agent in idle {
                    assert_eq!(agent.state.word(), "READY", "{context}");
                }
                assert!(world.queues.iter().all(|queue| queue.waiting.is_empty()));
            }
        }
    }
}

#[test]
fn all_messages_have_sorted_keys_a_name_and_the_tenant() {
    for dialect in Dialect::ALL {
        let mut names = BTreeSet::new();
        for emission in lively(dialect, 600) {
            let text = text(&emission.body);
            let body: Value = serde_json::from_str(&text).unwrap();
            assert!(body["tenant_id"].is_string(), "{text}");
            assert_eq!(body.get("tenant_name").is_some(), {
                dialect == Dialect::V12 || emission.event() == "call_cdr"
            });
            assert_eq!(sorted(&text), text);
            names.insert(emission.event().to_owned());
        }
        let expected: &[&str] = match dialect {
            Dialect::V12 | Dialect::V16 => &["call_established", "call_hold", "extension_register"],
            Dialect::V16_2 => &["call_start", "extension_call", "queue_caller_status"],
            Dialect::V22 => &["call_update_info", "cdr_target_ringing", "extension_status"],
            Dialect::V22_3 => &[
                "target_answer",
                "extension_updated",
                "extension_agent_status",
            ],
        };
        for name in expected {
            assert!(names.contains(*name), "{dialect:?}: {names:?}");
        }
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let texts = |seed| {
        let profile = Profile {
            seed,
            ..Profile::default()
        };
        let mut world = World::new(&profile, START);
        let told = world.advance(Duration::from_secs(120));
        told.iter().map(|e| text(&e.body)).collect::<Vec<_>>()
    };
    assert_eq!(texts(5), texts(5));
    assert_ne!(texts(5), texts(6));
}

#[test]
fn something_happens_all_the_time() {
    let profile = Profile::default();
    let mut world = World::new(&profile, START);
    let mut quiet = 0;
    let mut longest = 0;
    for second in 1..600 {
        let told = world.advance(Duration::from_secs(second));
        quiet = if told.is_empty() { quiet + 1 } else { 0 };
        longest = longest.max(quiet);
    }
    assert!(longest < 10, "{longest} s without a word");
}

#[test]
fn a_restart_forgets_the_calls() {
    let mut world = World::new(&Profile::default(), START);
    world.advance(Duration::from_secs(60));
    assert!(!world.calls.is_empty());
    world.restart();
    assert!(world.calls.is_empty());
    let lost = |truth: &TrueCall| truth.end == Some(Ending::Lost.truth());
    assert!(world.truth().iter().any(lost));
    assert!(!world.advance(Duration::from_secs(300)).is_empty());
}

#[test]
fn what_was_ordered_takes_part() {
    let mut world = quiet(Dialect::V22, 1);
    let order = Order {
        plot: Plot::Queue,
        caller: Some("07700900123".to_owned()),
        callee: None,
        queue: Some("8002".to_owned()),
    };
    world.begin(&order).unwrap();
    run_out(&mut world);
    let [truth] = &world.truth()[..] else {
        panic!("one call");
    };
    assert_eq!(truth.caller, "07700900123");
    assert_eq!(&*truth.waits[0].queue, "8002");
    let nobody = Order {
        callee: Some("4711".to_owned()),
        ..Order::of(Plot::Answered)
    };
    assert_eq!(world.begin(&nobody), None);
}

/// A record says what the truth says.
fn check_record(truth: &TrueCall, records: &[&Body], context: &str) {
    let mut matching = records
        .iter()
        .filter(|body| body["session_id"] == truth.key.as_str());
    let record = matching.next().expect(context);
    assert!(matching.next().is_none(), "{context}");
    assert!(truth.ended_at.is_some(), "{context}");
    assert_eq!(record["caller"], truth.caller.as_str(), "{context}");
    let targets = record["call_targets"].as_array().unwrap();
    for talked in &truth.talked {
        let from = talked.from.secs().to_string();
        let answered = |target: &Value| {
            target["callee"] == talked.number.as_str() && target["answered_time"] == from.as_str()
        };
        assert!(targets.iter().any(answered), "{talked:?} {context}");
    }
    for rang in &truth.rang {
        let named = |target: &Value| target["callee"] == rang.number.as_str();
        assert!(targets.iter().any(named), "{rang:?} {context}");
    }
}

fn quiet(dialect: Dialect, seed: u64) -> World {
    let profile = Profile {
        seed,
        ..Profile::of(dialect).quiet()
    };
    World::new(&profile, START)
}

fn run_out(world: &mut World) -> Vec<Emission> {
    let mut told = Vec::new();
    while let Some(at) = world.poll_timeout() {
        told.extend(world.advance(at));
    }
    told
}

fn lively(dialect: Dialect, secs: u64) -> Vec<Emission> {
    let mut world = World::new(&Profile::of(dialect), START);
    world.advance(Duration::from_secs(secs))
}

fn of_event<'a>(told: &'a [Emission], name: &'a str) -> impl Iterator<Item = &'a Body> {
    let named = told.iter().filter(move |emission| emission.event() == name);
    named.map(|emission| &emission.body)
}

/// The same object as it must be written: compact, its keys sorted.
fn sorted(text: &str) -> String {
    let read: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
    serde_json::to_string(&read).unwrap()
}
