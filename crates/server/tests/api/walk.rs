//! A token that is limited to a tenant walks every route there is, in two gateways that differ only in what other tenants
//! have: what it is told must be the same. A new route says in [`visits`] where somebody curious would go.

use http::Method;
use model::EventType;
use server::{
    api::{self, routes::Route},
    auth::{Scope, StaticToken},
};

use super::{
    backend::{about, call, of_source},
    client::{Client, Reply},
    state::{extension, queue_with_caller},
    world::{Setup, TestClock, World, by, token},
};

/// A foreign call that is open, one that has ended, and an event of each.
struct Hidden {
    events: Vec<String>,
}

const TENANT: &str = "acme";

/// What is ours, and, in one of the two worlds, what is not.
async fn world(with_others: bool) -> (World, Hidden) {
    let every: Vec<Scope> = Scope::ALL.iter().map(|(_, scope)| *scope).collect();
    let limited = |name, scopes: &[Scope]| StaticToken {
        tenants: Some(vec![TENANT.into()]),
        ..token(name, scopes)
    };
    let plain: Vec<Scope> = every
        .iter()
        .copied()
        .filter(|scope| !matches!(scope, Scope::Admin | Scope::PiiRead))
        .collect();
    let mut setup = Setup::tokens();
    setup.policy = by(vec![limited("plain", &plain), limited("admin", &every)]);
    // What the time tells must be the same, too.
    let world = World::start_with(setup, TestClock::new(true)).await;
    let mut hidden = Hidden { events: Vec::new() };

    world
        .hub
        .publish(of_source(EventType::SourceConnected, "hq"));
    let ours = call("1", Some(TENANT));
    world.hub.put_call(&std::sync::Arc::new(ours.clone()));
    world.hub.publish(about(EventType::CallStarted, &ours));
    world
        .hub
        .publish(about(EventType::CallEnded, &call("2", Some(TENANT))));
    extension(&world, "e101", "101", Some(TENANT));
    queue_with_caller(&world, "q8", Some(TENANT));
    if with_others {
        for (key, kind) in [("8", EventType::CallEnded), ("9", EventType::CallStarted)] {
            let theirs = call(key, Some("other"));
            let id = world.hub.publish(about(kind, &theirs));
            hidden.events.push(id.to_string());
            world.hub.put_call(&std::sync::Arc::new(theirs));
        }
        // What belongs to nobody in particular is not ours either.
        world
            .hub
            .publish(of_source(EventType::SourceDegraded, "hq"));
        world.hub.put_call(&std::sync::Arc::new(call("7", None)));
        extension(&world, "e9", "109", Some("other"));
        queue_with_caller(&world, "q9", Some("other"));
        queue_with_caller(&world, "q7", None);
    }
    (world, hidden)
}

/// Where to go on a route; none for one that nobody has thought about.
fn visits(path: &str, hidden: &Hidden) -> Option<Vec<String>> {
    const SEARCHES: [&str; 7] = [
        "",
        "?limit=1",
        "?tenant=other",
        "?extension=109",
        "?queue=hq:q9",
        "?number=%2B442079460018",
        "?source=hq",
    ];
    let fixed = |paths: &[&str]| Some(paths.iter().map(|path| (*path).to_owned()).collect());
    let each = |suffix: &str| {
        let ids = hidden.events.iter();
        Some(ids.map(|id| format!("/v1/events/{id}{suffix}")).collect())
    };
    match path {
        "/v1/events" => fixed(&[
            "/v1/events",
            "/v1/events?limit=1",
            "/v1/events?order=desc",
            "/v1/events?tenants=other",
            "/v1/events?tenants=acme,other",
            "/v1/events?types=call.*&extensions=101,109",
            "/v1/events?subjects=calls/hq:9",
            "/v1/events?queues=q9",
            "/v1/events?tenants=other&colour=red",
        ]),
        "/v1/events/{id}" => each(""),
        "/v1/events/{id}/explain" => each("/explain"),
        "/v1/calls/{id}" => fixed(&["/v1/calls/hq:7", "/v1/calls/hq:8", "/v1/calls/hq:9"]),
        "/v1/extensions/{id}" => fixed(&["/v1/extensions/hq:e9"]),
        "/v1/queues/{id}" => fixed(&["/v1/queues/hq:q9", "/v1/queues/hq:q7"]),
        "/v1/queues/{parent}/callers" => {
            fixed(&["/v1/queues/hq:q9/callers", "/v1/queues/hq:q7/callers"])
        }
        "/v1/queues/{parent}/callers/{id}" => fixed(&["/v1/queues/hq:q9/callers/hq:1"]),
        "/v1/sources/{id}/capabilities" => fixed(&["/v1/sources/hq/capabilities"]),
        "/v1/sources/{id}/commands" => fixed(&["/v1/sources/hq/commands"]),
        "/v1/commands/{id}" => fixed(&["/v1/commands/cmd_none"]),
        // Nothing is delivered here; whose a webhook is, the gateway's own tests ask.
        "/v1/webhooks" => fixed(&[path]),
        _ if path.starts_with("/v1/webhooks/{id}") => fixed(&[&path.replace("{id}", "none")]),
        "/v1/sources/{id}/reconnect" => {
            fixed(&["/v1/sources/hq/reconnect", "/v1/sources/none/reconnect"])
        }
        "/v1/sources/{id}/gaps" => {
            fixed(&["/v1/sources/hq/gaps?from=2023-11-14T00:00:00Z&to=2023-11-15T00:00:00Z"])
        }
        "/v1/sources/{id}" => fixed(&["/v1/sources/hq"]),
        "/v1/tickets" | "/v1/catalog" | "/livez" | "/readyz" | "/metrics" => fixed(&[path]),
        // The same for everybody, and they say so by being open.
        "/schemas/v1/{file}" | "/problems/{slug}" | "/openapi.json" | "/asyncapi.json" => {
            fixed(&[])
        }
        _ if path == "/" || path.starts_with("/docs") || path.starts_with("/dashboard") => {
            fixed(&[])
        }
        // A collection, and entities of kinds that look alike to the code.
        "/v1/calls" => {
            let mut all: Vec<String> = SEARCHES.map(|search| format!("{path}{search}")).into();
            all.push("/v1/calls?state=ended&since=2020-01-01T00:00:00Z".into());
            Some(all)
        }
        "/v1/extensions" | "/v1/agents" | "/v1/queues" | "/v1/trunks" | "/v1/conferences"
        | "/v1/devices" | "/v1/users" | "/v1/sources" => {
            Some(SEARCHES.map(|search| format!("{path}{search}")).into())
        }
        "/v1/agents/{id}"
        | "/v1/trunks/{id}"
        | "/v1/conferences/{id}"
        | "/v1/devices/{id}"
        | "/v1/users/{id}" => fixed(&[&path.replace("{id}", "hq:9")]),
        "/v1/conferences/{parent}/participants" => fixed(&["/v1/conferences/hq:9/participants"]),
        "/v1/conferences/{parent}/participants/{id}" => {
            fixed(&["/v1/conferences/hq:9/participants/hq:9"])
        }
        _ => None,
    }
}

/// What was told, without what differs between any two answers: positions, times and random words.
fn told(reply: &Reply) -> String {
    let headers = reply.headers.iter().filter(|(name, _)| {
        !["date", "content-length"].contains(&name.to_ascii_lowercase().as_str())
    });
    let mut text = format!("{}\n", reply.status);
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push_str(&String::from_utf8_lossy(&reply.body));
    without_positions(&text)
}

/// `<epoch>-<offset>` becomes a word: that offsets count more than what one sees is part of the contract.
fn without_positions(text: &str) -> String {
    let epoch = model::Epoch::from_random(super::world::EPOCH).to_string();
    let mark = format!("{epoch}-");
    let mut parts = text.split(&mark);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("POSITION");
        out.push_str(part.get(16..).unwrap_or_default());
    }
    out
}

/// What is asked for, where asking takes a body.
fn body(route: &Route) -> &'static [u8] {
    match route.path.as_str() {
        "/v1/sources/{id}/commands" if route.method == Method::POST => {
            br#"{"type":"hangup","target":"hq:9","params":{}}"#
        }
        _ => b"",
    }
}

async fn ask(client: &Client, route: &Route, path: &str) -> String {
    let body = body(route);
    let mut reply = client.send(route.method.as_str(), path, body).await;
    if path == "/v1/tickets" {
        assert_eq!(reply.status, 201);
        reply.body.clear();
    }
    told(&reply)
}

#[tokio::test]
async fn a_token_walks_every_route_and_never_learns_of_another_tenant() {
    let ((alone, _), (among, hidden)) = (world(false).await, world(true).await);
    let mut seen_ours = 0;
    for route in api::table() {
        let visits = visits(&route.path, &hidden).unwrap_or_else(|| {
            panic!(
                "{} {}: say in `visits` where a curious tenant would go",
                route.method, route.path
            )
        });
        for path in visits {
            for bearer in ["plain", "admin"] {
                let client = |world: &World| {
                    let client = world.bearer(bearer);
                    client.header("Content-Type", "application/json")
                };
                let here = ask(&client(&alone), &route, &path).await;
                let there = ask(&client(&among), &route, &path).await;
                assert_eq!(here, there, "{bearer} {} {path}", route.method);
                assert!(
                    !there.contains("hq:9") || path.contains("hq:9"),
                    "{path}: {there}"
                );
                seen_ours += usize::from(there.contains("hq:1\""));
            }
        }
    }
    assert!(seen_ours > 10, "what is ours is there: {seen_ours}");
}

#[tokio::test]
async fn streams_tell_no_more() {
    let ((alone, _), (among, _)) = (world(false).await, world(true).await);
    for query in [
        "?after=earliest",
        "?snapshot=true",
        "?after=earliest&tenants=other",
        "?after=earliest&types=call.*&extensions=109",
        "?snapshot=true&queues=q9",
        "?types=message.received,call.parked",
        "?after=zzzzzzzz-0000000000000001",
    ] {
        for bearer in ["plain", "admin"] {
            let mut heard = Vec::new();
            for world in [&alone, &among] {
                let mut stream = world
                    .bearer(bearer)
                    .ws(&format!("/v1/events{query}"))
                    .await
                    .unwrap();
                let mut events = String::new();
                loop {
                    let mut event = stream.next().await;
                    let live = event["type"] == "stream.live";
                    // Which connection it is, and when.
                    for name in ["source", "time", "recordedtime", "subject", "partitionkey"] {
                        if event["type"].as_str().unwrap().starts_with("stream.") {
                            event.as_object_mut().unwrap().remove(name);
                        }
                    }
                    if let Some(data) = event["data"].as_object_mut() {
                        data.remove("connection");
                    }
                    events.push_str(&format!("{}\n", without_positions(&event.to_string())));
                    if live {
                        break;
                    }
                }
                heard.push(events);
            }
            assert_eq!(heard[0], heard[1], "{bearer} {query}");
        }
    }
}
