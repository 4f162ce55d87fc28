//! REST requests and events of ours.

use std::time::Duration;

use serde_json::json;
use telecomx::{
    Config,
    link::packet::Engine,
    sim::{Level, Lever, Profile},
};

use crate::support::*;

#[tokio::test]
async fn what_is_asked_is_answered_among_the_frames() {
    let (_sim, mut link) = connected().await;
    let path = "/pbx/app/queues?all=true&name=%C3%A6";
    send(&mut link, &json!({"get": path})).await;
    let answer = read_named(&mut link, "#rest").await;
    assert_eq!(
        (&answer["path"], &answer["status"]),
        (&json!(path), &json!(200))
    );
    assert_eq!(
        answer["body"]["query"],
        json!([["all", "true"], ["name", "æ"]])
    );
    assert_eq!(answer["body"]["level"], "VIEWER");
}

#[tokio::test]
async fn a_refusal_is_an_answer() {
    let (sim, mut link) = connected().await;
    sim.with(|world| world.statuses = vec![403]).await;
    send(&mut link, &json!({"get": "/pbx/calls"})).await;
    assert_eq!(read_named(&mut link, "#rest").await["status"], 403);
    assert_eq!(sim.counts().rest, 1, "not asked again");
}

#[tokio::test]
async fn a_service_in_trouble_is_asked_again_but_not_for_ever() {
    let (sim, mut link) = connected().await;
    for (statuses, last) in [(vec![500, 429], 200), (vec![500, 500, 500], 500)] {
        sim.with(|world| world.statuses = statuses).await;
        send(&mut link, &json!({"get": "/x"})).await;
        assert_eq!(read_named(&mut link, "#rest").await["status"], last);
    }
    assert_eq!(sim.counts().rest, 6);
}

/// It would be as long the next time.
#[tokio::test]
async fn an_answer_above_the_limit_is_told_of_and_not_asked_for_again() {
    let (sim, mut link) = connected().await;
    let padded = |bytes| sim.with(move |world| world.padding = bytes);
    padded(limits().max_frame).await;
    for n in 1..=2 {
        send(&mut link, &json!({"get": "/pbx/app/employees"})).await;
        let told = read_named(&mut link, "#rest").await;
        let error = told["error"].as_str().unwrap();
        assert!(error.contains("max_frame, 65536 bytes"), "{error}");
        assert_eq!(told["status"], json!(null));
        assert_eq!(sim.counts().rest, n);
    }
    padded(0).await;
    send(&mut link, &json!({"get": "/pbx/app/employees"})).await;
    assert_eq!(read_named(&mut link, "#rest").await["status"], 200);
}

#[tokio::test]
async fn an_expired_login_is_renewed_and_the_question_asked_again() {
    let sim = start(Profile::default()).await;
    let mut link = open(&as_user(&sim, Level::Viewer)).await.unwrap();
    sim.with(|world| world.statuses = vec![401]).await;
    send(&mut link, &json!({"get": "/x"})).await;
    assert_eq!(read_named(&mut link, "#rest").await["status"], 200);
    assert_eq!(sim.counts().logins, 2);
    // A token from the config cannot be renewed.
    let mut link = open(&config(&sim)).await.unwrap();
    sim.pull(Lever::RefuseLogins);
    send(&mut link, &json!({"get": "/x"})).await;
    assert_eq!(read_named(&mut link, "#rest").await["status"], 401);
}

#[tokio::test]
async fn too_many_questions_are_told_of() {
    let (_sim, mut link) = connected().await;
    for n in 0..5_000 {
        send(&mut link, &json!({"get": format!("/{n}")})).await;
    }
    let heard = read_until(&mut link, |frame| frame[1]["path"] == "/4999").await;
    let told = heard.last().unwrap();
    assert!(
        told[1]["error"].as_str().unwrap().contains("wait already"),
        "{told}"
    );
}

#[tokio::test]
async fn answers_to_events_come_back_by_name() {
    for engine in BOTH {
        let sim = start(Profile::of(engine)).await;
        let mut link = open(&config(&sim)).await.unwrap();
        let to = json!({"employee": sim.profile().account(Level::Viewer).unwrap().employee, "instanceId": "switchhook-cph"});
        let request = json!(["request", {"to": to, "request": "Ping", "data": {"n": 1}}]);
        send(
            &mut link,
            &json!({"emit": request, "ack": "cmd-1", "timeout_ms": 60_000}),
        )
        .await;
        let heard = read_until(&mut link, |frame| frame[0] == "REQUEST").await;
        let ack = heard.iter().find(|frame| frame[0] == "#ack").unwrap();
        assert_eq!(
            (&ack[1]["id"], &ack[1]["args"][0]["success"]),
            (&json!("cmd-1"), &json!(true))
        );
        let delivered = &heard.last().unwrap()[1];
        assert_eq!(delivered["requestId"], ack[1]["args"][0]["requestId"]);
        send(
            &mut link,
            &json!({"emit": ["reply", {"to": to, "requestId": "r", "data": 7}]}),
        )
        .await;
        assert_eq!(read_named(&mut link, "REPLY").await["data"], 7);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_timeout() {
    let (sim, mut link) = connected().await;
    read_until(&mut link, |frame| frame[1]["channel"] == "CONFIG").await;
    let events = sim.counts().events;
    send(
        &mut link,
        &json!({"emit": ["nobody listens"], "ack": "cmd-2", "timeout_ms": 5_000}),
    )
    .await;
    sim.until(|counts| counts.events == events + 1).await;
    pass(Duration::from_secs(6)).await;
    assert_eq!(
        read_named(&mut link, "#ack").await,
        json!({"id": "cmd-2", "error": "timeout"})
    );
    // Late: it belongs to nobody any more, and is no stray.
    sim.send("435[]").await;
    sim.tell(told(1)).await;
    let heard = read_until(&mut link, |frame| frame[0] == "PBX").await;
    assert_eq!(heard.len(), 1, "{heard:?}");
}

#[tokio::test]
async fn an_event_longer_than_the_server_takes_is_not_sent() {
    let sim = start(Profile {
        max_payload: 4096,
        ..Profile::of(Engine::V4)
    })
    .await;
    let mut link = open(&Config {
        channels: vec!["PBX".to_owned()],
        ..config(&sim)
    })
    .await
    .unwrap();
    let long = "x".repeat(5_000);
    send(
        &mut link,
        &json!({"emit": ["request", long], "ack": "cmd-3"}),
    )
    .await;
    let ack = read_named(&mut link, "#ack").await;
    assert_eq!(
        ack,
        json!({"id": "cmd-3", "error": "longer than the server takes"})
    );
    sim.until(|counts| counts.subscriptions == 1).await;
    sim.tell(told(1)).await;
    read_named(&mut link, "PBX").await;
}
