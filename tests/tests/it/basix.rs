//! Basix beside PortSIP: the same shapes, whatever the PBX; a lost connection ends what ended meanwhile; and nothing that
//! a PBX says does harm.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tests::{Basix, Client, Event, Gateway, Pbx, Setup, event::kinds, wait};

use crate::support::{check_envelope, check_log, record_of, synced};

#[tokio::test]
async fn calls_of_both_have_the_same_shape() {
    let (pbx, basix) = (Pbx::start().await, Basix::start().await);
    let setup = Setup::with(&pbx)
        .tenants("acme", &[("hq", &pbx.tenant().id), ("tokyo", "test1.com")])
        .sources(&basix.source("tokyo"));
    let gateway = Gateway::start(&setup).await;
    let client = gateway.client();
    synced(&client, "hq").await;
    synced(&client, "tokyo").await;

    let theirs = pbx.tenant().inbound("02079460018", "102");
    let mut stream = client.stream("types=cdr.created").await;
    pbx.say_all(&theirs.answered()).await;
    stream.events_until(record_of(&theirs.session())).await;
    let (caller, user) = basix.answered_call("one", now()).await;
    basix.end(&caller, &user).await;
    ended(&client, "tokyo:one-caller").await;

    let told = client.history("").await;
    check_log(&told);
    told.iter().for_each(check_envelope);
    let calls = |source: &str| -> Vec<Event> {
        let prefix = format!("/sources/{source}");
        let of_call =
            |event: &&Event| event.word("source") == prefix && event.kind().starts_with("call.");
        told.iter().filter(of_call).cloned().collect()
    };
    let (hq, tokyo) = (calls("hq"), calls("tokyo"));
    let steps = [
        "call.started",
        "call.ringing",
        "call.answered",
        "call.ended",
    ];
    for call in [&hq, &tokyo] {
        let told: Vec<&str> = kinds(call)
            .into_iter()
            .filter(|kind| steps.contains(kind))
            .collect();
        assert_eq!(told, steps);
        assert!(call.iter().all(|event| event.word("tenant") == "acme"));
    }
    let last = |events: &[Event]| events.last().unwrap().data()["call"].clone();
    for call in [last(&hq), last(&tokyo)] {
        assert_eq!(call["direction"], "inbound", "{call}");
        assert_eq!(call["state"], "ended", "{call}");
        assert_eq!(call["end"]["outcome"], "answered", "{call}");
        assert!(call["external"]["number"]["e164"].is_string(), "{call}");
        assert!(call["answered_by"]["extension"]["id"].is_string(), "{call}");
        assert!(call["durations"]["talk_ms"].is_u64(), "{call}");
        assert_eq!(call["legs"].as_array().unwrap().len(), 2, "{call}");
    }
    let user = client.json("/v1/extensions?source=tokyo").await;
    assert_eq!(user["items"][0]["number"], "1001", "{user}");
    assert_eq!(user["items"][0]["call_state"], "idle", "{user}");
}

#[tokio::test]
async fn a_reconnect_ends_exactly_what_ended_meanwhile() {
    let basix = Basix::start().await;
    let gateway = Gateway::start(&Setup::new().sources(&basix.source("tokyo"))).await;
    let client = gateway.client();
    synced(&client, "tokyo").await;
    let (caller, user) = basix.answered_call("stays", now()).await;
    basix.answered_call("goes", now()).await;
    let (waits, rings) = basix.ringing_call("half", now()).await;
    open(&client, 3).await;

    let came = tests::basix::Leg {
        uuid: "new-caller".into(),
        offered: now(),
        ..tests::basix::Leg::default()
    };
    basix.list(&[user.clone(), came.clone(), caller.clone(), waits.clone()]);
    basix.hang_up().await;
    ended(&client, "tokyo:goes-caller").await;
    let told = client.history("").await;
    check_log(&told);
    let over: Vec<&str> = told
        .iter()
        .filter(|event| event.kind() == "call.ended")
        .map(Event::subject)
        .collect();
    assert_eq!(over, ["calls/tokyo:goes-caller"]);
    let lost = told
        .iter()
        .find(|event| event.kind() == "call.ended")
        .unwrap();
    assert_eq!(
        lost.data()["call"]["end"]["cause"],
        "source_lost",
        "{}",
        lost.text()
    );
    assert_eq!(
        lost.data()["origin"]["kind"],
        "reconciled",
        "{}",
        lost.text()
    );
    let started = told
        .iter()
        .find(|event| event.subject() == "calls/tokyo:new-caller")
        .unwrap();
    assert_eq!(
        started.data()["origin"]["kind"],
        "reconciled",
        "{}",
        started.text()
    );
    let phone = told.iter().find(|event| {
        event.kind() == "leg.ended"
            && event.data()["leg"]["id"] == format!("tokyo:{}", rings.uuid).as_str()
    });
    assert_eq!(phone.unwrap().data()["leg"]["end"]["cause"], "source_lost");

    // Those that stayed go on as if nothing had been.
    basix.end(&caller, &user).await;
    let end = ended(&client, "tokyo:stays-caller").await;
    assert_eq!(
        end.data()["call"]["end"]["cause"],
        "normal",
        "{}",
        end.text()
    );
    basix
        .say(
            "removed",
            &waits,
            "CHANNEL_HANGUP",
            "recv_cancel,ORIGINATOR_CANCEL",
        )
        .await;
    let end = ended(&client, "tokyo:half-caller").await;
    assert_eq!(
        end.data()["call"]["end"]["outcome"],
        "missed",
        "{}",
        end.text()
    );
    open(&client, 1).await;
}

#[tokio::test]
async fn a_restart_of_the_gateway_ends_exactly_what_ended_meanwhile() {
    let basix = Basix::start().await;
    let mut gateway = Gateway::start(&Setup::new().sources(&basix.source("tokyo"))).await;
    let client = gateway.client();
    synced(&client, "tokyo").await;
    let (caller, user) = basix.answered_call("stays", now()).await;
    basix.answered_call("goes", now()).await;
    open(&client, 2).await;
    gateway.kill();
    basix.list(&[caller.clone(), user.clone()]);
    gateway.start_again().await;
    ended(&client, "tokyo:goes-caller").await;
    open(&client, 1).await;
    basix.end(&caller, &user).await;
    let end = ended(&client, "tokyo:stays-caller").await;
    assert_eq!(
        end.data()["call"]["end"]["cause"],
        "normal",
        "{}",
        end.text()
    );
    let told = client.history("").await;
    check_log(&told);
    let started = told
        .iter()
        .filter(|event| event.kind() == "call.started")
        .count();
    assert_eq!(started, 2, "{:?}", kinds(&told));
}

#[tokio::test]
async fn hostile_frames_kill_nothing() {
    let basix = Basix::start().await;
    let gateway = Gateway::start(&Setup::new().sources(&basix.source("tokyo"))).await;
    let client = gateway.client();
    synced(&client, "tokyo").await;
    let (caller, user) = basix.answered_call("one", now()).await;
    let deep = [vec![0x83], [0x68, 0x01].repeat(1600), vec![0x6a]].concat();
    let counts = [vec![0x83], [0x6c, 0x04, 0, 0, 0].repeat(20)].concat();
    let hostile = [
        vec![],
        vec![0x83],
        vec![0x83, 0x44, 0x00],
        vec![0x83, 0x68, 0x01, 0x52, 0x00],
        vec![0x83, 0x6c, 0xff, 0xff, 0xff, 0xff, 0x61, 0x01],
        vec![0x83, 0x69, 0xff, 0xff, 0xff, 0xff, 0x61, 0x01],
        vec![0x83, 0x6f, 0xff, 0xff, 0xff, 0xff, 0x00, 0xff],
        vec![0x83, 0x6d, 0xff, 0xff, 0xff, 0xff, 0x61],
        vec![0x83, 0x50, 0x00, 0x0f, 0x42, 0x40, 0x78, 0x9c],
        vec![0x83, 0x61, 0x01, 0xde, 0xad],
        deep,
        counts,
    ];
    for frame in &hostile {
        basix.say_bytes(frame).await;
    }
    basix.end(&caller, &user).await;
    ended(&client, "tokyo:one-caller").await;
    assert_eq!(basix.accepted(), 1, "no frame ended the connection");
    let told = client.history("types=source.unrecognized").await;
    assert!(!told.is_empty());
    for event in &told {
        assert!(
            event.data()["origin"]["payload_base64"].is_string(),
            "{}",
            event.text()
        );
    }
    let source = client.json("/v1/sources/tokyo").await;
    assert_eq!(
        source["counters"]["unrecognized"],
        hostile.len(),
        "{source}"
    );
    assert_eq!(source["state"], "synced", "{source}");
}

#[tokio::test]
async fn commands_show_in_what_the_legs_do_next() {
    let basix = Basix::start().await;
    let setup = Setup::new().sources(&basix.source("tokyo")).token(
        "boss",
        &["events:read", "state:read", "commands:write"],
        "",
    );
    let gateway = Gateway::start(&setup).await;
    let client = gateway.client().bearer("boss");
    synced(&client, "tokyo").await;
    let (caller, user) = basix.answered_call("one", now()).await;
    open(&client, 1).await;

    let order = json!({"type": "hangup", "target": "tokyo:one-caller", "params": {}});
    let keyed = client.header("Idempotency-Key", "once");
    let accepted = keyed
        .send("POST", "/v1/sources/tokyo/commands", Some(&order))
        .await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    let again = keyed
        .send("POST", "/v1/sources/tokyo/commands", Some(&order))
        .await;
    assert_eq!(again.status, 202, "{}", again.text());
    let place = accepted.header("location").unwrap().to_owned();
    assert_eq!(again.header("location"), Some(&*place));
    let heard = wait::until("the PBX hears of it", || {
        let heard = basix.heard();
        async move { (!heard.is_empty()).then_some(heard) }
    })
    .await;
    assert_eq!(heard.len(), 1, "once: {heard:?}");
    let heard: Value = serde_json::from_str(&heard[0]).unwrap();
    assert_eq!(heard, json!({"cmd": "hangup", "uuid": "one-caller"}));
    assert_eq!(client.json(&place).await["state"], "accepted");

    basix.end(&caller, &user).await;
    ended(&client, "tokyo:one-caller").await;
    wait::until("the command has succeeded", || {
        let (client, place) = (client.clone(), place.clone());
        async move { (client.json(&place).await["state"] == "succeeded").then_some(()) }
    })
    .await;
    let told = client.history("types=command.*").await;
    assert_eq!(kinds(&told), ["command.accepted", "command.succeeded"]);
    check_log(&client.history("").await);

    let late = client.header("Idempotency-Key", "twice");
    let late = late
        .send("POST", "/v1/sources/tokyo/commands", Some(&order))
        .await;
    assert!((400..500).contains(&late.status), "{}", late.text());
}

/// Waits for the end of a call.
async fn ended(client: &Client, call: &str) -> Event {
    let query = format!("types=call.ended&subjects=calls/{call}&after=earliest");
    client.stream(&query).await.event().await
}

/// Waits until so many calls last.
async fn open(client: &Client, calls: usize) {
    wait::until(format!("{calls} calls last"), || async move {
        let listed = client.json("/v1/calls?source=tokyo").await;
        (listed["items"].as_array()?.len() == calls).then_some(())
    })
    .await;
}

/// Unix microseconds.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}
