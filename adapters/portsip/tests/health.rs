//! A healthy PBX leaves nothing to wonder about: simulator, link and map agree on every message of every dialect.

#![cfg(test)]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use adapter::{Link, Output, Resume, Translator as _};
use bytes::Bytes;
use model::{Clock, Fact, SourceId, observation::SourceFact};
use portsip::{
    Limits, Translator,
    link::connect,
    sim::{Profile, Sim},
    wire::Dialect,
};
use testkit::{TokioClock, must};

#[tokio::test]
async fn every_message_is_recognized_and_every_record_is_of_a_true_call() {
    for dialect in Dialect::ALL {
        let sim = Sim::start(Profile {
            calls_per_s: 2.0,
            pace: 100.0,
            ..Profile::of(dialect)
        })
        .await
        .unwrap();
        let facts = must("sixty calls", hear(&sim, 60)).await;
        let mut recorded = BTreeSet::new();
        for fact in &facts {
            match fact {
                Fact::Unrecognized { shape } => panic!("{dialect:?}: {shape}"),
                Fact::Source(SourceFact::Degraded { reason }) => panic!("{dialect:?}: {reason}"),
                Fact::Cdr(cdr) => {
                    recorded.insert(cdr.call.to_string());
                }
                _ => {}
            }
        }
        assert!(
            facts.contains(&Fact::Source(SourceFact::Synced)),
            "{dialect:?}"
        );
        let truth = sim.truth();
        for call in &recorded {
            let real = truth.iter().find(|real| real.session_id == *call);
            assert!(
                real.is_some_and(|real| real.ended_at.is_some()),
                "{dialect:?}: {call}"
            );
        }
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
