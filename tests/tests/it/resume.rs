//! The id of the last event handled is where one goes on; what cannot be resumed is said.

use std::time::SystemTime;

use jiff::Timestamp;
use tests::{Client, Event, Gateway, Pbx, Setup, event::ids, wait, ws::Frame};

use crate::support::{calls, pair, record_of, synced, time};

#[tokio::test]
async fn any_transport_goes_on_after_any_event() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 2).await;
    let all = client.history("").await;
    for at in [0, 1, all.len() / 2, all.len() - 2] {
        let (after, rest) = (all[at].id(), &all[at + 1..]);
        let last = |event: &Event| event.id() == all.last().unwrap().id();
        let query = format!("after={after}");
        assert!(client.history(&query).await == rest, "page");
        assert!(
            client.stream(&query).await.events_until(last).await == rest,
            "WebSocket"
        );
        assert!(
            client.sse(&query).await.events_until(last).await == rest,
            "SSE"
        );
        let browser = client.header("last-event-id", after);
        assert!(
            browser
                .sse("after=earliest&snapshot=true")
                .await
                .events_until(last)
                .await
                == rest,
            "Last-Event-ID"
        );
    }
}

#[tokio::test]
async fn a_replay_ends_with_live() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 1).await;
    let all = client.history("").await;
    let mut stream = client.stream("after=earliest").await;
    stream.expect("stream.opened").await;
    for expected in &all {
        assert!(stream.said().await == *expected);
    }
    let live = stream.expect("stream.live").await;
    assert_eq!(live.data()["cursor"], all.last().unwrap().id());
    let mut latest = client.stream("after=latest").await;
    let opened = latest.expect("stream.opened").await;
    assert_eq!(opened.data()["cursor"], all.last().unwrap().id());
    latest.expect("stream.live").await;
}

#[tokio::test]
async fn a_time_is_a_position_by_the_gateways_clock() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 1).await;
    let earlier = client.history("").await.len();
    let newest = client
        .history("")
        .await
        .iter()
        .map(|event| time(event, "recordedtime"))
        .max()
        .unwrap();
    let between = moment_after(newest).await;
    moment_after(between).await;
    calls(&pbx, &client, 1).await;
    let all = client.history("").await;
    let rest = &all[earlier..];
    assert!(
        client.history(&format!("after={between}")).await == rest,
        "page"
    );
    let last = |event: &Event| event.id() == all.last().unwrap().id();
    assert!(
        client
            .stream(&format!("after={between}"))
            .await
            .events_until(last)
            .await
            == rest,
        "WebSocket"
    );
    assert!(
        client
            .sse(&format!("after={between}"))
            .await
            .events_until(last)
            .await
            == rest,
        "SSE"
    );
}

#[tokio::test]
async fn a_killed_gateway_goes_on_where_it_was() {
    let (pbx, mut gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 2).await;
    let before = client.history("").await;
    let middle = before[before.len() / 2].id().to_owned();
    gateway.kill();
    gateway.start_again().await;
    let call = pbx.tenant().internal("101", "102");
    let query = format!("after={middle}");
    let (mut stream, mut sse) = (client.stream(&query).await, client.sse(&query).await);
    stream.skip_to("source.synced").await;
    pbx.say_all(&call.answered()).await;
    let last = record_of(&call.session());
    sse.events_until(&last).await;
    let after = client.history("").await;
    assert!(
        after[..before.len()] == before,
        "what was published stays as it is"
    );
    assert!(after.iter().any(last));
    assert!(client.history(&query).await == after[before.len() / 2 + 1..]);
}

#[tokio::test]
async fn a_position_of_another_log_is_no_position() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 1).await;
    reset(&client, "zzzzzzzz-0000000000000001", "epoch").await;
}

#[tokio::test]
async fn a_position_ahead_of_the_log_is_no_position() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 1).await;
    let epoch = client.history("").await[0].id()[..8].to_owned();
    reset(&client, &format!("{epoch}-00ffffffffffffff"), "ahead").await;
}

#[tokio::test]
async fn a_position_that_retention_took_is_no_position() {
    let pbx = Pbx::start().await;
    let setup = Setup::with(&pbx).log("retention = { hours = 72, bytes = \"1MiB\" }");
    let gateway = Gateway::start(&setup).await;
    let client = gateway.client();
    let first = synced(&client, "hq").await;
    // Retention takes whole blocks, and is enforced within a minute or when something is appended.
    wait::until("the first events are gone", || {
        let (client, pbx, first) = (&client, &pbx, &first);
        async move {
            calls(pbx, client, 20).await;
            let page = client
                .get(&format!("/v1/events?after={first}&limit=1"))
                .await;
            (page.status == 410).then_some(())
        }
    })
    .await;
    reset(&client, &first, "expired").await;
    let oldest = client.history("").await;
    let gone = client.get(&format!("/v1/events/{first}")).await;
    assert!(gone.status == 404 || gone.status == 410, "{}", gone.text());
    assert!(oldest[0].id() > first.as_str());
}

#[tokio::test]
async fn a_browser_is_told_of_a_garbage_position_by_close_code() {
    let (_pbx, gateway) = pair().await;
    let own = format!("http://{}", gateway.address());
    let browser = gateway.client().header("origin", &own);
    let mut stream = browser.stream("after=garbage").await;
    let (said, code) = stream.ending().await;
    assert_eq!(code, 4400);
    assert!(said.iter().all(Event::is_about_stream));
    let _ = gateway
        .client()
        .get("/v1/events?after=garbage")
        .await
        .problem(400);
}

#[tokio::test]
async fn a_stream_that_breaks_loses_nothing() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut seen: Vec<Event> = client.history("").await;
    let call = pbx.tenant().internal("101", "102");
    for frame in call.answered() {
        // One short connection after another, each broken without goodbye.
        let query = format!("after={}", seen.last().unwrap().id());
        let mut stream = client.stream(&query).await;
        pbx.say(&frame).await;
        let Frame::Event(_) = stream.next().await else {
            panic!("closed")
        };
        seen.push(stream.event().await);
    }
    let query = format!("after={}", seen.last().unwrap().id());
    let mut stream = client.stream(&query).await;
    if !seen.iter().any(record_of(&call.session())) {
        seen.extend(stream.events_until(record_of(&call.session())).await);
    }
    let all = client.history("").await;
    assert_eq!(ids(&seen), ids(&all));
}

/// Checks what every transport says to a position that cannot be resumed.
async fn reset(client: &Client, requested: &str, reason: &str) {
    let query = format!("after={requested}");
    let problem = client
        .get(&format!("/v1/events?{query}"))
        .await
        .problem(410);
    let all = client.history("").await;
    let newest = all.last().unwrap().id();
    assert!(problem["newest"].as_str().unwrap() >= newest, "{problem}");
    assert!(
        problem["oldest"].as_str().unwrap() <= all[0].id(),
        "{problem}"
    );

    let mut stream = client.stream(&query).await;
    stream.expect("stream.opened").await;
    let mut told = Vec::new();
    loop {
        let event = stream.said().await;
        let done = event.kind() == "stream.live";
        told.push(event);
        if done {
            break;
        }
    }
    let data = told[0].data();
    assert_eq!(told[0].kind(), "stream.reset");
    assert_eq!(
        (&data["reason"], &data["requested"]),
        (&reason.into(), &requested.into())
    );
    assert!(
        data["oldest"].is_string() && data["newest"].is_string(),
        "{data}"
    );
    let snapshot = &told[1..told.len() - 1];
    assert!(
        snapshot
            .iter()
            .all(|event| event.kind() == "stream.snapshot"),
        "{:?}",
        tests::event::kinds(&told)
    );
    let end = snapshot.last().unwrap().data();
    assert!(end["collection"].is_null() && end["done"] == true, "{end}");

    let mut sse = client.sse(&query).await;
    let first = sse.said().await.1;
    assert_eq!(first.kind(), "stream.opened");
    let (frame, second) = sse.said().await;
    assert_eq!(
        (second.kind(), &second.data()["reason"]),
        ("stream.reset", &reason.into())
    );
    assert_eq!(frame.id, None, "a reset is no position");
}

/// A time later than `earlier`, by at least a few milliseconds, that has passed.
async fn moment_after(earlier: Timestamp) -> Timestamp {
    wait::until("the clock moves on", || async move {
        let now = Timestamp::try_from(SystemTime::now()).unwrap();
        let later = now.as_millisecond() > earlier.as_millisecond() + 5;
        later.then(|| Timestamp::from_millisecond(now.as_millisecond()).unwrap())
    })
    .await
}
