//! Frames that are followed through all stages, as a collector of OpenTelemetry sees them.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};
use tests::{Client, Gateway, Pbx, Setup, peers, wait};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{calls, synced};

/// A collector that reads what it gets with the messages of OpenTelemetry.
struct Collector {
    process: Child,
    port: u16,
    spans: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    fn start() -> Self {
        let mut process = peers::python("python")
            .arg(peers::script("otlp.py"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let spans: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&spans);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let span = serde_json::from_str(&line).unwrap();
                kept.lock().unwrap().push(span);
            }
        });
        Self {
            process,
            port,
            spans,
        }
    }

    fn setup(&self, pbx: &Pbx) -> Setup {
        Setup::with(pbx).table(&format!(
            "[telemetry]\notlp = \"http://127.0.0.1:{}\"\n[webhooks]\nallow_http = true\nallow_networks = [\"127.0.0.0/8\"]",
            self.port
        ))
    }

    /// The spans of a trace, as soon as there are those of all stages.
    async fn trace(&self, id: &str, stages: &[&str]) -> Vec<Value> {
        wait::until(format!("the collector has {stages:?}"), async || {
            let spans = self.spans.lock().unwrap();
            let trace: Vec<_> = spans.iter().filter(|span| span["trace"] == id).collect();
            let all = stages
                .iter()
                .all(|stage| trace.iter().any(|span| span["name"] == **stage));
            all.then(|| trace.into_iter().cloned().collect())
        })
        .await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A receiver that takes one delivery; its head, as text.
async fn delivery(listener: TcpListener) -> String {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut part = [0; 4_096];
        let n = socket.read(&mut part).await.unwrap();
        assert_ne!(n, 0, "the sender is gone");
        request.extend_from_slice(&part[..n]);
    }
    socket
        .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
        .await
        .unwrap();
    String::from_utf8_lossy(&request).into_owned()
}

async fn hook(client: &Client, listener: &TcpListener) {
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let body = json!({"url": url, "types": ["call.started"]});
    let made = client.send("POST", "/v1/webhooks", Some(&body)).await;
    assert_eq!(made.status, 201, "{}", made.text());
}

#[tokio::test]
async fn a_frame_is_followed_from_the_link_to_the_stream_and_the_webhook() {
    let (collector, pbx) = (Collector::start(), Pbx::start().await);
    let gateway = Gateway::start(&collector.setup(&pbx)).await;
    let client = gateway.client();
    synced(&client, "hq").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    hook(&client, &listener).await;
    let delivered = tokio::spawn(delivery(listener));
    let mut streams = [
        client.stream("types=call.started").await,
        client.stream("types=call.started").await,
    ];
    calls(&pbx, &client, 1).await;

    let started = &client.history("types=call.started").await[0];
    for stream in &mut streams {
        assert_eq!(stream.event().await.id(), started.id());
    }
    let traceparent = started.word("traceparent");
    let [version, trace, whole, flags] = traceparent.split('-').collect::<Vec<_>>()[..] else {
        panic!("{traceparent}")
    };
    assert_eq!((version, flags), ("00", "01"));
    let stages = [
        "link", "decode", "fold", "commit", "publish", "send", "webhook",
    ];
    let spans = collector.trace(trace, &stages).await;
    let of = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
    assert_eq!(
        (&of("link")["span"], &of("link")["parent"]),
        (&json!(whole), &json!(""))
    );
    assert_eq!(of("link")["kind"], "SPAN_KIND_CONSUMER");
    assert_eq!(of("link")["attributes"]["switchhook.source"], "hq");
    assert_eq!(of("webhook")["kind"], "SPAN_KIND_CLIENT");
    assert_eq!(
        of("webhook")["attributes"]["http.response.status_code"],
        204
    );
    assert!(
        of("fold")["attributes"]["switchhook.events"]
            .as_u64()
            .unwrap()
            >= 1
    );
    for stage in &stages[1..] {
        assert_eq!(of(stage)["parent"], whole, "{stage}");
    }
    for span in &spans {
        assert!(span["begin"].as_u64() <= span["end"].as_u64(), "{span}");
        assert_eq!(span["resource"]["service.name"], "switchhook");
        assert_eq!(
            (&span["status"], &span["scope"]),
            (&json!("STATUS_CODE_UNSET"), &json!("switchhook"))
        );
    }
    assert_eq!(of("send")["kind"], "SPAN_KIND_PRODUCER");
    let sent = &of("send")["attributes"];
    assert_eq!(sent["switchhook.shard"], 0);
    assert!(sent["switchhook.deliveries"].as_u64() >= Some(2), "{sent}");
    assert_eq!(sent["switchhook.streams.behind"], Value::Null);
    assert!(of("publish")["begin"].as_u64() <= of("send")["begin"].as_u64());
    let order = ["link", "fold", "commit", "publish"].map(|stage| of(stage)["begin"].as_u64());
    assert!(order.is_sorted(), "{order:?}");

    // The receiver can go on from the attempt that it was sent with.
    let head = wait::within("the delivery", delivered).await.unwrap();
    let attempt = of("webhook")["span"].as_str().unwrap();
    let header = format!("traceparent: 00-{trace}-{attempt}-01\r\n");
    assert!(head.contains(&header), "{head}");
}

#[tokio::test]
async fn what_a_frame_told_shares_its_trace_and_other_frames_have_their_own() {
    let (collector, pbx) = (Collector::start(), Pbx::start().await);
    let gateway = Gateway::start(&collector.setup(&pbx)).await;
    let client = gateway.client();
    synced(&client, "hq").await;
    calls(&pbx, &client, 2).await;
    let events = client.history("types=call.*,leg.*,cdr.*").await;
    assert!(events.len() > 10);
    for one in &events {
        for other in &events {
            let frame = |event: &tests::Event| event.data()["origin"]["frame"].clone();
            let same = frame(one) == frame(other);
            assert_eq!(
                one["traceparent"] == other["traceparent"],
                same,
                "{}",
                other.text()
            );
        }
    }
}

#[tokio::test]
async fn without_a_collector_nothing_is_followed_and_one_that_is_gone_harms_nobody() {
    let pbx = Pbx::start().await;
    let gateway = Gateway::start(&Setup::with(&pbx)).await;
    synced(&gateway.client(), "hq").await;
    calls(&pbx, &gateway.client(), 1).await;
    for event in gateway.client().history("").await {
        assert!(event["traceparent"].is_null(), "{}", event.text());
    }
    drop(gateway);

    let mut collector = Collector::start();
    let mut gateway = Gateway::start(&collector.setup(&pbx)).await;
    collector.process.kill().unwrap();
    synced(&gateway.client(), "hq").await;
    calls(&pbx, &gateway.client(), 1).await;
    wait::until("the log says so", || {
        let said = gateway.process().stderr();
        async move { said.contains("the collector takes no traces").then_some(()) }
    })
    .await;
    assert!(gateway.terminate().await.success());
}
