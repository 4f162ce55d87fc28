//! Callers who asked not to be shown.

use serde_json::{Value, json};
use tests::{Client, Event, Gateway, Pbx, Setup, portsip::Outcome};

use super::ENDPOINTS;
use crate::support::record_of;

const NUMBER: &str = "07700900123";

#[tokio::test]
async fn without_the_scope_a_private_caller_is_nobody() {
    let pbx = Pbx::start().await;
    let scopes = ["events:read", "state:read"];
    let setup = Setup::with(&pbx).token("plain", &scopes, "").token(
        "pii",
        &[&scopes[..], &["pii:read"]].concat(),
        "",
    );
    let gateway = Gateway::start(&setup).await;
    let full = gateway.client().bearer("pii");
    let masked = gateway.client().bearer("plain");
    let mut live = masked.stream("after=earliest").await;
    live.skip_to("source.synced").await;

    let call = pbx.tenant().inbound(NUMBER, "8000");
    let mut start = call.start();
    start["caller_display_name"] = json!("Anonymous");
    let mut agent = pbx.tenant().agent("QUEUE_CALL");
    agent["updated_agents"][0]["session_id"] = json!(call.session());
    agent["updated_agents"][0]["caller_number"] = json!(NUMBER);
    pbx.say_all(&[start, call.queue("enqueue")]).await;
    live.skip_to("queue.caller_joined").await;

    // While it lasts.
    let subject = call.subject("hq");
    for path in ENDPOINTS.iter().copied().chain([
        "/v1/queues?limit=10",
        &format!("/v1/{subject}"),
        "/v1/events?payload=true",
    ]) {
        check(path, &masked.get(path).await.text());
    }
    let shown = masked.json(&format!("/v1/{subject}")).await;
    assert_eq!(shown["caller"], json!({"private": true}));
    assert!(shown.get("native").is_none(), "{shown}");
    let shown = full.json(&format!("/v1/{subject}")).await;
    assert_eq!(shown["caller"]["number"]["raw"], NUMBER);
    let mut snapshot = masked.stream("snapshot=true").await;
    loop {
        let event = snapshot.said().await;
        check("snapshot", event.text());
        if event.kind() == "stream.live" {
            break;
        }
    }

    pbx.say_all(&[agent, call.queue("agent_answered")]).await;
    pbx.say(&call.record(Outcome::Answered)).await;
    live.events_until(record_of(&call.session())).await;

    let all = full.history("").await;
    let about = |event: &&Event| event.text().contains(NUMBER);
    let private: Vec<&Event> = all.iter().filter(about).collect();
    assert!(private.len() >= 8, "{:?}", tests::event::kinds(&all));
    for kind in [
        "call.started",
        "queue.caller_joined",
        "agent.state_changed",
        "cdr.created",
    ] {
        assert!(private.iter().any(|event| event.kind() == kind), "{kind}");
    }
    let hidden = masked.history("").await;
    assert_eq!(tests::event::ids(&hidden), tests::event::ids(&all));
    for event in &hidden {
        check(event.kind(), event.text());
    }
    for event in private {
        let hidden = masked.json(&format!("/v1/events/{}", event.id())).await;
        assert!(hidden["data"]["origin"]["payload"].is_null(), "{hidden}");
        no_natives(&hidden["data"]);
    }
    over_sse(&masked).await;
}

async fn over_sse(client: &Client) {
    let mut stream = client.sse("after=earliest").await;
    loop {
        let (_, event) = stream.said().await;
        check("sse", event.text());
        if event.kind() == "stream.live" {
            break;
        }
    }
}

fn check(asked: &str, text: &str) {
    assert!(!text.contains(NUMBER), "{asked} tells the number: {text}");
    assert!(
        !text.contains("Anonymous"),
        "{asked} tells the name: {text}"
    );
}

fn no_natives(value: &Value) {
    if let Some(object) = value.as_object() {
        assert!(!object.contains_key("native"), "{value}");
        object.values().for_each(no_natives);
    } else if let Some(items) = value.as_array() {
        items.iter().for_each(no_natives);
    }
}
