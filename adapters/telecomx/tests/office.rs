//! The simulated office against the map: what it tells is understood whole, and what happened is what is said.

#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use adapter::{
    Output, Resume, Translator as _,
    truth::{Stage as _, TrueCall},
};
use bytes::Bytes;
use model::{Cause, Fact, MemoChange, Now, Observation, SourceId, Text, Timestamp};
use telecomx::{
    Config, Translator,
    sim::{Chaos, Profile, Stage},
};

const START: i64 = 1_767_600_000_000;
const HOUR: Duration = Duration::from_secs(3600);

/// Nothing of a day at the office is unknown to the map, and no list is refused.
#[test]
fn a_day_is_understood_whole() {
    let day = Day::live(&Profile::default(), HOUR);
    let strange: BTreeSet<String> = day
        .said
        .iter()
        .filter_map(|observation| match &observation.fact {
            Fact::Unrecognized { shape } => Some(shape.to_string()),
            Fact::Source(model::observation::SourceFact::Degraded { reason }) => {
                Some(reason.to_string())
            }
            _ => None,
        })
        .collect();
    assert_eq!(strange, BTreeSet::new());
    assert!(day.truth.len() > 500, "only {} calls", day.truth.len());
}

/// The same seed tells the same story, another one another.
#[test]
fn a_seed_is_a_story() {
    let frames = |seed| {
        let profile = Profile {
            seed,
            ..Profile::default()
        };
        Day::live(&profile, Duration::from_secs(300)).frames
    };
    assert_eq!(frames(7), frames(7));
    assert_ne!(frames(7), frames(8));
}

/// Every call that happened ends once, and as it did; none is invented.
#[test]
fn calls_end_as_they_did() {
    let day = Day::live(&Profile::default(), HOUR);
    day.judge();
}

/// The same, when events come twice and in another order.
#[test]
fn repeats_and_disorder_invent_nothing() {
    let chaos = Chaos {
        duplicate: 0.1,
        reorder: 0.1,
        ..Chaos::default()
    };
    let profile = Profile {
        chaos,
        ..Profile::default()
    };
    Day::live(&profile, HOUR).judge();
}

/// What was kept of a call over night is of no use to anybody when it is over.
#[test]
fn further_ids_of_sessions_that_are_over_are_forgotten() {
    let config: Config = serde_json::from_value(serde_json::json!({
        "url": "http://127.0.0.1", "token": "t", "customer": "c1",
    }))
    .unwrap();
    let resume = Resume {
        memo: [("names/s9".into(), Bytes::from_static(br#"["s8"]"#))].into(),
        ..Resume::default()
    };
    let mut translator = Translator::new(&SourceId::new("cph").unwrap(), &config, &resume);
    let mut out = Output::default();
    translator.connected(None, at(Duration::ZERO), &mut out);
    translator.connected(None, at(Duration::ZERO), &mut out);
    let forgotten = MemoChange {
        key: "names/s9".into(),
        value: None,
    };
    assert_eq!(out.memo, [forgotten], "once");
}

/// A day at the office, as it went and as it was said.
struct Day {
    frames: Vec<Bytes>,
    said: Vec<Observation>,
    truth: Vec<TrueCall>,
}

impl Day {
    fn live(profile: &Profile, lasts: Duration) -> Self {
        let config: Config = serde_json::from_value(serde_json::json!({
            "url": "http://127.0.0.1", "token": "t", "customer": profile.customer,
            "channels": ["PBX", "CALL", "REGISTER", "CONFIG"], "region": "DK",
        }))
        .unwrap();
        let source = SourceId::new("cph").unwrap();
        let mut translator = Translator::new(&source, &config, &Resume::default());
        let mut stage = Stage::new(profile, config, START);
        let mut day = Self {
            frames: Vec::new(),
            said: Vec::new(),
            truth: Vec::new(),
        };
        let mut frames = Vec::new();
        stage.connect(&mut frames);
        let mut out = Output::default();
        let mut now = Duration::ZERO;
        let mut closing = None;
        translator.connected(None, at(now), &mut out);
        loop {
            for frame in frames.drain(..) {
                translator.frame(&frame, at(now), &mut out);
                day.frames.push(frame);
            }
            for request in std::mem::take(&mut out.requests) {
                stage.request(&request, &mut frames);
            }
            let reports = std::mem::take(&mut out.reports);
            let told = reports.into_iter().flat_map(|report| report.observations);
            day.said.extend(told);
            if !frames.is_empty() {
                continue;
            }
            if now >= lasts {
                stage.last_orders();
                if stage.open_calls() == 0 {
                    // What was said last takes a moment to be understood.
                    let since = *closing.get_or_insert(now);
                    if now > since + Duration::from_secs(10) {
                        break;
                    }
                }
            }
            let due = [stage.poll_timeout(), translator.poll_timeout()];
            now = due.into_iter().flatten().min().unwrap_or(now).max(now);
            stage.advance(now, &mut frames);
            if translator.poll_timeout().is_some_and(|due| due <= now) {
                translator.timeout(at(now), &mut out);
            }
        }
        day.truth = stage.take_ended();
        day
    }

    fn judge(&self) {
        let mut opened: BTreeSet<&str> = BTreeSet::new();
        let mut moved_out: BTreeSet<&str> = BTreeSet::new();
        let mut ends: BTreeMap<&str, Option<Cause>> = BTreeMap::new();
        let mut transfers: BTreeMap<&Text, usize> = BTreeMap::new();
        for observation in &self.said {
            match &observation.fact {
                Fact::Call { call, .. } => drop(opened.insert(call)),
                Fact::LegMoved { from, .. } => drop(moved_out.insert(from)),
                Fact::CallEnded { call, end, .. } => {
                    let cause = end.as_ref().map(|end| end.cause);
                    let known = ends.entry(call).or_default();
                    *known = cause.or(*known);
                }
                Fact::Transferred { call, .. } => *transfers.entry(call).or_default() += 1,
                _ => {}
            }
        }
        let true_keys: BTreeSet<&str> = self.truth.iter().map(|call| call.key.as_str()).collect();
        let ghosts: Vec<&&str> = opened.difference(&true_keys).collect();
        assert!(ghosts.is_empty(), "calls that never were: {ghosts:?}");
        for call in &self.truth {
            let key = call.key.as_str();
            assert!(opened.contains(key), "not told: {call:?}");
            let end = call.end.as_ref().unwrap();
            if end.cause == Cause::Transferred {
                assert!(moved_out.contains(key), "not told to have moved: {call:?}");
                continue;
            }
            let told = ends
                .get(key)
                .unwrap_or_else(|| panic!("never ends: {call:?}"));
            // Why a call between extensions was not answered, nobody says.
            if let Some(told) = told
                && *told != Cause::Unknown
            {
                let true_causes = || std::iter::once(&end.cause).chain(&end.or);
                assert!(
                    true_causes().any(|cause| cause == told),
                    "{told} of {call:?}"
                );
            }
            let told = transfers.get(&Text::from(key)).copied().unwrap_or(0);
            assert_eq!(told, call.transfers.len(), "transfers of {call:?}");
        }
    }
}

fn at(mono: Duration) -> Now {
    Now {
        mono,
        wall: Timestamp::from_millis(START).after(mono),
    }
}
