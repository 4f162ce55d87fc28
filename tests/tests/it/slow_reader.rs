//! A client that stops reading: nobody else notices, and it misses nothing.

use std::fs;

use tests::{
    event::ids,
    ws::{Frame, Stream},
};

use crate::support::{calls, pair, record_of};

#[tokio::test]
async fn a_stalled_reader_falls_back_to_the_log_and_misses_nothing() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut slow = Stream::open_narrow(&client, "").await;
    slow.skip_to("stream.live").await;
    let mut live = client.stream("").await;
    let mut seen = Vec::new();
    let mut bytes = 0;
    // More than the system buffers for the stalled connection, and the 1 MiB that a live stream may lag.
    let enough = buffered_by_the_system() + (2 << 20);
    while bytes < enough {
        let call = pbx.tenant().internal("101", "102");
        pbx.say_all(&call.answered()).await;
        let events = live.events_until(record_of(&call.session())).await;
        bytes += events.iter().map(|event| event.text().len()).sum::<usize>();
        seen.extend(events);
    }
    let mut caught_up = Vec::new();
    let mut lives = 0;
    while caught_up.len() < seen.len() || lives == 0 {
        match slow.next().await {
            Frame::Event(event) if event.kind() == "stream.live" => lives += 1,
            Frame::Event(event) if event.is_about_stream() => {
                assert_eq!(event.kind(), "stream.bookmark");
            }
            Frame::Event(event) => caught_up.push(event),
            Frame::Closed(code, reason) => panic!(
                "closed with {code} {reason} after {} of {}",
                caught_up.len(),
                seen.len()
            ),
        }
    }
    assert_eq!(ids(&caught_up), ids(&seen), "in order, without a gap");
    assert_eq!(lives, 1, "live again, once");
    calls(&pbx, &client, 1).await;
    assert!(slow.event().await == live.event().await);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_closed_and_may_come_back() {
    let (pbx, gateway) = pair().await;
    let client = gateway.client();
    let mut slow = Stream::open_narrow(&client, "after=earliest").await;
    let first = slow.event().await;
    let mut live = client.stream(&format!("after={}", first.id())).await;
    let mut bytes = 0;
    let mut seen = vec![first.clone()];
    let enough = buffered_by_the_system() + (2 << 20);
    while bytes < enough {
        let call = pbx.tenant().internal("101", "102");
        pbx.say_all(&call.answered()).await;
        let events = live.events_until(record_of(&call.session())).await;
        bytes += events.iter().map(|event| event.text().len()).sum::<usize>();
        seen.extend(events);
    }
    // Half a minute by contract. Only after the gateway has forgotten it does the client read on.
    let gone = tests::wait::until("the stalled stream is closed", || async {
        (connections_to(gateway.address().port()) < 2).then_some(())
    });
    gone.await;
    let mut last = first.id().to_owned();
    loop {
        match slow.next().await {
            Frame::Event(event) if !event.is_about_stream() => last = event.id().to_owned(),
            Frame::Event(_) => {}
            Frame::Closed(code, _) => {
                assert!(code == 4500 || code == 1006, "{code}");
                break;
            }
        }
    }
    let rest = client.history(&format!("after={last}")).await;
    let at = seen.iter().position(|event| event.id() == last).unwrap();
    assert_eq!(
        ids(&rest),
        ids(&seen[at + 1..]),
        "with its last id nothing is lost"
    );
}

/// The most that the system keeps for a sender whose peer does not read.
fn buffered_by_the_system() -> usize {
    let limits = fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem").unwrap_or_default();
    limits
        .split_whitespace()
        .last()
        .and_then(|bytes| bytes.parse().ok())
        .unwrap_or(4 << 20)
}

/// Established connections that the gateway on a port still holds.
fn connections_to(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    let table = fs::read_to_string("/proc/net/tcp").expect("the connections of this machine");
    let local = format!(":{port:04X}");
    let ours = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        let (address, _peer, state) = (fields.next(), fields.next(), fields.next());
        address.is_some_and(|address| address.ends_with(&local)) && state == Some(ESTABLISHED)
    };
    table.lines().filter(ours).count()
}
