//! The ledger of what was heard.

use std::time::Duration;

use model::{EventType, Gap, SourceState, Timestamp};
use serde_json::json;

use super::{
    backend::{START, of_source},
    world::{Setup, TestClock, World},
};

#[tokio::test]
async fn the_ledger_covers_the_time_without_holes() {
    let world = World::start_with(Setup::tokens(), TestClock::new(true)).await;
    world
        .hub
        .publish(of_source(EventType::SourceConnecting, "hq"));
    let mut connected = of_source(EventType::SourceConnected, "hq");
    connected.recorded = after(10);
    world.hub.publish(connected);
    world.clock.push(Duration::from_secs(100));
    lose(&world, "hq", 40, 50);

    let ledger = world
        .bearer("reader")
        .get("/v1/sources/hq/gaps")
        .await
        .json();
    assert_eq!(ledger["complete"], false);
    let states = |ledger: &serde_json::Value| -> Vec<(String, String)> {
        let periods = ledger["periods"].as_array().unwrap();
        periods
            .iter()
            .map(|period| {
                let word = |name: &str| period[name].as_str().unwrap().to_owned();
                (word("state"), word("to"))
            })
            .collect()
    };
    let expected = [
        ("unheard", 10),
        ("complete", 40),
        ("gap", 50),
        ("complete", 100),
    ]
    .map(|(state, to)| (state.to_owned(), after(to).to_string()));
    assert_eq!(states(&ledger), expected);
    assert_eq!(ledger["periods"][2]["reason"], "the connection was lost");
    assert_eq!(ledger["periods"][2]["reconciled"], json!(["extensions"]));

    let query = format!("from={}&to={}", after(60), after(70));
    let path = format!("/v1/sources/hq/gaps?{query}");
    let quiet = world.bearer("events").get(&path).await.json();
    assert_eq!(quiet["complete"], true);
    assert_eq!(
        states(&quiet),
        [("complete".to_owned(), after(70).to_string())]
    );
}

#[tokio::test]
async fn a_source_that_is_not_connected_has_a_gap_that_lasts() {
    let world = World::start_with(Setup::tokens(), TestClock::new(true)).await;
    world
        .hub
        .publish(of_source(EventType::SourceConnected, "hq"));
    world.hub.put_source("hq", SourceState::Disconnected);
    world.clock.push(Duration::from_secs(30));
    let ledger = world
        .bearer("reader")
        .get("/v1/sources/hq/gaps")
        .await
        .json();
    let last = ledger["periods"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(
        (&last["state"], &last["open"]),
        (&json!("gap"), &json!(true))
    );
    assert_eq!(last["to"], after(30).to_string());
    assert_eq!(ledger["complete"], false);
}

#[tokio::test]
async fn who_may_see_one_tenant_learns_no_reason() {
    let world = World::start_with(Setup::tokens(), TestClock::new(true)).await;
    world
        .hub
        .publish(of_source(EventType::SourceConnected, "hq"));
    world.clock.push(Duration::from_secs(100));
    lose(&world, "hq", 40, 50);
    let ledger = world.bearer("acme").get("/v1/sources/hq/gaps").await;
    assert!(!String::from_utf8_lossy(&ledger.body).contains("connection was lost"));
    assert_eq!(ledger.json()["periods"][1]["reason"], "withheld");
    for (token, source, status) in [
        ("hq", "branch", 404),
        ("state", "hq", 403),
        ("reader", "x", 404),
    ] {
        let reply = world
            .bearer(token)
            .get(&format!("/v1/sources/{source}/gaps"))
            .await;
        assert_eq!(reply.status, status, "{token} {source}");
    }
}

#[tokio::test]
async fn times_that_make_no_sense_are_mistakes() {
    let world = World::new().await;
    let reply = world
        .get("/v1/sources/hq/gaps?from=yesterday&to=x&colour=red")
        .await;
    assert_eq!(reply.problem(), (400, "invalid-parameter".into()));
    assert_eq!(reply.wrong(), ["from", "to", "colour"]);
    let path = format!("/v1/sources/hq/gaps?from={}&to={}", after(9), after(8));
    assert_eq!(world.get(&path).await.wrong(), ["to"]);
}

fn after(secs: u64) -> Timestamp {
    START.after(Duration::from_secs(secs))
}

fn lose(world: &World, source: &'static str, from: u64, to: u64) {
    let gap = Gap {
        from: after(from),
        to: after(to),
        reason: "the connection was lost".into(),
        reconciled: vec!["extensions".into()],
        unknown: vec!["calls".into()],
        count: None,
    };
    world.hub.gaps.lock().unwrap().push((source, gap));
}
