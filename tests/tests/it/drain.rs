//! A gateway that is told to stop says so first.

use tests::{Client, Setup, wait};

use crate::support::{calls, pair, record_of};

#[tokio::test]
async fn sigterm_closes_streams_with_a_code_that_invites_back() {
    let (pbx, mut gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 1).await;
    let (mut stream, mut sse) = (client.stream("").await, client.sse("").await);
    stream.skip_to("stream.live").await;
    gateway.process().signal("TERM");
    let (said, code) = stream.ending().await;
    assert_eq!(code, 4501);
    let closing = said.last().expect("a last word");
    assert_eq!(closing.kind(), "stream.closing");
    assert_eq!(
        (&closing.data()["code"], &closing.data()["retryable"]),
        (&4501.into(), &true.into())
    );
    assert!(!closing.data()["reason"].as_str().unwrap().is_empty());
    let mut last = None;
    while let Some(frame) = sse.next().await {
        if !frame.data.is_empty() {
            last = Some(tests::Event::read(&frame.data));
        }
    }
    let closing = last.expect("a last word");
    assert_eq!(
        (closing.kind(), &closing.data()["code"]),
        ("stream.closing", &4501.into())
    );
    let status = gateway.process().ended().await;
    assert_eq!(status.code(), Some(0), "{}", gateway.process().stderr());
}

#[tokio::test]
async fn everything_taken_in_before_the_end_is_kept() {
    let (pbx, mut gateway) = pair().await;
    let client = gateway.client();
    calls(&pbx, &client, 3).await;
    let before = client.history("").await;
    let started = std::time::SystemTime::now();
    assert_eq!(gateway.terminate().await.code(), Some(0));
    assert!(started.elapsed().unwrap() < wait::PATIENCE);
    gateway.start_again().await;
    let mut stream = client
        .stream(&format!("after={}", before.last().unwrap().id()))
        .await;
    stream.skip_to("source.synced").await;
    let call = pbx.tenant().internal("101", "102");
    pbx.say_all(&call.answered()).await;
    stream.events_until(record_of(&call.session())).await;
    let after = client.history("").await;
    assert!(after[..before.len()] == before);
}

#[tokio::test]
async fn a_client_that_does_not_listen_does_not_hold_up_the_end() {
    let (_pbx, mut gateway) = pair().await;
    let client: Client = gateway.client();
    // Neither reads nor answers the close.
    let _deaf = client.stream("").await;
    let _idle = tokio::net::TcpStream::connect(gateway.address())
        .await
        .unwrap();
    assert_eq!(gateway.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn readiness_follows_required_sources() {
    let pbx = tests::Pbx::start().await;
    pbx.behave(tests::pbx::Manners::SlamTheDoor);
    let setup = Setup::new().source("hq", &pbx, "required = true");
    let gateway = tests::Gateway::start(&setup).await;
    let client = gateway.client();
    assert_eq!(client.get("/readyz").await.status, 503);
    pbx.behave(tests::pbx::Manners::Welcome);
    wait::until("the required source is there", || async {
        (client.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    assert!(
        client.get("/readyz").await.text().contains("hq"),
        "health of each source"
    );
    pbx.behave(tests::pbx::Manners::SlamTheDoor);
    pbx.hang_up().await;
    wait::until("the required source is gone", || async {
        (client.get("/readyz").await.status == 503).then_some(())
    })
    .await;
    assert_eq!(client.get("/livez").await.status, 200);
}
