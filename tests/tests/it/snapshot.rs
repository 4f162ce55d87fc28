//! State and stream in one: what a snapshot says, and that exactly the events after it follow.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use tests::{Event, Pbx, event::ids, ws::Stream};

use crate::support::{calls, pair, record_of};

#[tokio::test]
async fn state_first_then_exactly_what_follows() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let open = pbx.tenant().internal("101", "102");
    pbx.say_all(&open.answered()[..3]).await;
    client
        .stream("after=earliest")
        .await
        .skip_to("call.ringing")
        .await;
    let mut stream = client.stream("snapshot=true").await;
    stream.expect("stream.opened").await;
    let (as_of, state) = snapshot(&mut stream).await;
    stream.expect("stream.live").await;

    let call = &state["calls"][&format!("hq:{}", open.session())];
    assert_eq!(call["state"], "ringing");
    assert_eq!(call["freshness"], "live");
    assert_eq!(call["legs"].as_array().unwrap().len(), 2, "{call}");
    assert_eq!(state["extensions"].len(), 2);
    assert_eq!(state["sources"]["hq"]["state"], "synced");
    assert_eq!(state["queues"].values().next().unwrap()["number"], "8000");
    assert_eq!(state["agents"].values().next().unwrap()["state"], "ready");
    for empty in ["trunks", "conferences"] {
        assert!(state[empty].is_empty(), "an empty collection says so");
    }

    pbx.say_all(&open.answered()[3..]).await;
    let rest = stream.events_until(record_of(&open.session())).await;
    assert_eq!(
        rest[0].version(),
        if rest[0].subject().ends_with(&open.session()) {
            call["version"].as_u64().unwrap() + 1
        } else {
            1
        }
    );
    assert!(
        client.history(&format!("after={as_of}")).await == rest,
        "nothing between, nothing twice"
    );
}

#[tokio::test]
async fn under_traffic_every_subject_goes_on_from_its_snapshot() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let traffic = async {
        loop {
            // Six calls at a time, step by step, so that many are open at any moment.
            let group: Vec<Vec<Value>> = (0..6)
                .map(|_| pbx.tenant().internal("101", "102").answered())
                .collect();
            for step in 0..group[0].len() {
                for frames in &group {
                    pbx.say(&frames[step]).await;
                }
            }
        }
    };
    let readers = async {
        let mut open_calls = 0;
        for _ in 0..12 {
            let mut stream = client.stream("snapshot=true&payload=false").await;
            let (_, state) = snapshot(&mut stream).await;
            open_calls += state["calls"].len();
            let mut versions: HashMap<String, u64> = HashMap::new();
            for (collection, entities) in &state {
                for (id, entity) in entities {
                    if let Some(version) = entity["version"].as_u64() {
                        versions.insert(format!("{collection}/{id}"), version);
                    }
                }
            }
            for _ in 0..60 {
                let event = stream.event().await;
                if !event.subject().starts_with("calls/") {
                    continue;
                }
                let before = versions
                    .insert(event.subject().to_owned(), event.version())
                    .unwrap_or(0);
                assert_eq!(
                    event.version(),
                    before + 1,
                    "{} of {}",
                    event.kind(),
                    event.subject()
                );
            }
        }
        assert!(open_calls > 0, "no snapshot met an open call");
    };
    tokio::select! {
        () = readers => {}
        () = traffic => {}
    }
}

#[tokio::test]
async fn only_the_collections_that_were_asked_for() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    pbx.say(&pbx.tenant().internal("101", "102").start()).await;
    client
        .stream("after=earliest")
        .await
        .skip_to("leg.started")
        .await;
    let (_, calls_only) = snapshot(&mut client.stream("types=call.*&snapshot=true").await).await;
    assert_eq!(calls_only.keys().collect::<Vec<_>>(), ["calls"]);
    let (_, of_other) = snapshot(
        &mut client
            .stream("types=call.*,extension.*&extensions=777&snapshot=true")
            .await,
    )
    .await;
    assert!(
        of_other["calls"].is_empty() && of_other["extensions"].is_empty(),
        "lists narrow the items too"
    );
    let (_, of_one) = snapshot(
        &mut client
            .stream("types=call.*,extension.*&extensions=102&snapshot=true")
            .await,
    )
    .await;
    assert_eq!((of_one["calls"].len(), of_one["extensions"].len()), (1, 1));
}

#[tokio::test]
async fn a_position_that_can_be_resumed_wins_over_a_snapshot() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 1).await;
    let all = client.history("").await;
    let mut stream = client
        .stream(&format!("snapshot=true&after={}", all[3].id()))
        .await;
    stream.expect("stream.opened").await;
    assert_eq!(stream.said().await.id(), all[4].id());
}

#[tokio::test]
async fn a_snapshot_over_sse_is_the_same_snapshot() {
    let (_pbx, gateway) = pair().await;
    let client = gateway.client();
    let (as_of, state) = snapshot(&mut client.stream("snapshot=true").await).await;
    let mut sse = client.sse("snapshot=true").await;
    let mut collections = Vec::new();
    loop {
        let event = sse.said().await.1;
        match (event.kind(), event.data()["collection"].as_str()) {
            ("stream.opened", _) => {}
            ("stream.snapshot", Some(collection)) => {
                assert_eq!(event.data()["as_of"], as_of);
                collections.push(collection.to_owned());
            }
            ("stream.snapshot", None) => break,
            (other, _) => panic!("{other} in a snapshot"),
        }
    }
    collections.sort();
    collections.dedup();
    assert_eq!(collections.len(), state.len());
    assert!(ids(&client.history("").await).contains(&as_of.as_str()));
}

/// A PBX that is never there leaves a gateway that knows nothing, and says so.
#[tokio::test]
async fn nothing_known_is_an_empty_snapshot() {
    let pbx = Pbx::start().await;
    pbx.behave(tests::pbx::Manners::SlamTheDoor);
    let gateway = tests::Gateway::start(&tests::Setup::with(&pbx)).await;
    let client = gateway.client();
    client.stream("after=earliest").await.event().await;
    let (_, state) = snapshot(&mut client.stream("snapshot=true").await).await;
    assert!(state["calls"].is_empty() && state["extensions"].is_empty());
    assert_eq!(state["sources"].len(), 1);
}

/// Reads a snapshot: its position, and the entities of each collection by id.
async fn snapshot(stream: &mut Stream) -> (String, HashMap<String, HashMap<String, Value>>) {
    let mut state: HashMap<String, HashMap<String, Value>> = HashMap::new();
    let mut done: HashSet<String> = HashSet::new();
    let mut as_of = String::new();
    loop {
        let page: Event = stream.said().await;
        if page.kind() == "stream.opened" {
            continue;
        }
        assert_eq!(page.kind(), "stream.snapshot", "{}", page.text());
        let data = page.data();
        let Some(collection) = data["collection"].as_str() else {
            assert_eq!(data["done"], true, "{data}");
            assert_eq!(done.len(), state.len(), "every collection was closed");
            return (as_of, state);
        };
        let position = data["as_of"].as_str().unwrap();
        assert!(
            as_of.is_empty() || as_of == position,
            "one position for the whole snapshot"
        );
        as_of = position.to_owned();
        assert!(
            !done.contains(collection),
            "{collection} goes on after its last page"
        );
        let entities = state.entry(collection.to_owned()).or_default();
        for item in data["items"].as_array().unwrap() {
            let key = item["id"]
                .as_str()
                .map_or_else(|| item.to_string(), str::to_owned);
            assert!(
                entities.insert(key, item.clone()).is_none(),
                "twice: {item}"
            );
        }
        if data["done"] == true {
            done.insert(collection.to_owned());
        }
    }
}
