//! How much is kept of an endpoint that fails, and what happens when that is all used.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use server::webhooks::Room;

use super::receiver::{Received, Receiver};
use crate::world::{Setup, World};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_full_table_stops_reading_and_loses_nothing() {
    const CALLS: usize = 3_000;
    let setup = Setup {
        room: Room {
            waiting: 50,
            ..Room::default()
        },
        ..Setup::default()
    };
    let mut world = World::start_with(setup).await;
    let works = Arc::new(AtomicBool::new(false));
    let answer = Arc::clone(&works);
    let status = move |_: &Received| {
        if answer.load(Ordering::Relaxed) {
            200
        } else {
            500
        }
    };
    let mut failing = Receiver::start(status).await;
    let mut healthy = Receiver::start(|_| 200).await;
    let (id, _) = world.hook(&failing, json!({})).await;
    world.hook(&healthy, json!({})).await;
    for n in 0..CALLS {
        world.pbx.say(&format!("call n{n} t-acme")).await;
    }
    let ids = |all: &[Received]| all.iter().map(Received::id).collect::<HashSet<_>>();
    let everything = healthy
        .until("every call", |all| ids(all).len() == CALLS)
        .await;
    let shown = world
        .until_hook(&id, |hook| {
            let reason = hook["reason"].as_str().unwrap_or_default();
            hook["state"] == "failing" && reason.contains("reading stops")
        })
        .await;
    // What was read ahead before the table was full is kept too: a window of events and one look at the log.
    let pending = usize::try_from(shown["pending"].as_u64().unwrap()).unwrap();
    assert!((50..CALLS / 2).contains(&pending), "{pending}");
    let last = everything.last().unwrap().id();
    assert!(shown["cursor"].as_str().unwrap() < last.as_str(), "{shown}");

    // It is still so after a restart, and is not told again.
    let mut world = world.restart().await;
    let shown = world.until_hook(&id, |hook| hook["pending"] != 0).await;
    assert_eq!(shown["state"], "failing");
    works.store(true, Ordering::Relaxed);
    // However often each was tried on a slow machine, it is due again.
    world.pass(6 * HOUR);
    world.pbx.say("call last t-acme").await;
    failing
        .until("every call in the end", |all| ids(all).len() == CALLS + 1)
        .await;
    // And so is what was on its way when the receiver was mended.
    world.pass(6 * HOUR);
    world
        .until_hook(&id, |hook| {
            hook["state"] == "enabled" && hook["pending"] == 0
        })
        .await;
    let told = world.told().await;
    let full = |event: &&Value| {
        let reason = event["data"]["reason"].as_str().unwrap_or_default();
        event["type"] == "webhook.failing" && reason.contains("reading stops")
    };
    assert_eq!(told.iter().filter(full).count(), 1, "{told:?}");
    assert_eq!(
        told.last().unwrap()["type"],
        "webhook.recovered",
        "{told:?}"
    );
    world.running.stop().await;
}

#[tokio::test]
async fn of_what_was_given_up_the_latest_are_kept() {
    let setup = Setup {
        room: Room {
            over: 5,
            ..Room::default()
        },
        ..Setup::default()
    };
    let mut world = World::start_with(setup).await;
    let mut receiver = Receiver::start(|_| 500).await;
    let (id, _) = world.hook(&receiver, json!({"retry_for_s": 1})).await;
    for n in 0..12 {
        world.pbx.say(&format!("call n{n} t-acme")).await;
    }
    let all = receiver.until("all calls", |all| all.len() == 12).await;
    let mut ids: Vec<String> = all.iter().map(Received::id).collect();
    ids.sort_unstable();
    let latest = ids.split_off(7);
    let listed = |items: &[Value]| -> Vec<String> {
        let id = |item: &Value| item["event"].as_str().unwrap().to_owned();
        items.iter().map(id).collect()
    };
    world
        .until_deliveries(&id, "failed", |items| listed(items) == latest)
        .await;
    // Also by the next run.
    let mut world = world.restart().await;
    world.pbx.say("call n12 t-acme").await;
    world
        .until_deliveries(&id, "failed", |items| {
            let kept = listed(items);
            kept.len() == 5 && kept[..4] == latest[1..]
        })
        .await;
    world.running.stop().await;
}

#[tokio::test]
async fn replays_wait_in_a_line_that_has_an_end() {
    let mut world = World::start().await;
    let receiver = Receiver::start(|_| 410).await;
    let (id, _) = world.hook(&receiver, json!({})).await;
    world.pbx.say("call c2 t-acme").await;
    world
        .until_hook(&id, |hook| hook["state"] == "disabled")
        .await;
    let replay = json!({"after": "earliest"});
    for n in 0..16 {
        let begun = world
            .ask("hooks", "POST", &format!("/{id}/replay"), &replay)
            .await;
        assert_eq!(begun.status, 202, "{n}");
    }
    let refused = world
        .ask("hooks", "POST", &format!("/{id}/replay"), &replay)
        .await;
    assert_eq!(refused.problem(), (503, "unavailable".into()));
    assert!(refused.header("retry-after").is_some());
    world.running.stop().await;
}
