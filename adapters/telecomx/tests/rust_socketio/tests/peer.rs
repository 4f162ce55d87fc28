//! `rust_socketio` as a client of the simulator, and what keeps it out of the product: see
//! `docs/adr` on the Socket.IO client. A test of the second kind that fails says that a reason is gone.

#[path = "../../node/mod.rs"]
#[allow(dead_code)]
mod node;
#[path = "../../still/mod.rs"]
#[allow(dead_code)]
mod still;

use std::{
    panic,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

use futures_util::FutureExt as _;
use rust_socketio::{
    Event, Payload, TransportType,
    asynchronous::{Client, ClientBuilder},
};
use serde_json::{Value, json};
use telecomx::sim::{Lever, Profile, Sim};
use testkit::must;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::{
    node::Node,
    still::{Still, told},
};

type Heard = (Event, Vec<Value>);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_hears_the_simulator() {
    let sim = brisk().await;
    let (_client, mut heard) = connect(sim.url(), TransportType::Websocket).await.unwrap();
    sim.until(|counts| counts.subscriptions == 1).await;
    for n in 0..2_000 {
        sim.tell(told(n)).await;
    }
    for n in 0..2_000 {
        let event = next(&mut heard, |event| *event == Event::Custom("PBX".to_owned())).await;
        assert_eq!(event[0]["n"], n);
    }
    let beats = sim.counts().heartbeats;
    sim.until(|counts| counts.heartbeats >= beats + 5).await;
    assert_eq!(sim.counts().connections, 1);
}

/// The login of Telecom X is answered with an event that has no argument.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_takes_an_event_without_arguments_for_a_message() {
    let sim = brisk().await;
    let server = Node::server("4", &json!({})).await;
    for url in [sim.url().to_owned(), server.url()] {
        let (_client, mut heard) = connect(&url, TransportType::Websocket).await.unwrap();
        let message = next(&mut heard, |event| {
            assert_ne!(*event, Event::Custom("authenticated".to_owned()), "the reason is gone");
            *event == Event::Message
        })
        .await;
        assert_eq!(message, [json!("authenticated")]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_cannot_speak_to_socket_io_2() {
    let server = Node::server("2", &json!({})).await;
    let error = connect(&server.url(), TransportType::Any).await.err();
    let error = format!("{:?}", error.expect("the reason is gone"));
    assert!(error.contains("InvalidPacketId"), "{error}");
}

/// Events in between are lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_gives_up_the_connection_for_one_bad_frame() {
    let sim = brisk().await;
    let (_client, _heard) = connect(sim.url(), TransportType::Websocket).await.unwrap();
    sim.until(|counts| counts.subscriptions == 1).await;
    sim.send(r#"49["x"]"#).await;
    must("another connection", sim.until(|counts| counts.connections == 2)).await;
}

/// Its task dies of it, and the client looks alive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_panics_when_an_attachment_does_not_come() {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let theirs = info.location().is_some_and(|at| at.file().contains("rust_socketio"));
        PANICKED.fetch_or(theirs, SeqCst);
        before(info);
    }));
    let sim = brisk().await;
    let (_client, _heard) = connect(sim.url(), TransportType::Websocket).await.unwrap();
    sim.until(|counts| counts.subscriptions == 1).await;
    sim.send(r#"451-["AUDIO",{"_placeholder":true,"num":0}]"#).await;
    sim.pull(Lever::Close);
    sim.until(|counts| counts.open == 0).await;
    must("the panic", async {
        while !PANICKED.load(SeqCst) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn brisk() -> Sim<Still> {
    let profile = Profile {
        ping_interval_ms: 200,
        ping_timeout_ms: 5_000,
        ..Profile::default()
    };
    Sim::start(profile.quiet(), Still::default()).await.unwrap()
}

/// A client that authenticates whenever it connects, and subscribes at once, since it cannot hear that it may.
async fn connect(
    url: &str,
    transport: TransportType,
) -> Result<(Client, UnboundedReceiver<Heard>), rust_socketio::Error> {
    let (tell, heard) = unbounded_channel();
    let client = ClientBuilder::new(url)
        .transport_type(transport)
        .reconnect_delay(20, 100)
        .on("open", |_, client: Client| {
            async move {
                let who = json!({"token": "viewer-token", "client": "rust_socketio"});
                client.emit("authenticate", who).await.expect("emit");
                let customer = Profile::default().customer;
                let what = json!({"type": "PBX", "customer": customer});
                client.emit("subscribe", what).await.expect("emit");
            }
            .boxed()
        })
        .on_any(move |event, payload, _| {
            let values = match payload {
                Payload::Text(values) => values,
                _ => Vec::new(),
            };
            // Nobody listens any more when the test is over.
            let _ = tell.send((event, values));
            async {}.boxed()
        })
        .connect()
        .await?;
    Ok((client, heard))
}

async fn next(heard: &mut UnboundedReceiver<Heard>, mut fits: impl FnMut(&Event) -> bool) -> Vec<Value> {
    loop {
        let (event, values) = must("an event", heard.recv()).await.expect("the client lives");
        if fits(&event) {
            return values;
        }
    }
}
