//! What a token may not see does not exist for it.

use tests::{Client, Event, Gateway, Pbx, Setup, portsip::Tenant};

use super::ENDPOINTS;
use crate::support::record_of;

const OUTSIDER: &str = "02079460999";

#[tokio::test]
async fn a_tenant_never_sees_another() {
    let world = World::new().await;
    let limited = world.gateway.client().bearer("acme-only");
    let mut heard = Vec::new();
    for path in ENDPOINTS {
        let answer = limited.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        world.check_text(path, &answer.text());
        heard.push(answer.text());
    }
    assert!(
        heard.iter().any(|text| text.contains(&world.ours)),
        "what is ours is there"
    );

    let all = world.gateway.client().bearer("all").history("").await;
    let foreign: Vec<&Event> = all
        .iter()
        .filter(|event| event.word("tenant") == "beta")
        .collect();
    assert!(foreign.len() > 5);
    for event in &foreign {
        let _ = limited
            .get(&format!("/v1/events/{}", event.id()))
            .await
            .problem(404);
    }
    for subject in ["calls", "extensions"] {
        let hidden = foreign
            .iter()
            .find(|event| event.subject().starts_with(subject))
            .unwrap();
        let known = world
            .gateway
            .client()
            .bearer("all")
            .get(&format!("/v1/{}", hidden.subject()))
            .await;
        assert_eq!(known.status, 200, "{}", hidden.subject());
        let _ = limited
            .get(&format!("/v1/{}", hidden.subject()))
            .await
            .problem(404);
    }

    let history = limited.history("").await;
    let expected: Vec<&str> = all
        .iter()
        .filter(|event| event.word("tenant") == "acme" || tells_completeness(event))
        .map(Event::id)
        .collect();
    assert_eq!(tests::event::ids(&history), expected);
    for query in [
        "after=earliest",
        "after=earliest&tenants=beta",
        &format!("after=earliest&subjects=calls/cph:{}", world.theirs),
    ] {
        let mut stream = limited.stream(query).await;
        loop {
            let event = stream.said().await;
            world.check_text(query, event.text());
            if event.kind() == "stream.live" {
                break;
            }
        }
    }
    let mut stream = limited.stream("snapshot=true").await;
    loop {
        let event = stream.said().await;
        world.check_text("snapshot", event.text());
        if event.kind() == "stream.live" {
            break;
        }
    }
    let ask = format!("tenants=beta&types=call.*&extensions=102,{OUTSIDER}");
    assert!(limited.history(&ask).await.is_empty(), "it does not exist");
}

#[tokio::test]
async fn of_the_gateways_own_news_a_tenant_sees_completeness_without_details() {
    let world = World::new().await;
    let limited = world
        .gateway
        .client()
        .bearer("acme-only")
        .history("types=source.*")
        .await;
    let full = world
        .gateway
        .client()
        .bearer("all")
        .history("types=source.connected")
        .await;
    assert!(!limited.is_empty());
    for event in &limited {
        assert!(tells_completeness(event), "{}", event.text());
        let source = event.data()["source"].as_object().unwrap();
        assert!(
            source.contains_key("id") && source.contains_key("state"),
            "{}",
            event.text()
        );
        assert!(
            !source.contains_key("counters") && !source.contains_key("dialect"),
            "{}",
            event.text()
        );
        assert!(
            event.data()["origin"]["payload"].is_null(),
            "{}",
            event.text()
        );
    }
    assert!(full[0].data()["source"]["counters"].is_object());
}

#[tokio::test]
async fn a_list_of_types_or_sources_narrows_too() {
    let world = World::new().await;
    let client = world.gateway.client();
    let types = client.bearer("calls-only").history("").await;
    assert!(
        types.len() > 2 && types.iter().all(|event| event.kind().starts_with("call.")),
        "{:?}",
        tests::event::kinds(&types)
    );
    let sources = client.bearer("hq-only").history("").await;
    assert!(sources.len() > 2 && sources.iter().all(|event| event["source"] == "/sources/hq"));
    let listed = client.bearer("hq-only").json("/v1/sources").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let _ = client
        .bearer("hq-only")
        .get("/v1/sources/cph")
        .await
        .problem(404);
    assert!(
        client.bearer("nothing").history("").await.is_empty(),
        "an empty list means nothing"
    );
}

/// Two sources of two tenants, a call at each.
struct World {
    gateway: Gateway,
    _pbxs: [Pbx; 2],
    ours: String,
    theirs: String,
    secrets: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let (acme, beta) = (Pbx::start().await, Pbx::of(Tenant::new(1)).await);
        let scopes = &["events:read", "state:read"];
        let setup = Setup::new()
            .source("hq", &acme, "")
            .source("cph", &beta, "")
            .tenant("acme", "hq", &acme)
            .tenant("beta", "cph", &beta)
            .token("all", scopes, "")
            .token("acme-only", scopes, "tenants = [\"acme\"]")
            .token("calls-only", scopes, "types = [\"call.*\"]")
            .token("hq-only", scopes, "sources = [\"hq\"]")
            .token("nothing", scopes, "tenants = []\ntypes = []");
        let gateway = Gateway::start(&setup).await;
        let client: Client = gateway.client().bearer("all");
        let mut stream = client.stream("after=earliest").await;
        let mut pending = vec!["hq", "cph"];
        while !pending.is_empty() {
            let event = stream.skip_to("source.synced").await;
            pending.retain(|source| event["source"] != format!("/sources/{source}"));
        }
        let (ours, theirs) = (
            acme.tenant().internal("101", "102"),
            beta.tenant().inbound(OUTSIDER, "102"),
        );
        acme.say_all(&ours.answered()).await;
        stream.events_until(record_of(&ours.session())).await;
        beta.say_all(&theirs.answered()).await;
        beta.say(&beta.tenant().extension_call("101", "RINGING"))
            .await;
        stream.skip_to("extension.call_state_changed").await;
        let mut secrets = vec![
            OUTSIDER.to_owned(),
            "beta".to_owned(),
            theirs.session(),
            beta.tenant().id.clone(),
            beta.tenant().queue.clone(),
        ];
        secrets.extend(["101", "102"].map(|number| beta.tenant().extension(number)));
        Self {
            gateway,
            _pbxs: [acme, beta],
            ours: ours.session(),
            theirs: theirs.session(),
            secrets,
        }
    }

    /// Checks that a text for the tenant `acme` tells nothing about `beta`, beyond what was asked for.
    fn check_text(&self, asked: &str, text: &str) {
        for secret in self
            .secrets
            .iter()
            .filter(|secret| !asked.contains(secret.as_str()))
        {
            assert!(
                !text.contains(secret.as_str()),
                "{asked} tells {secret}: {text}"
            );
        }
    }
}

fn tells_completeness(event: &Event) -> bool {
    let kinds = [
        "source.connected",
        "source.disconnected",
        "source.gap",
        "source.synced",
    ];
    kinds.contains(&event.kind())
}
