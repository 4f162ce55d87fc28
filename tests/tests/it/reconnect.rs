//! A lost connection: what is told, in which order, and what becomes of the calls.

use tests::{Gateway, Pbx, Setup, pbx::Manners, wait};

use crate::support::{check_log, of_kind, only, pair, record_of, synced};

const STORY: [&str; 5] = [
    "source.disconnected",
    "source.connecting",
    "source.connected",
    "source.gap",
    "source.synced",
];

#[tokio::test]
async fn the_story_of_a_lost_connection() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut stream = client.stream("types=source.*").await;
    let mut elsewhere = client
        .stream("types=call.*,source.gap&extensions=777&tenants=nobody")
        .await;
    pbx.hang_up().await;
    let mut told = Vec::new();
    for kind in STORY {
        let event = stream.event().await;
        assert_eq!(event.kind(), kind, "{}", event.text());
        assert_eq!(event.subject(), "sources/hq");
        told.push(event);
    }
    let gap = &told[3].data()["gap"];
    let edges = [&gap["from"], &gap["to"]]
        .map(|edge| edge.as_str().unwrap().parse::<jiff::Timestamp>().unwrap());
    assert!(edges[0] <= edges[1], "{gap}");
    assert!(!gap["reason"].as_str().unwrap().is_empty());
    let list = |name: &str| {
        gap[name]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert!(list("reconciled").contains("extension"), "{gap}");
    assert!(
        list("unknown").contains("call"),
        "PortSIP lists no calls: {gap}"
    );
    assert!(elsewhere.event().await == told[3], "no filter hides a gap");
    let states: Vec<&str> = told
        .iter()
        .map(|event| event.data()["source"]["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        (states[0], states[1], states[4]),
        ("disconnected", "connecting", "synced")
    );
    check_log(&client.history("").await);
}

#[tokio::test]
async fn every_filter_passes_what_tells_completeness() {
    let (pbx, gateway) = pair().await;
    let mut stream = gateway
        .client()
        .stream("extensions=777&queues=9&tenants=nobody&subjects=calls/hq:1")
        .await;
    pbx.hang_up().await;
    for kind in [
        "source.disconnected",
        "source.connected",
        "source.gap",
        "source.synced",
    ] {
        assert_eq!(stream.event().await.kind(), kind);
    }
}

#[tokio::test]
async fn a_call_that_ended_meanwhile_is_closed_by_its_record() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut stream = client.stream("").await;
    let call = pbx.tenant().internal("101", "102");
    let frames = call.answered();
    pbx.say_all(&frames[..4]).await;
    stream.skip_to("call.answered").await;
    pbx.hang_up().await;
    stream.skip_to("source.synced").await;
    let kept = client.json(&format!("/v1/{}", call.subject("hq"))).await;
    assert_eq!(
        (&kept["state"], &kept["freshness"]),
        (&"active".into(), &"unconfirmed".into())
    );
    pbx.say(frames.last().unwrap()).await;
    let rest = stream.events_until(record_of(&call.session())).await;
    assert_eq!(
        only(&rest, "call.ended").data()["call"]["end"]["outcome"],
        "answered"
    );
    check_log(&client.history("").await);
}

#[tokio::test]
async fn a_call_that_nobody_heard_of_is_told_whole_by_its_record() {
    let (pbx, gateway) = pair().await;
    let mut stream = gateway.client().stream("").await;
    let call = pbx.tenant().internal("101", "102");
    pbx.say(call.answered().last().unwrap()).await;
    let events = stream.events_until(record_of(&call.session())).await;
    for kind in [
        "call.started",
        "call.ringing",
        "call.answered",
        "call.ended",
    ] {
        only(&events, kind);
    }
    let ringing = only(&events, "call.ringing");
    assert_eq!(
        ringing["expirytime"], ringing["recordedtime"],
        "told after the fact"
    );
    check_log(&events);
    // What is said once more, and late, is nothing new.
    pbx.say_all(&call.answered()).await;
    let next = pbx.tenant().internal("101", "102");
    pbx.say_all(&next.answered()).await;
    let later = stream.events_until(record_of(&next.session())).await;
    assert!(
        later
            .iter()
            .all(|event| event.word("partitionkey").ends_with(&next.session())),
        "{:?}",
        tests::event::kinds(&later)
    );
}

#[tokio::test]
async fn what_changed_meanwhile_is_reconciled() {
    let (pbx, gateway) = pair().await;
    let mut stream = gateway.client().stream("").await;
    pbx.say_all(&[
        pbx.tenant().extension_call("102", "ON_CALL"),
        pbx.tenant().agent("NOT_READY"),
    ])
    .await;
    stream.skip_to("agent.state_changed").await;
    pbx.hang_up().await;
    let events = stream
        .events_until(|event| event.kind() == "source.synced")
        .await;
    let extension = only(&events, "extension.call_state_changed");
    assert_eq!(extension.data()["extension"]["call_state"], "idle");
    assert_eq!(extension.data()["origin"]["kind"], "reconciled");
    let agent = only(&events, "agent.state_changed");
    assert_eq!(
        (
            &agent.data()["agent"]["state"],
            &agent.data()["origin"]["kind"]
        ),
        (&"ready".into(), &"reconciled".into())
    );
}

#[tokio::test]
async fn a_restart_of_the_gateway_is_a_gap_and_a_first_start_is_none() {
    let (pbx, mut gateway) = pair().await;
    let client = gateway.client();
    let first = client.history("types=source.*").await;
    assert!(of_kind(&first, "source.gap").is_empty());
    gateway.terminate().await;
    gateway.start_again().await;
    let mut stream = client
        .stream(&format!(
            "types=source.*&after={}",
            first.last().unwrap().id()
        ))
        .await;
    let told = stream
        .events_until(|event| event.kind() == "source.synced")
        .await;
    let kinds: Vec<&str> = tests::event::kinds(&told)
        .into_iter()
        .filter(|kind| *kind != "source.disconnected")
        .collect();
    assert_eq!(kinds, STORY[1..]);
    assert_eq!(pbx.accepted(), 2);
}

#[tokio::test]
async fn open_calls_survive_a_restart() {
    let (pbx, mut gateway) = pair().await;
    let client = gateway.client();
    let mut stream = client.stream("").await;
    let call = pbx.tenant().internal("101", "102");
    let frames = call.answered();
    pbx.say_all(&frames[..3]).await;
    let ringing = stream.skip_to("call.ringing").await;
    let mut synced = ringing.id().to_owned();
    for round in 0..2 {
        if round == 0 {
            gateway.kill();
        } else {
            gateway.terminate().await;
        }
        gateway.start_again().await;
        let kept = client.json(&format!("/v1/{}", call.subject("hq"))).await;
        assert_eq!(kept["state"], "ringing");
        assert_eq!(kept["id"], ringing.data()["call"]["id"]);
        let again = format!("types=source.synced&after={synced}");
        synced = client.stream(&again).await.event().await.id().to_owned();
    }
    let mut stream = client.stream(&format!("after={}", ringing.id())).await;
    pbx.say_all(&frames[3..]).await;
    stream.events_until(record_of(&call.session())).await;
    check_log(&client.history("").await);
}

#[tokio::test]
async fn subscriptions_are_made_again() {
    let (pbx, gateway) = pair().await;
    pbx.hang_up().await;
    let client = gateway.client();
    wait::until("the second login", || async {
        (pbx.accepted() >= 2).then_some(())
    })
    .await;
    wait::until("in step again", || async {
        (client.history("types=source.synced").await.len() >= 2).then_some(())
    })
    .await;
    let heard = pbx.heard();
    let half = heard.len() / 2;
    assert_eq!(
        heard[..half],
        heard[half..],
        "the same commands on each connection"
    );
    let topics: Vec<String> = heard[1..half]
        .iter()
        .map(|command| command["topics"].to_string())
        .collect();
    for topic in ["extension_events", "cdr_events", "queue_events"] {
        assert!(
            topics.iter().any(|topics| topics.contains(topic)),
            "{topics:?}"
        );
    }
}

#[tokio::test]
async fn a_source_taken_out_and_put_back_keeps_its_history() {
    let pbx = Pbx::start().await;
    let with = Setup::with(&pbx);
    let gateway = Gateway::start(&with).await;
    let client = gateway.client();
    synced(&client, "hq").await;
    let mut stream = client.stream("types=source.*").await;
    gateway.reconfigure(&Setup::new());
    wait::until("the source is gone", || async {
        (client.json("/v1/sources").await["items"]
            .as_array()
            .unwrap()
            .is_empty())
        .then_some(())
    })
    .await;
    pbx.behave(Manners::Welcome);
    gateway.reconfigure(&with);
    stream.skip_to("source.synced").await;
    check_log(&client.history("").await);
}
