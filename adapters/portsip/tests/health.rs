//! A healthy PBX leaves nothing to wonder about: simulator, link and map agree on every message of every dialect.

#![cfg(test)]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use adapter::{Limits, Link, Output, Resume, Translator as _};
use bytes::Bytes;
use model::{Clock, Fact, SourceId, observation::SourceFact};
use portsip::{
    Translator,
    link::connect,
    sim::{Profile, Sim},
    wire::Dialect,
};
use testkit::{TokioClock, must};

#[tokio::test]
async fn every_message_is_recognized_and_every_record_is_of_a_true_call() {
    for dialect in Dialect::ALL {
        check(Profile::of(dialect)).await;
    }
}

#[tokio::test]
async fn the_habits_of_single_versions_change_nothing() {
    let of = Profile::of;
    let odd = [
        Profile {
            numeric_ids: true,
            ..of(Dialect::V12)
        },
        Profile {
            acknowledge: false,
            duplicate_target_add: true,
            ..of(Dialect::V16)
        },
        Profile {
            target_events: false,
            numeric_agent_id: true,
            ..of(Dialect::V22)
        },
        Profile {
            replace_scope: true,
            wrong_answer_user: true,
            ..of(Dialect::V22_3)
        },
    ];
    for profile in odd {
        check(profile).await;
    }
}

async fn check(profile: Profile) {
    let sim = Sim::start(Profile {
        calls_per_s: 2.0,
        pace: 100.0,
        ..profile.clone()
    })
    .await
    .unwrap();
    let facts = must("sixty calls", hear(&sim, 60)).await;
    let mut recorded = BTreeSet::new();
    for fact in &facts {
        match fact {
            Fact::Unrecognized { shape } => panic!("{shape}: {profile:?}"),
            Fact::Source(SourceFact::Degraded { reason }) => panic!("{reason}: {profile:?}"),
            Fact::Cdr(cdr) => {
                recorded.insert(cdr.call.to_string());
            }
            _ => {}
        }
    }
    let synced = Fact::Source(SourceFact::Synced);
    assert!(facts.contains(&synced), "{profile:?}");
    let truth = sim.truth();
    for call in &recorded {
        let real = truth.iter().find(|real| real.key == *call);
        let ended = real.is_some_and(|real| real.ended_at.is_some());
        assert!(ended, "{call}: {profile:?}");
    }
}

/// What a source says until it has recorded so many calls.
async fn hear(sim: &Sim, records: usize) -> Vec<Fact> {
    let (config, clock) = (sim.config(), TokioClock::new());
    let limits = Limits {
        silence: Duration::from_secs(90),
        max_frame: 1 << 20,
    };
    let mut link = connect(&config, limits, Arc::new(())).await.unwrap();
    let source = SourceId::new("hq").unwrap();
    let mut translator = Translator::new(&source, &config, &Resume::default());
    let mut out = Output::default();
    translator.connected(link.dialect().as_deref(), clock.now(), &mut out);
    let is_record = |fact: &&Fact| matches!(fact, Fact::Cdr(_));
    let mut facts: Vec<Fact> = Vec::new();
    while facts.iter().filter(is_record).count() < records {
        let mut frames: Vec<Bytes> = Vec::new();
        link.read(&mut frames).await.unwrap();
        for frame in frames {
            translator.frame(&frame, clock.now(), &mut out);
        }
        let reports = out.reports.drain(..);
        facts.extend(
            reports
                .flat_map(|report| report.observations)
                .map(|told| told.fact),
        );
    }
    facts
}
