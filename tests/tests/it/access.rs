//! Who may see what.

use serde_json::{Value, json};
use tests::{Client, Event, Gateway, Pbx, Setup, portsip::Tenant, wait};

use crate::support::record_of;

const OUTSIDER: &str = "02079460999";

#[tokio::test]
async fn without_a_token_there_is_nothing_but_the_open_pages() {
    let gateway =
        Gateway::start(&Setup::new().token("reader", &["events:read", "state:read"], "")).await;
    let client = gateway.client();
    for path in [
        "/livez",
        "/schemas/v1/call.json",
        "/problems/unauthenticated",
    ] {
        let answer = client.get(path).await;
        assert!(
            answer.status != 401 && answer.status != 403,
            "{path}: {}",
            answer.status
        );
    }
    let ready = client.get("/readyz").await;
    assert!(
        ready.status == 200 && !ready.text().contains("sources"),
        "status only: {}",
        ready.text()
    );
    for path in ENDPOINTS {
        let _ = client.get(path).await.problem(401);
        let _ = client.bearer("guess").get(path).await.problem(401);
        let _ = client
            .header("authorization", "Basic cmVhZGVyOg==")
            .get(path)
            .await
            .problem(401);
    }
    let _ = client.post("/v1/tickets").await.problem(401);
    assert_eq!(client.sse("").await.status(), 401);
    assert_eq!(client.bearer("guess").refused("").await.status, 401);
    let known = client.bearer("reader");
    for path in ENDPOINTS {
        assert_eq!(known.get(path).await.status, 200, "{path}");
    }
    known.stream("").await.expect("stream.opened").await;
}

#[tokio::test]
async fn a_scope_opens_its_part_only() {
    let setup = Setup::new()
        .token("events", &["events:read"], "")
        .token("state", &["state:read"], "")
        .token("metrics", &["metrics:read"], "")
        .token("admin", &["admin"], "");
    let gateway = Gateway::start(&setup).await;
    let client = |token: &str| gateway.client().bearer(token);
    let statuses = async |token: &str| {
        let client = client(token);
        (
            client.get("/v1/events").await.status,
            client.get("/v1/calls").await.status,
            client.get("/v1/sources").await.status,
        )
    };
    assert_eq!(statuses("events").await, (200, 403, 403));
    assert_eq!(statuses("state").await, (403, 200, 200));
    assert_eq!(statuses("metrics").await, (403, 403, 403));
    assert_eq!(statuses("admin").await, (200, 200, 200));
    let _ = client("state").get("/v1/events").await.problem(403);
    assert_eq!(client("state").refused("").await.status, 403);
    let snapshot = client("events").refused("snapshot=true").await;
    assert_eq!(snapshot.status, 403, "a snapshot is state");
    let mut stream = client("events")
        .stream("after=zzzzzzzz-0000000000000001")
        .await;
    let reset = stream.skip_to("stream.reset").await;
    assert_eq!(reset.data()["reason"], "epoch");
    stream.expect("stream.live").await;
}

#[tokio::test]
async fn a_browser_of_the_own_origin_is_told_by_close_code() {
    let setup = Setup::new()
        .token("state", &["state:read"], "")
        .server("allowed_origins = [\"https://wallboard.example.com\"]");
    let gateway = Gateway::start(&setup).await;
    let own = format!("http://{}", gateway.address());
    for origin in [own.as_str(), "https://wallboard.example.com"] {
        let browser = gateway.client().header("origin", origin);
        assert_eq!(
            browser.bearer("guess").stream("").await.ending().await.1,
            4401
        );
        assert_eq!(
            browser.bearer("state").stream("").await.ending().await.1,
            4403
        );
        assert_eq!(browser.stream("ticket=guess").await.ending().await.1, 4401);
    }
    let foreign = gateway
        .client()
        .header("origin", "https://evil.example.com");
    assert_eq!(foreign.bearer("state").refused("").await.status, 403);
    for method in ["GET", "POST", "OPTIONS"] {
        let answer = foreign
            .bearer("state")
            .send(method, "/v1/calls", None)
            .await;
        assert_eq!(answer.status, 403, "{method}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let preflight = gateway
        .client()
        .header("origin", "https://wallboard.example.com")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization")
        .send("OPTIONS", "/v1/events", None)
        .await;
    assert!(
        preflight.status == 200 || preflight.status == 204,
        "{}",
        preflight.status
    );
    assert_eq!(
        preflight.header("access-control-allow-origin"),
        Some("https://wallboard.example.com")
    );
    assert!(
        preflight
            .header("access-control-allow-headers")
            .unwrap()
            .to_lowercase()
            .contains("authorization")
    );
    let allowed = gateway
        .client()
        .header("origin", "https://wallboard.example.com")
        .bearer("state")
        .get("/v1/calls")
        .await;
    assert_eq!(allowed.status, 200);
    let exposed = allowed
        .header("access-control-expose-headers")
        .unwrap()
        .to_lowercase();
    for name in ["link", "switchhook-cursor", "retry-after", "location"] {
        assert!(exposed.contains(name), "{exposed}");
    }
}

#[tokio::test]
async fn a_ticket_opens_one_stream() {
    let gateway =
        Gateway::start(&Setup::new().token("reader", &["events:read"], "types = [\"source.*\"]"))
            .await;
    let client = gateway.client();
    let answer = client.bearer("reader").post("/v1/tickets").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let ticket = answer.json();
    assert!(
        ticket["expires_at"].as_str().unwrap().ends_with('Z'),
        "{ticket}"
    );
    let query = format!("ticket={}", ticket["ticket"].as_str().unwrap());
    let mut stream = client.stream(&query).await;
    let opened = stream.expect("stream.opened").await;
    assert_eq!(
        opened.data()["scope"]["types"],
        json!(["source.*"]),
        "the rights of the token"
    );
    assert_eq!(client.refused(&query).await.status, 401, "used up");
    let second = client.bearer("reader").post("/v1/tickets").await.json();
    let query = format!("ticket={}", second["ticket"].as_str().unwrap());
    assert_eq!(client.sse(&query).await.status(), 200);
    assert_eq!(client.sse(&query).await.status(), 401);
}

#[tokio::test]
async fn nobody_from_elsewhere_is_let_in_without_tokens() {
    let gateway = Gateway::start(&Setup::new()).await;
    let client = gateway.client();
    assert_eq!(client.get("/v1/calls").await.status, 200);
    let strangers = [
        ("host", "pbx-events.example.com"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-host", "pbx-events.example.com"),
        ("forwarded", "for=192.0.2.1"),
        ("origin", "https://evil.example.com"),
    ];
    for (name, value) in strangers {
        let answer = client.header(name, value).get("/v1/calls").await;
        assert!(
            answer.status == 401 || answer.status == 403,
            "{name}: {}",
            answer.status
        );
    }
    let named = client.header("host", &format!("localhost:{}", gateway.address().port()));
    assert_eq!(named.get("/v1/calls").await.status, 200);
}

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

#[tokio::test]
async fn a_withdrawn_token_ends_its_streams() {
    let pbx = Pbx::start().await;
    let setup = Setup::with(&pbx);
    let both =
        setup
            .clone()
            .token("stays", &["events:read"], "")
            .token("goes", &["events:read"], "");
    let gateway = Gateway::start(&both).await;
    let client = gateway.client();
    let mut stays = client.bearer("stays").stream("").await;
    let mut goes = client.bearer("goes").stream("").await;
    gateway.reconfigure(&setup.token("stays", &["events:read"], ""));
    assert_eq!(wait::within("the withdrawal", goes.ending()).await.1, 4401);
    let _ = client.bearer("goes").get("/v1/events").await.problem(401);
    stays.bookmark().await;
}

#[tokio::test]
async fn requests_and_streams_of_a_token_are_limited() {
    let setup = Setup::new()
        .token("busy", &["events:read"], "")
        .token("calm", &["events:read"], "")
        .table("[limits]\nstreams_per_token = 2\nrequests_per_s = 20");
    let gateway = Gateway::start(&setup).await;
    let busy = gateway.client().bearer("busy");
    let _held = [busy.stream("").await, busy.stream("").await];
    let refused = busy.refused("").await;
    assert!(
        refused.status == 429 || refused.status == 503,
        "{}",
        refused.status
    );
    let own = format!("http://{}", gateway.address());
    assert_eq!(
        busy.header("origin", &own)
            .stream("")
            .await
            .ending()
            .await
            .1,
        4504
    );
    let calm = gateway.client().bearer("calm");
    calm.stream("").await.expect("stream.opened").await;

    let limited = wait::until("a token asks too often", || async {
        let answer = busy.get("/v1/events?limit=1").await;
        (answer.status == 429).then_some(answer)
    });
    // One at a time is too slow for the limit on a slow machine: many at once are not.
    let flood = futures_util::future::join_all((0..200).map(|_| busy.get("/v1/events?limit=1")));
    let (limited, _) = tokio::join!(limited, flood);
    assert!(
        limited
            .header("retry-after")
            .is_some_and(|seconds| seconds.parse::<u32>().is_ok())
    );
    let _ = limited.problem(429);
    assert_eq!(
        calm.get("/v1/events").await.status,
        200,
        "another token is not held up"
    );
}

/// A refusal never repeats what was presented.
#[tokio::test]
async fn a_wrong_token_is_not_echoed() {
    let gateway = Gateway::start(&Setup::new().token("reader", &["events:read"], "")).await;
    let answer = gateway
        .client()
        .bearer("s3cret-guess")
        .get("/v1/events")
        .await;
    let problem: Value = answer.problem(401);
    assert!(!problem.to_string().contains("s3cret-guess"));
}

/// What a token with `events:read` and `state:read` can read.
const ENDPOINTS: [&str; 11] = [
    "/v1/events",
    "/v1/calls",
    "/v1/calls?state=ended&since=2020-01-01T00:00:00Z",
    "/v1/extensions",
    "/v1/agents",
    "/v1/queues",
    "/v1/trunks",
    "/v1/conferences",
    "/v1/devices",
    "/v1/users",
    "/v1/sources",
];

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
