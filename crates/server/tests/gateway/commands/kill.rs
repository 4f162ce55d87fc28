//! A gateway that is killed with a command in flight never sends it again.
//!
//! The test runs itself as the victim, which is told by variables where its log and its PBX are.

use std::{env, path::Path};

use serde_json::json;
use tempfile::TempDir;

use super::victim;
use crate::{
    toy::Pbx,
    world::{Running, client, give, hang_up, until},
};

const FOLDER: &str = "SWITCHHOOK_TEST_FOLDER";
const PBX: &str = "SWITCHHOOK_TEST_PBX";
const TEST: &str = "commands::kill::a_command_in_flight_is_unknown_and_never_sent_again";

#[tokio::test]
async fn a_command_in_flight_is_unknown_and_never_sent_again() {
    if let (Ok(folder), Ok(pbx)) = (env::var(FOLDER), env::var(PBX)) {
        let running = Running::start(Path::new(&folder), &pbx).await;
        println!("\nlistening {}", running.address);
        return std::future::pending().await;
    }
    let folder = TempDir::new().unwrap();
    let mut pbx = Pbx::start().await;
    let variables = [(FOLDER, folder.path().into()), (PBX, pbx.url().into())];
    for round in 0..5 {
        let (mut process, address) = victim(TEST, &variables);
        pbx.accept().await;
        pbx.say(&format!("call c{round} t-acme")).await;
        let boss = client(address.parse().unwrap(), "boss");
        let call = format!("pbx:c{round}");
        until(&boss, &format!("/v1/calls/{call}"), |call| {
            call["state"] == "active"
        })
        .await;
        let key = format!("k{round}");
        let reply = give(&boss, &key, &hang_up(&call)).await;
        assert_eq!(reply.status, 202);
        let told = pbx.told().await;
        assert_eq!(told["id"], reply.json()["id"]);
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(pbx.rest().await.is_empty());

        let (mut process, address) = victim(TEST, &variables);
        pbx.accept().await;
        let boss = client(address.parse().unwrap(), "boss");
        let place = reply.header("location").unwrap();
        let command = until(&boss, place, |command| command["state"] != "accepted").await;
        assert_eq!(
            (&command["state"], &command["reason"]),
            (&json!("unknown"), &json!("unknown"))
        );
        let again = give(&boss, &key, &hang_up(&call)).await;
        assert_eq!((again.status, again.json()), (202, reply.json()));
        let events = boss.get("/v1/events?types=command.failed").await.json();
        assert_eq!(events.as_array().unwrap().len(), round + 1);
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(pbx.rest().await.is_empty(), "sent again after the start");
    }
}
