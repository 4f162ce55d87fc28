//! A gateway that is killed while it delivers leaves no event out.
//!
//! The test runs itself as the victim, which is told by variables where its log and its PBX are.

use std::{collections::HashSet, env, path::Path};

use serde_json::json;
use tempfile::TempDir;

use super::receiver::Receiver;
use crate::{
    commands::victim,
    toy::Pbx,
    world::{Running, client, until},
};

const FOLDER: &str = "SWITCHHOOK_TEST_HOOK_FOLDER";
const PBX: &str = "SWITCHHOOK_TEST_HOOK_PBX";
const TEST: &str = "webhooks::kill::every_event_is_delivered_at_least_once";

#[tokio::test]
async fn every_event_is_delivered_at_least_once() {
    if let (Ok(folder), Ok(pbx)) = (env::var(FOLDER), env::var(PBX)) {
        let running = Running::start(Path::new(&folder), &pbx).await;
        println!("\nlistening {}", running.address);
        return std::future::pending().await;
    }
    let folder = TempDir::new().unwrap();
    let mut pbx = Pbx::start().await;
    let mut receiver = Receiver::start(|_| 200).await;
    for round in 0..6_usize {
        let variables = [(FOLDER, folder.path().into()), (PBX, pbx.url().into())];
        let (mut process, address) = victim(TEST, &variables);
        pbx.accept().await;
        let boss = client(address.parse().unwrap(), "boss");
        until(&boss, "/v1/sources/pbx", |source| {
            source["state"] == "connected"
        })
        .await;
        if round == 0 {
            let body = json!({"url": receiver.url(), "types": ["call.started"]}).to_string();
            assert_eq!(
                boss.send("POST", "/v1/webhooks", body.as_bytes())
                    .await
                    .status,
                201
            );
        }
        for n in 0..300 {
            pbx.say(&format!("call r{round}n{n} t-acme")).await;
        }
        // Killed at some moment of it, another one in each round.
        let enough = receiver.all().len() + 20 + 25 * round;
        receiver
            .until("some of them", |all| all.len() >= enough)
            .await;
        process.kill().unwrap();
        process.wait().unwrap();
        pbx.rest().await;
    }
    let variables = [(FOLDER, folder.path().into()), (PBX, pbx.url().into())];
    let (mut process, address) = victim(TEST, &variables);
    pbx.accept().await;
    let boss = client(address.parse().unwrap(), "boss");
    let mut logged = HashSet::new();
    let mut next = Some("/v1/events?types=call.started&limit=1000".to_owned());
    while let Some(path) = next {
        let page = boss.get(&path).await;
        let events = page.json().as_array().unwrap().clone();
        logged.extend(
            events
                .iter()
                .map(|event| event["id"].as_str().unwrap().to_owned()),
        );
        next = page.next().filter(|_| !events.is_empty());
    }
    let got = receiver
        .until("every event of the log", |all| {
            let got: HashSet<String> = all.iter().map(super::receiver::Received::id).collect();
            logged.is_subset(&got)
        })
        .await;
    assert!(logged.len() >= 6 * 20, "{}", logged.len());
    assert!(
        got.iter().all(|received| logged.contains(&received.id())),
        "nothing was delivered that is not in the log"
    );
    process.kill().unwrap();
    process.wait().unwrap();
}
