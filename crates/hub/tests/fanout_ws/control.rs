//! What clients say, and what the server makes of it.

use std::time::Duration;

use futures_util::SinkExt;
use hub::{
    fanout::{Command, Opening, Options},
    stream::Closing,
};
use model::{EventType, Position, Timestamp};
use serde_json::value::RawValue;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use crate::rig::{Asked, Client, Rig, answer, event, everything};

#[tokio::test]
async fn a_client_may_authenticate_by_its_first_frame() {
    let mut rig = Rig::new(&Options::default());
    let within = Duration::from_secs(10);
    let mut client = rig.open(Opening::AwaitToken { within }, b"").await;
    client.send(r#"{"op":"token","token":"secret"}"#).await;
    let token = r#"{"op":"token","token":"secret"}"#.to_owned();
    assert_eq!(rig.asked().await, Asked::Text(client.id, token));
    answer(&rig, &client, Command::Subscribe(Box::new(everything())));
    client.told("stream.opened").await;
    client.told("stream.live").await;
    rig.publish(&[event(EventType::CallStarted, "101", 10)]);
    assert_eq!(client.positions(1).await, [Position(1)]);
}

#[tokio::test]
async fn what_was_read_beyond_the_handshake_is_heard() {
    let mut rig = Rig::new(&Options::default());
    let within = Duration::from_secs(10);
    // `{}`, masked with zeros.
    let client = rig
        .open(Opening::AwaitToken { within }, b"\x81\x82\0\0\0\0{}")
        .await;
    assert_eq!(rig.asked().await, Asked::Text(client.id, "{}".into()));
}

#[tokio::test]
async fn one_frame_is_asked_about_at_a_time() {
    let mut rig = Rig::new(&Options::default());
    let mut client = opened(&rig).await;
    for text in ["one", "two", "three"] {
        client.send(text).await;
    }
    assert_eq!(rig.asked().await, Asked::Text(client.id, "one".into()));
    let problem = RawValue::from_string(r#"{"title":"no"}"#.into()).unwrap();
    answer(&rig, &client, Command::Error(problem));
    assert_eq!(client.told("stream.error").await["title"], "no");
    assert_eq!(rig.asked().await, Asked::Text(client.id, "two".into()));
    rig.publish(&[event(EventType::CallStarted, "101", 10)]);
    assert_eq!(
        client.positions(1).await,
        [Position(1)],
        "the stream goes on meanwhile"
    );
    answer(&rig, &client, Command::Bookmark);
    assert_eq!(
        client.told("stream.bookmark").await["cursor"],
        rig.tail.cursor(Position(1)).to_string()
    );
    assert_eq!(rig.asked().await, Asked::Text(client.id, "three".into()));
    answer(&rig, &client, Command::Done);
}

#[tokio::test]
async fn the_end_of_a_token_is_told() {
    let rig = Rig::new(&Options::default());
    let mut client = opened(&rig).await;
    let at = Timestamp::from_secs(1_700_000_000);
    answer(&rig, &client, Command::Expiring { at });
    assert_eq!(
        client.told("stream.expiring").await["at"],
        "2023-11-14T22:13:20Z"
    );
    answer(
        &rig,
        &client,
        Command::Close(Closing::new(4502, "token ended")),
    );
    let closing = client.told("stream.closing").await;
    assert_eq!(
        closing,
        serde_json::json!({"code": 4502, "reason": "token ended", "retryable": true})
    );
    let frame = client.closed().await;
    assert_eq!(
        (u16::from(frame.code), &*frame.reason),
        (4502, "token ended")
    );
}

#[tokio::test]
async fn pings_are_answered() {
    let rig = Rig::new(&Options::default());
    let mut client = opened(&rig).await;
    client.socket.send(Message::Ping("?".into())).await.unwrap();
    assert_eq!(client.message().await, Message::Pong("?".into()));
}

#[tokio::test]
async fn the_heartbeat_pings_and_tells_how_far_it_is() {
    let heartbeat = Duration::from_millis(300);
    let rig = Rig::new(&Options {
        heartbeat,
        ..Options::default()
    });
    let mut client = opened(&rig).await;
    assert_eq!(client.message().await, Message::Ping("".into()));
    assert_eq!(
        client.told("stream.bookmark").await["cursor"],
        rig.tail.cursor(Position(0)).to_string()
    );
}

#[tokio::test]
async fn what_the_protocol_forbids_ends_the_connection_with_its_code() {
    let mut rig = Rig::new(&Options::default());
    let long = "x".repeat(65 * 1024);
    let cases: [(u16, Vec<u8>); 3] = [
        (1002, b"\x81\x02{}".to_vec()),
        (1003, b"\x82\x82\0\0\0\0{}".to_vec()),
        (
            1009,
            [b"\x81\xff\0\0\0\0\0\x01\x04\0\0\0\0\0", long.as_bytes()].concat(),
        ),
    ];
    for (code, bytes) in cases {
        let mut client = opened(&rig).await;
        client.socket.get_mut().write_all(&bytes).await.unwrap();
        assert_eq!(u16::from(client.closed().await.code), code);
        drop(client.socket);
        assert_eq!(rig.asked().await, Asked::Closed(client.id));
    }
    assert_eq!(rig.fanout.counters().violations, 3);
}

async fn opened(rig: &Rig) -> Client {
    let mut client = rig.connect(everything()).await;
    client.told("stream.opened").await;
    client.told("stream.live").await;
    client
}
