//! A busy service: what an official Socket.IO server tells arrives whole and in order, through link, map, log and stream.
//!
//! `MANY_RATE=50000 MANY_SECONDS=10 cargo test --release --workspace --all-features --test it many -- --nocapture` has the
//! server keep a pace instead of saying all at once, and prints the one that was reached.

use std::{env, path::Path, process::Stdio, time::Instant};

use serde_json::{Value, json};
use tests::{Gateway, Setup, wait, ws::Frame};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// Events told at once when nobody says otherwise, and how often.
const BURST: u64 = 8_000;
const BURSTS: u64 = 3;

#[tokio::test]
async fn many_events_arrive_in_order() {
    let mut service = Service::start().await;
    let setup = Setup::new().sources(&format!(
        r#"
[sources.cph]
adapter = "telecomx"
url = "http://127.0.0.1:{}"
token = "viewer-token"
customer = "c1"
channels = ["PBX"]
snapshot = false
"#,
        service.port
    ));
    let gateway = Gateway::start(&setup).await;
    let client = gateway.client();
    let query = "types=user.*,source.*&payload=false&after=earliest";
    let mut stream = client.stream(query).await;
    service.hear("subscribe").await;

    let mut next = 0;
    match paced() {
        None => {
            for _ in 0..BURSTS {
                let told = json!({"burst": BURST, "from": next});
                service.tell(&told).await;
                listen(&mut stream, &mut next, BURST).await;
            }
        }
        Some((rate, seconds)) => {
            let (begun, count) = (Instant::now(), rate * seconds);
            let told = json!({"pace": rate, "count": count});
            service.tell(&told).await;
            listen(&mut stream, &mut next, count).await;
            let (took, said) = (begun.elapsed().as_secs_f64(), service.hear("paced").await);
            println!("{count} events in order: said in {said} ms, all heard after {took:.2} s");
        }
    }
    let source = client.json("/v1/sources/cph").await;
    assert_eq!(source["state"], "synced", "{source}");
    let gaps = client.history("types=source.gap,source.disconnected").await;
    assert!(gaps.is_empty(), "{}", gaps[0].text());
}

/// Hears so many more events, each the successor of the one before.
async fn listen(stream: &mut tests::ws::Stream, next: &mut u64, count: u64) {
    let end = *next + count;
    while *next < end {
        let Frame::Event(event) = stream.next().await else {
            panic!("the stream ended after {next} events");
        };
        let note = event.data()["user"]["presence"]["note"].as_str();
        let Some(note) = note.filter(|_| event.kind().starts_with("user.")) else {
            continue;
        };
        assert_eq!(note, next.to_string(), "{}", event.text());
        *next += 1;
        assert_eq!(event.version(), *next, "{}", event.text());
    }
}

/// Events a second, and for how many seconds.
fn paced() -> Option<(u64, u64)> {
    let told = |name: &str| env::var(name).ok().map(|told| told.parse::<u64>().unwrap());
    Some((told("MANY_RATE")?, told("MANY_SECONDS").unwrap_or(10)))
}

/// A lookalike of the service, on the official Socket.IO server of version 4.
struct Service {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    port: u64,
}

impl Service {
    async fn start() -> Self {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/telecomx/tests/interop");
        assert!(
            folder.join("node_modules").is_dir(),
            "the official Socket.IO packages are missing: run tests/run, or `npm ci` in {}",
            folder.display()
        );
        let mut child = Command::new("node")
            .args(["server.js", "4"])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node: install Node 18 or later");
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut service = Self {
            _child: child,
            input,
            output: BufReader::new(output).lines(),
            port: 0,
        };
        service.port = service.hear("port").await.as_u64().unwrap();
        service
    }

    /// What it says next under this key.
    async fn hear(&mut self, key: &str) -> Value {
        loop {
            let line = wait::within(key, self.output.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("node ended before it said {key}"));
            let mut said: Value = serde_json::from_str(&line).unwrap();
            if let Some(said) = said.get_mut(key) {
                return said.take();
            }
        }
    }

    async fn tell(&mut self, what: &Value) {
        let line = format!("{what}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
    }
}
