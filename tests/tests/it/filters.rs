//! A filter lets through exactly what it says, on every transport, stored or live.

use serde_json::Value;
use tests::{Client, Event, Gateway, Pbx, event::ids};

use crate::support::{calls, pair, record_of};

const COMPLETENESS: [&str; 4] = [
    "source.connected",
    "source.disconnected",
    "source.gap",
    "source.synced",
];
const CRM: [&str; 15] = [
    "call.started",
    "call.ringing",
    "call.answered",
    "call.held",
    "call.resumed",
    "call.transferred",
    "call.missed",
    "call.ended",
    "call.amended",
    "leg.ringing",
    "leg.answered",
    "leg.ended",
    "recording.ended",
    "voicemail.received",
    "source.gap",
];

#[tokio::test]
async fn each_list_narrows() {
    let world = World::new().await;
    let tenant = world.pbx.tenant();
    let (first, second) = (&world.first, &world.second);
    let extension = format!("hq:{}", tenant.extension("102"));
    let native = tenant.extension("102");
    let queue = format!("hq:{}", tenant.queue);
    let of_102 = |event: &Event| {
        let partition = event.word("partitionkey");
        partition.ends_with(first.as_str())
            || partition == extension
            || event.kind().starts_with("agent.")
    };
    let of_queue = |event: &Event| event.text().contains(&queue);

    world
        .check("types=call.started", |event| event.kind() == "call.started")
        .await;
    world
        .check("types=call.*,source.*", |event| {
            event.kind().starts_with("call.") || event.kind().starts_with("source.")
        })
        .await;
    world
        .check("types=*ed", |event| event.kind().ends_with("ed"))
        .await;
    world
        .check("types=*.state_changed,leg.ringing", |event| {
            event.kind() == "agent.state_changed" || event.kind() == "leg.ringing"
        })
        .await;
    world.check("profile=all", |_| true).await;
    world
        .check("profile=crm", |event| {
            CRM.contains(&event.kind()) && !is_late(event)
        })
        .await;
    world
        .check("profile=crm&types=cdr.*", |event| {
            (CRM.contains(&event.kind()) && !is_late(event)) || event.kind() == "cdr.created"
        })
        .await;
    world.check("sources=hq", |_| true).await;
    world.check("sources=elsewhere", |_| false).await;
    world
        .check("tenants=acme", |event| {
            complete(event) || event.word("tenant") == "acme"
        })
        .await;
    world.check("tenants=other", complete).await;
    world
        .check(&format!("subjects=calls/hq:{first}"), |event| {
            complete(event) || event.subject() == format!("calls/hq:{first}")
        })
        .await;
    world
        .check(
            &format!("subjects=calls/hq:{first},calls/hq:{second}&types=call.ended"),
            |event| event.kind() == "call.ended",
        )
        .await;
    for name in ["102", &extension, &native] {
        let query =
            format!("extensions={name}&types=call.*,leg.*,extension.*,agent.*,source.connected");
        world
            .check(&query, |event| {
                event.kind() == "source.connected"
                    || (of_102(event)
                        && !event.kind().starts_with("cdr.")
                        && !event.kind().starts_with("queue."))
            })
            .await;
    }
    for name in ["8000", &queue, &tenant.queue] {
        let query = format!("queues={name}&types=queue.*,agent.*,call.*");
        world
            .check(&query, |event| {
                of_queue(event)
                    && ["queue", "agent", "call"].contains(&event.kind().split('.').next().unwrap())
            })
            .await;
    }
    world
        .check("types=call.ended&tenants=acme&extensions=101", |event| {
            event.kind() == "call.ended"
        })
        .await;
}

#[tokio::test]
async fn the_payload_can_be_left_out() {
    let world = World::new().await;
    let slim = world.client.history("payload=false").await;
    assert_eq!(ids(&slim), ids(&world.all));
    assert!(
        world
            .all
            .iter()
            .any(|event| event.data()["origin"]["payload"].is_object())
    );
    for (slim, full) in slim.iter().zip(&world.all) {
        let mut expected = full.value().clone();
        expected["data"]["origin"]
            .as_object_mut()
            .unwrap()
            .remove("payload");
        assert_eq!(*slim.value(), expected);
    }
    let last = record_of(&world.second);
    assert!(
        world
            .client
            .stream("payload=false&after=earliest")
            .await
            .events_until(&last)
            .await
            == slim,
        "WebSocket"
    );
    assert!(
        world
            .client
            .sse("payload=false&after=earliest")
            .await
            .events_until(&last)
            .await
            == slim,
        "SSE"
    );
}

#[tokio::test]
async fn a_filter_holds_for_what_is_yet_to_come() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut ended = client.stream("types=call.ended&extensions=102").await;
    let mut sse = client.sse("types=call.ended&extensions=102").await;
    sse.said().await;
    let other = pbx.tenant().inbound("02079460018", "101");
    let ours = pbx.tenant().internal("101", "102");
    pbx.say_all(&other.answered()).await;
    pbx.say_all(&ours.answered()).await;
    for event in [ended.event().await, sse.event().await] {
        assert_eq!(event.subject(), ours.subject("hq"));
        assert_eq!(event.kind(), "call.ended");
    }
}

#[tokio::test]
async fn an_extension_that_no_list_names_is_found_by_its_number() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let query = "types=call.*&extensions=117";
    let mut stream = client.stream(query).await;
    let other = pbx.tenant().inbound("02079460018", "102");
    let ours = pbx.tenant().inbound("02079460018", "117");
    pbx.say_all(&other.answered()).await;
    pbx.say_all(&ours.answered()).await;
    let heard = stream
        .events_until(|event| event.kind() == "call.ended")
        .await;
    assert!(
        heard
            .iter()
            .all(|event| event.subject() == ours.subject("hq"))
    );
    assert_eq!(heard[0].kind(), "call.started");
    assert_eq!(ids(&client.history(query).await), ids(&heard));
    let listed = client.json("/v1/calls?state=ended&extension=117").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    // Its callers are known by theirs.
    let of_caller = client
        .history("types=call.ended&extensions=02079460018")
        .await;
    assert_eq!(of_caller.len(), 2);
}

#[tokio::test]
async fn a_bookmark_moves_on_past_what_is_filtered_out() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut stream = client.stream("types=voicemail.*").await;
    let before = stream.bookmark().await;
    calls(&pbx, &client, 1).await;
    let head = client.history("").await.last().unwrap().id().to_owned();
    let after = stream.bookmark().await;
    assert!(before < after && after >= head, "{before} {after} {head}");
}

#[tokio::test]
async fn a_bad_query_is_refused_by_name() {
    let (_pbx, gateway) = pair().await;
    let client = gateway.client();
    let everywhere = [
        ("types=cal.*", "types"),
        ("types=call.begun", "types"),
        ("profile=nobody", "profile"),
        ("after=yesterday", "after"),
        ("after=k3v9q2xw-4712", "after"),
        ("payload=maybe", "payload"),
        ("colour=red", "colour"),
        ("token=secret", "token"),
        ("access_token=secret", "access_token"),
    ];
    let of_pages = [
        ("before=earlier", "before"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("order=random", "order"),
        ("snapshot=true", "snapshot"),
    ];
    let of_streams = [
        ("before=k3v9q2xw-0000000000000001", "before"),
        ("limit=5", "limit"),
        ("order=desc", "order"),
        ("snapshot=perhaps", "snapshot"),
    ];
    for (query, parameter) in everywhere.iter().chain(&of_pages) {
        let problem = client
            .get(&format!("/v1/events?{query}"))
            .await
            .problem(400);
        assert!(names(&problem, parameter), "{query}: {problem}");
    }
    for (query, parameter) in everywhere.iter().chain(&of_streams) {
        let problem = client.refused(query).await;
        assert_eq!(problem.status, 400, "{query}");
        assert_eq!(client.sse(query).await.status(), 400, "{query}");
        let problem = client
            .header("accept", "text/event-stream")
            .get(&format!("/v1/events?{query}"))
            .await
            .problem(400);
        assert!(names(&problem, parameter), "{query}: {problem}");
    }
}

#[tokio::test]
async fn the_id_of_a_stream_event_is_no_position() {
    let (_pbx, gateway) = pair().await;
    let problem = gateway
        .client()
        .get("/v1/events?after=s-4")
        .await
        .problem(400);
    assert!(
        names(&problem, "after") && problem.to_string().contains("data.cursor"),
        "{problem}"
    );
}

/// A log with two calls: the first between 101 and 102, the second from outside to 101, and an agent that pauses.
struct World {
    pbx: Pbx,
    _gateway: Gateway,
    client: Client,
    all: Vec<Event>,
    first: String,
    second: String,
}

impl World {
    async fn new() -> Self {
        let (pbx, gateway) = pair().await;
        let client = gateway.client();
        let mut stream = client.stream("after=earliest").await;
        let tenant = pbx.tenant();
        let (first, second) = (
            tenant.internal("101", "102"),
            tenant.inbound("02079460018", "101"),
        );
        pbx.say_all(&first.answered()).await;
        pbx.say_all(&[tenant.agent("NOT_READY"), tenant.presence("102", "BUSY")])
            .await;
        pbx.say_all(&second.missed()).await;
        let all = stream.events_until(record_of(&second.session())).await;
        let (first, second) = (first.session(), second.session());
        Self {
            pbx,
            _gateway: gateway,
            client,
            all,
            first,
            second,
        }
    }

    /// Checks a filter against what the whole log says, on all three transports.
    async fn check(&self, query: &str, passes: impl Fn(&Event) -> bool) {
        let expected: Vec<Event> = self
            .all
            .iter()
            .filter(|event| passes(event))
            .cloned()
            .collect();
        let page = self.client.history(query).await;
        assert_eq!(
            ids(&page),
            ids(&expected),
            "{query}: {:?} but should be {:?}",
            tests::event::kinds(&page),
            tests::event::kinds(&expected)
        );
        assert!(page == expected, "{query}");
        let streamed = format!("{query}&after=earliest");
        let mut stream = self.client.stream(&streamed).await;
        let mut replayed = Vec::new();
        loop {
            let event = stream.said().await;
            match event.kind() {
                "stream.opened" => {}
                "stream.live" => break,
                _ => replayed.push(event),
            }
        }
        assert!(replayed == expected, "{query}, WebSocket");
        let mut sse = self.client.sse(&streamed).await;
        replayed.clear();
        loop {
            let event = sse.said().await.1;
            match event.kind() {
                "stream.opened" => {}
                "stream.live" => break,
                _ => replayed.push(event),
            }
        }
        assert!(replayed == expected, "{query}, SSE");
    }
}

fn complete(event: &Event) -> bool {
    COMPLETENESS.contains(&event.kind())
}

/// True for ringing that was told after the fact.
fn is_late(event: &Event) -> bool {
    event.kind().ends_with(".ringing") && event["expirytime"] == event["recordedtime"]
}

/// True when a problem names a parameter.
fn names(problem: &Value, parameter: &str) -> bool {
    problem["errors"]
        .as_array()
        .is_some_and(|errors| errors.iter().any(|error| error["parameter"] == parameter))
}
