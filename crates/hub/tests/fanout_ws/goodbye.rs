//! How connections end.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hub::{
    fanout::{AdoptError, Opening, Options, Socket},
    stream::Closing,
};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use crate::rig::{Asked, PATIENCE, Rig, everything, shake_hands};

#[tokio::test]
async fn draining_says_goodbye_to_all_and_waits_for_them() {
    let mut rig = Rig::new(&Options {
        shards: 2,
        ..Options::default()
    });
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut client = rig.connect(everything()).await;
        client.told("stream.opened").await;
        client.told("stream.live").await;
        clients.push(client);
    }
    let drained = tokio::spawn({
        let fanout = rig.fanout.clone();
        async move { fanout.drain(Closing::shutting_down(), PATIENCE).await }
    });
    for client in &mut clients {
        let closing = client.told("stream.closing").await;
        assert_eq!(
            (closing["code"].as_u64(), closing["retryable"].as_bool()),
            (Some(4501), Some(true))
        );
        assert_eq!(u16::from(client.closed().await.code), 4501);
        assert!(
            client.socket.next().await.is_none(),
            "the answer to the goodbye ends the connection"
        );
    }
    drained.await.unwrap();
    assert_eq!(rig.fanout.counters().connections, 0);
    for _ in 0..10 {
        assert!(matches!(rig.asked().await, Asked::Closed(_)));
    }
    let (_client, server) = shake_hands().await;
    let opening = Opening::Stream(Box::new(everything()));
    let refused = rig.fanout.adopt(
        rig.fanout.next_id(),
        Socket::Plain(server),
        Bytes::new(),
        opening,
    );
    assert!(matches!(refused, Err(AdoptError::Stopped)), "{refused:?}");
}

#[tokio::test]
async fn draining_does_not_wait_for_those_that_do_not_answer() {
    let rig = Rig::new(&Options::default());
    let mut client = rig.connect(everything()).await;
    client.told("stream.opened").await;
    rig.fanout
        .drain(Closing::shutting_down(), Duration::from_millis(50))
        .await;
    assert_eq!(rig.fanout.counters().connections, 0);
}

#[tokio::test]
async fn a_client_that_says_goodbye_is_answered_and_forgotten() {
    let mut rig = Rig::new(&Options::default());
    let mut client = rig.connect(everything()).await;
    client.told("stream.opened").await;
    client.told("stream.live").await;
    let frame = CloseFrame {
        code: 1000.into(),
        reason: "bye".into(),
    };
    client
        .socket
        .send(Message::Close(Some(frame)))
        .await
        .unwrap();
    assert_eq!(u16::from(client.closed().await.code), 1000);
    assert!(client.socket.next().await.is_none());
    assert_eq!(rig.asked().await, Asked::Closed(client.id));
}

#[tokio::test]
async fn a_client_that_is_refused_is_told_why() {
    let mut rig = Rig::new(&Options::default());
    let closing = Closing::new(4403, "not from here");
    let mut client = rig.open(Opening::Refuse(closing), b"").await;
    let told = client.told("stream.closing").await;
    assert_eq!(
        told,
        serde_json::json!({"code": 4403, "reason": "not from here", "retryable": false})
    );
    assert_eq!(u16::from(client.closed().await.code), 4403);
    assert!(client.socket.next().await.is_none());
    assert_eq!(rig.asked().await, Asked::Closed(client.id));
}

#[tokio::test]
async fn a_token_that_does_not_come_ends_the_wait() {
    let rig = Rig::new(&Options::default());
    let within = Duration::from_millis(20);
    let mut client = rig.open(Opening::AwaitToken { within }, b"").await;
    assert_eq!(u16::from(client.closed().await.code), 4401);
}

#[tokio::test]
async fn a_client_that_vanishes_is_forgotten() {
    let mut rig = Rig::new(&Options::default());
    let client = rig.connect(everything()).await;
    drop(client.socket);
    assert_eq!(rig.asked().await, Asked::Closed(client.id));
}

#[tokio::test]
async fn there_are_no_more_streams_than_there_may_be() {
    let mut rig = Rig::new(&Options {
        streams: 1,
        ..Options::default()
    });
    let first = rig.connect(everything()).await;
    let adopt = |server| {
        let opening = Opening::Stream(Box::new(everything()));
        rig.fanout.adopt(
            rig.fanout.next_id(),
            Socket::Plain(server),
            Bytes::new(),
            opening,
        )
    };
    let refused = adopt(shake_hands().await.1);
    assert!(matches!(refused, Err(AdoptError::Full(1))), "{refused:?}");
    drop(first.socket);
    assert_eq!(rig.asked().await, Asked::Closed(first.id));
    let (_client, server) = shake_hands().await;
    let opening = Opening::Stream(Box::new(everything()));
    rig.fanout
        .adopt(
            rig.fanout.next_id(),
            Socket::Plain(server),
            Bytes::new(),
            opening,
        )
        .unwrap();
}
