//! Telecom X from end to end: requests and replies to other clients of the service, by way of commands.

use serde_json::{Value, json};
use telecomx::sim::{Level, Lever, Office, Profile, Sim};
use tests::{Client, Event, Gateway, Setup, event::kinds, secret, wait};

use crate::support::{check_envelope, check_log, only, synced};

#[tokio::test]
async fn requests_and_replies_go_out_and_come_back_without_secrets() {
    let (sim, _gateway, client) = start().await;
    let me = employee(&sim);
    let to = json!({"employee": me, "instance_id": "switchhook-cph"});

    // Nobody else is there: the gateway asks itself, and answers.
    let token = secret("impersonate");
    let asked = json!({"type": "request", "params": {
        "to": to, "request": "CommunicatorImpersonate", "data": {"token": token, "n": 7}, "reply_to": to,
    }});
    let place = order(&client, &asked).await;
    let done = finished(&client, &place).await;
    assert_eq!(done["state"], "succeeded", "{done}");
    let heard = first(&client, "request.received").await;
    let request = &heard.data()["request"];
    assert_eq!(request["kind"], "CommunicatorImpersonate", "{request}");
    assert_eq!(request["from"], format!("{me}/switchhook-cph"), "{request}");
    assert_eq!(request["body"], json!({"token": "***", "n": 7}));
    let succeeded = first(&client, "command.succeeded").await;
    assert_eq!(
        succeeded.data()["command"]["native"]["requestId"],
        request["id"],
        "the service's own id of it: {}",
        succeeded.text()
    );

    let answer = json!({"type": "reply", "params": {
        "to": to, "request": "CommunicatorImpersonate", "request_id": request["id"], "data": {"done": true},
    }});
    let place = order(&client, &answer).await;
    assert_eq!(finished(&client, &place).await["state"], "succeeded");
    let heard = first(&client, "reply.received").await;
    let reply = &heard.data()["reply"];
    assert_eq!(
        (&reply["id"], &reply["body"]),
        (&request["id"], &json!({"done": true}))
    );

    let told = client.history("").await;
    check_log(&told);
    told.iter().for_each(check_envelope);
    for event in &told {
        assert!(!event.text().contains(&token), "{}", event.text());
        let path = format!("/v1/events/{}/explain", event.id());
        let why = client.get(&path).await;
        assert!(!why.text().contains(&token), "{}", why.text());
    }
}

#[tokio::test]
async fn a_request_that_the_service_does_not_acknowledge_has_an_unknown_outcome() {
    let (sim, _gateway, client) = start().await;
    sim.pull(Lever::Deaf);
    let heard = sim.counts().events;
    let asked = json!({"type": "request", "params": {
        "to": {"employee": employee(&sim)}, "request": "CommunicatorGetStatus",
    }});
    let place = order(&client, &asked).await;
    sim.until(|counts| counts.events == heard + 1).await;
    let done = finished(&client, &place).await;
    assert_eq!(
        (&done["state"], &done["reason"]),
        (&json!("unknown"), &json!("timeout"))
    );
    let told = client.history("types=command.*").await;
    assert_eq!(kinds(&told), ["command.accepted", "command.failed"]);
    assert_eq!(
        only(&told, "command.failed").data()["command"]["reason"],
        "timeout"
    );
    assert_eq!(sim.counts().events, heard + 1, "it is not sent again");
    assert_eq!(client.json("/v1/sources/cph").await["state"], "synced");
}

/// A service with calls of its own, and a gateway that may command it.
async fn start() -> (Sim<Office>, Gateway, Client) {
    let profile = Profile::default().quiet();
    let office = Office::new(&profile, 1_764_000_000_000);
    let sim = Sim::start(profile, office).await.unwrap();
    let source = format!(
        r#"
[sources.cph]
adapter = "telecomx"
url = "{}"
token = "viewer-token"
customer = "{}"
region = "DK"
"#,
        sim.url(),
        sim.profile().customer
    );
    let scopes = ["events:read", "state:read", "commands:write", "admin"];
    let setup = Setup::new().sources(&source).token("boss", &scopes, "");
    let gateway = Gateway::start(&setup).await;
    let client = gateway.client().bearer("boss");
    synced(&client, "cph").await;
    (sim, gateway, client)
}

/// As whom the gateway logs in.
fn employee(sim: &Sim<Office>) -> String {
    let viewer = sim.profile().account(Level::Viewer);
    viewer.unwrap().employee.clone()
}

/// Gives a command, and yields where it can be followed.
async fn order(client: &Client, order: &Value) -> String {
    let accepted = client
        .send("POST", "/v1/sources/cph/commands", Some(order))
        .await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    accepted.header("location").unwrap().to_owned()
}

async fn finished(client: &Client, place: &str) -> Value {
    wait::until("the command is done", || async move {
        let command = client.json(place).await;
        (command["state"] != "accepted").then_some(command)
    })
    .await
}

async fn first(client: &Client, kind: &str) -> Event {
    let query = format!("types={kind}&after=earliest");
    client.stream(&query).await.event().await
}
