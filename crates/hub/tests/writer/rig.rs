//! A hub on a real file, and what it hears.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use hub::{Hub, Options, Running, log, state::SourceSettings, tail::TailLimits};
use model::{
    Clock, ExtensionCallState, Fact, Heard, Now, Observation, Report, SourceId, Timestamp,
    observation::{ExtensionPatch, Ref, SourceFact},
};

pub(crate) fn start(folder: &Path) -> (Hub, Running) {
    start_with(log::Options::new(folder.join("log.db")))
}

pub(crate) fn start_with(log: log::Options) -> (Hub, Running) {
    let settings = SourceSettings {
        adapter: "test".into(),
        mapping: "test/1".into(),
        ..SourceSettings::default()
    };
    let options = Options {
        log,
        tail: TailLimits::default(),
        sources: BTreeMap::from([(hq(), settings)]),
        random: *b"12345678",
    };
    hub::start(options, Arc::new(Ticking(Mutex::default()))).unwrap()
}

pub(crate) async fn stop(hub: Hub, running: Running) {
    hub.stop().await;
    tokio::task::spawn_blocking(move || running.join())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(hub.hear(heard(Vec::new())).await, Err(hub::Stopped));
}

pub(crate) fn heard(observations: Vec<Observation>) -> Heard {
    let report = Report {
        observations,
        ..Report::new("test")
    };
    let now = Now {
        mono: Duration::ZERO,
        wall: Timestamp::from_secs(1_700_000_000),
    };
    Heard {
        source: hq(),
        frame: None,
        now,
        reports: vec![report],
        memo: Vec::new(),
    }
}

pub(crate) fn source(fact: SourceFact) -> Observation {
    Observation::native("link", Fact::Source(fact))
}

pub(crate) fn ringing(number: &str) -> Observation {
    call_state(number, ExtensionCallState::Ringing)
}

pub(crate) fn call_state(number: &str, state: ExtensionCallState) -> Observation {
    let patch = ExtensionPatch {
        call_state: Some(state),
        ..ExtensionPatch::default()
    };
    Observation::native(
        "test",
        Fact::Extension {
            at: Ref::number(number),
            action: None,
            patch: patch.into(),
        },
    )
}

pub(crate) fn hq() -> SourceId {
    SourceId::new("hq").unwrap()
}

/// A clock on which a millisecond passes with each look.
struct Ticking(Mutex<u64>);

impl Clock for Ticking {
    fn now(&self) -> Now {
        let mut looks = self.0.lock().unwrap();
        *looks += 1;
        let mono = Duration::from_millis(*looks);
        Now {
            mono,
            wall: Timestamp::from_secs(1_700_000_000).after(mono),
        }
    }
}
