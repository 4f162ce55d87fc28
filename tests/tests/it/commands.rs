//! What a client may say over its stream, and what it may not.

use serde_json::json;
use tests::{Setup, wait};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{calls, pair, record_of};

#[tokio::test]
async fn subscribe_replaces_the_filter() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut stream = client.stream("types=voicemail.*").await;
    stream.skip_to("stream.live").await;
    stream
        .send(&json!({"op": "subscribe", "types": ["call.ended"], "payload": false}))
        .await;
    let filtered = stream.expect("stream.filtered").await;
    assert!(
        filtered.data().to_string().contains("call.ended"),
        "{}",
        filtered.text()
    );
    let call = pbx.tenant().internal("101", "102");
    pbx.say_all(&call.answered()).await;
    let event = stream.event().await;
    assert_eq!(
        (event.kind(), event.subject()),
        ("call.ended", call.subject("hq").as_str())
    );
    assert!(event.data()["origin"]["payload"].is_null());
}

#[tokio::test]
async fn subscribe_may_go_back() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 2).await;
    let all = client.history("types=call.*").await;
    let mut stream = client.stream("types=voicemail.*").await;
    stream.skip_to("stream.live").await;
    stream
        .send(&json!({"op": "subscribe", "types": "call.*", "after": "earliest"}))
        .await;
    stream.expect("stream.filtered").await;
    for expected in &all {
        assert!(stream.said().await == *expected);
    }
    stream.expect("stream.live").await;
    stream
        .send(&json!({"op": "subscribe", "types": "call.*", "snapshot": true}))
        .await;
    stream.expect("stream.filtered").await;
    let page = stream.expect("stream.snapshot").await;
    assert_eq!(page.data()["collection"], "calls");
    stream.skip_to("stream.live").await;
}

#[tokio::test]
async fn ping_is_answered_with_a_bookmark() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut stream = client.stream("").await;
    calls(&pbx, &client, 1).await;
    let head = client.history("").await.last().unwrap().id().to_owned();
    assert_eq!(stream.bookmark().await, head);
}

#[tokio::test]
async fn a_bad_frame_is_answered_and_the_stream_goes_on() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut stream = client.stream("types=cdr.created").await;
    stream.skip_to("stream.live").await;
    for bad in [
        "not json",
        "[]",
        "{}",
        r#"{"op":"dance"}"#,
        r#"{"op":"ping","extra":1}"#,
        r#"{"op":"subscribe","types":"cal.*"}"#,
        r#"{"op":"subscribe","colour":"red"}"#,
        r#"{"op":"subscribe","after":"garbage"}"#,
        r#"{"op":"subscribe","limit":5}"#,
        r#"{"op":"token"}"#,
    ] {
        stream.send_message(Message::text(bad)).await;
        let error = stream.expect("stream.error").await;
        assert!(
            error.data()["status"]
                .as_u64()
                .is_some_and(|status| (400..500).contains(&status)),
            "{bad}: {}",
            error.text()
        );
        assert!(
            error.data()["title"].is_string() && error.data()["detail"].is_string(),
            "{bad}: {}",
            error.text()
        );
    }
    let call = pbx.tenant().internal("101", "102");
    pbx.say_all(&call.answered()).await;
    stream.events_until(record_of(&call.session())).await;
}

#[tokio::test]
async fn a_binary_frame_ends_the_stream_and_nothing_else() {
    let (_pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut other = client.stream("").await;
    let mut stream = client.stream("").await;
    stream.skip_to("stream.live").await;
    stream
        .send_message(Message::binary(vec![0, 159, 146, 150]))
        .await;
    let (_, code) = stream.ending().await;
    assert_eq!(code, 1003);
    other.bookmark().await;
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_the_stream() {
    let (_pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut stream = client.stream("").await;
    stream.skip_to("stream.live").await;
    stream
        .send_message(Message::text("x".repeat(1024 * 1024)))
        .await;
    let (_, code) = stream.ending().await;
    assert!(code == 1009 || code == 1006, "{code}");
    client.stream("").await.bookmark().await;
}

#[tokio::test]
async fn a_token_may_come_in_the_first_frame() {
    let gateway = tests::Gateway::start(&Setup::new().token("reader", &["events:read"], "")).await;
    let client = gateway.client();
    let mut stream = client.stranger("types=source.*").await;
    stream
        .send(&json!({"op": "token", "token": tests::secret("reader")}))
        .await;
    stream.expect("stream.opened").await;
    stream.expect("stream.live").await;
    stream
        .send(&json!({"op": "token", "token": tests::secret("reader")}))
        .await;
    stream.bookmark().await;

    let mut stream = client.stranger("").await;
    stream
        .send(&json!({"op": "token", "token": tests::secret("guess")}))
        .await;
    let (said, code) = stream.ending().await;
    assert_eq!(code, 4401);
    assert!(
        said.iter().all(|event| event.kind() == "stream.closing"),
        "{:?}",
        tests::event::kinds(&said)
    );

    let mut stream = client.stranger("").await;
    stream.send(&json!({"op": "ping"})).await;
    assert_eq!(
        stream.ending().await.1,
        4401,
        "nothing but a token comes first"
    );
}

#[tokio::test]
async fn a_silent_stranger_is_not_waited_for() {
    let gateway = tests::Gateway::start(&Setup::new().token("reader", &["events:read"], "")).await;
    let mut stream = gateway.client().stranger("").await;
    // Ten seconds by contract.
    let (said, code) = wait::within("the end of a stream without a token", stream.ending()).await;
    assert_eq!(code, 4401);
    assert!(said.iter().all(|event| event.kind() == "stream.closing"));
}
