//! The hub as a whole: what is heard becomes durable before it is published, and a restart goes on where it ended.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod archive;
mod rig;

use hub::{Hub, tail::Recent};
use model::{Event, EventType, ExtensionCallState, MemoChange, observation::SourceFact};
use rig::{call_state, heard, ringing, source, start, stop};

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
