//! The hub as a whole: what is heard becomes durable before it is published, and a restart goes on where it ended.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use hub::{
    Hub, Options, Running, log,
    state::SourceSettings,
    tail::{Recent, TailLimits},
};
use model::{
    Clock, Event, EventType, ExtensionCallState, Fact, Heard, MemoChange, Now, Observation, Report,
    SourceId, Timestamp,
    observation::{ExtensionPatch, Ref, SourceFact},
};

#[tokio::test]
async fn what_is_heard_is_committed_before_it_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, running) = start(folder.path());
    hub.rebuilt().await.unwrap();
    let mut head = hub.tail().watch();
    hub.hear(heard(vec![source(SourceFact::Connecting), ringing("101")]))
        .await
        .unwrap();
    let position = *head.wait_for(|head| head.0 > 1).await.unwrap();
    assert!(
        hub.reader().head() >= position,
        "published and not committed"
    );
    assert!(
        hub.view().position >= position,
        "published and not in the view"
    );
    assert_eq!(hub.view().entities.extensions.len(), 1);
    stop(hub, running).await;
}

#[tokio::test]
async fn a_restart_goes_on_where_the_last_run_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, running) = start(folder.path());
    hub.rebuilt().await.unwrap();
    let mut batch = heard(vec![ringing("101"), ringing("102")]);
    batch.memo.push(MemoChange {
        key: "a".into(),
        value: Some("1".into()),
    });
    hub.hear(batch).await.unwrap();
    let epoch = hub.reader().epoch();
    stop(hub, running).await;

    let (hub, running) = start(folder.path());
    let memos = hub.rebuilt().await.unwrap();
    assert_eq!(memos["hq"]["a"], "1");
    assert_eq!(hub.reader().epoch(), epoch);
    assert_eq!(hub.boot(), 2);
    let before = hub.reader().head();
    let versions = |hub: &Hub| -> Vec<u64> {
        hub.view()
            .entities
            .extensions
            .values()
            .map(|stored| stored.version)
            .collect()
    };
    let known = versions(&hub);
    assert_eq!(known.len(), 2);
    let mut head = hub.tail().watch();
    hub.hear(heard(vec![call_state("101", ExtensionCallState::Idle)]))
        .await
        .unwrap();
    head.wait_for(|head| *head > before).await.unwrap();
    assert_eq!(versions(&hub), [known[0] + 1, known[1]]);
    let Recent::Blocks(blocks) = hub.tail().after(before, usize::MAX) else {
        panic!("the tail is young")
    };
    let event: Event = serde_json::from_slice(blocks[0].json(&blocks[0].entries[0])).unwrap();
    assert_eq!(event.kind, EventType::ExtensionCallStateChanged);
    assert_eq!(event.subjectversion, known[0] + 1);
    assert!(event.id.position > before);
    stop(hub, running).await;
}

#[tokio::test]
async fn a_kill_without_goodbye_costs_nothing_that_was_published() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, running) = start(folder.path());
    hub.rebuilt().await.unwrap();
    let mut head = hub.tail().watch();
    for n in 0..200 {
        hub.hear(heard(vec![ringing(&n.to_string())]))
            .await
            .unwrap();
    }
    let published = *head.wait_for(|head| head.0 >= 200).await.unwrap();
    // The file as a kill would leave it: copied while the writer runs, without its goodbye.
    let copy = tempfile::tempdir().unwrap();
    for file in ["log.db", "log.db-wal"] {
        std::fs::copy(folder.path().join(file), copy.path().join(file)).unwrap();
    }
    let view = hub.view();
    stop(hub, running).await;

    let (hub, running) = start(copy.path());
    hub.rebuilt().await.unwrap();
    assert!(hub.reader().head() >= published);
    for (id, stored) in &view.entities.extensions {
        assert_eq!(hub.view().entities.extensions[id].entity, stored.entity);
    }
    stop(hub, running).await;
}

fn start(folder: &Path) -> (Hub, Running) {
    let settings = SourceSettings {
        adapter: "test".into(),
        mapping: "test/1".into(),
        ..SourceSettings::default()
    };
    let options = Options {
        log: log::Options::new(folder.join("log.db")),
        tail: TailLimits::default(),
        sources: BTreeMap::from([(hq(), settings)]),
        random: *b"12345678",
    };
    hub::start(options, Arc::new(Ticking(Mutex::default()))).unwrap()
}

async fn stop(hub: Hub, running: Running) {
    hub.stop().await;
    tokio::task::spawn_blocking(move || running.join())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(hub.hear(heard(Vec::new())).await, Err(hub::Stopped));
}

fn heard(observations: Vec<Observation>) -> Heard {
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

fn source(fact: SourceFact) -> Observation {
    Observation::native("link", Fact::Source(fact))
}

fn ringing(number: &str) -> Observation {
    call_state(number, ExtensionCallState::Ringing)
}

fn call_state(number: &str, state: ExtensionCallState) -> Observation {
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

fn hq() -> SourceId {
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
