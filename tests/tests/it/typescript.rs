//! The TypeScript client in Node and in a browser, through the death of a gateway.

use std::{path::PathBuf, process::Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tests::{Gateway, Pbx, Setup, binary::workspace, gateway::free_port, peers, wait};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::support::record_of;

#[test]
fn its_types_are_those_of_the_document() {
    let mut check = peers::node();
    check
        .arg(client().join("scripts/generate.mjs"))
        .arg("--check");
    let output = check.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn its_store_knows_what_a_snapshot_told() {
    let dist = built();
    let mut node = peers::node();
    node.env("DIST", dist.path())
        .arg("--test")
        .arg(client().join("test/store.mjs"));
    let output = node.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[tokio::test]
async fn in_node_it_goes_on_after_a_gateway_was_killed() {
    let pbx = Pbx::start().await;
    let mut gateway = Gateway::start(&Setup::with(&pbx)).await;
    let dist = built();
    let mut node = Command::from(peers::node());
    node.arg(client().join("test/follow.mjs"))
        .arg(dist.path())
        .arg(format!("http://{}", gateway.address()));
    goes_on(node, &pbx, &mut gateway).await;
}

#[tokio::test]
async fn in_a_browser_it_goes_on_without_a_reload() {
    let pbx = Pbx::start().await;
    let port = free_port();
    let setup =
        Setup::with(&pbx).server(&format!("allowed_origins = [\"http://127.0.0.1:{port}\"]"));
    let mut gateway = Gateway::start(&setup).await;
    let dist = built();
    let mut node = Command::from(peers::node());
    node.arg(client().join("test/browser.mjs"))
        .arg(dist.path())
        .arg(format!("http://{}", gateway.address()))
        .arg(port.to_string());
    goes_on(node, &pbx, &mut gateway).await;
}

#[tokio::test]
async fn who_is_refused_for_good_does_not_come_back() {
    let gateway =
        Gateway::start(&Setup::new().token("reader", &["events:read", "state:read"], "")).await;
    let dist = built();
    let mut node = Command::from(peers::node());
    node.env("TOKEN", "a guess")
        .arg(client().join("test/follow.mjs"))
        .arg(dist.path())
        .arg(format!("http://{}", gateway.address()));
    let mut told = Told::of(node);
    told.until("its refusal", |line| line["refused"] == 4401)
        .await;
    let status = wait::within("its end", told.child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(3));
}

/// A call before, the gateway killed, a call after: the client tells every event once, in order.
async fn goes_on(follower: Command, pbx: &Pbx, gateway: &mut Gateway) {
    let mut told = Told::of(follower);
    told.until("live", |line| line["live"].is_string()).await;
    let first = pbx.tenant().internal("101", "102");
    pbx.say_all(&first.answered()).await;
    told.until("the end of the first call", |line| {
        line["type"] == "call.ended"
    })
    .await;
    gateway.kill();
    told.until("the loss", |line| line["status"] == "waiting")
        .await;
    gateway.start_again().await;
    told.until("live again", |line| line["live"].is_string())
        .await;
    let mut stream = gateway.client().stream("").await;
    let second = pbx.tenant().internal("102", "101");
    pbx.say_all(&second.answered()).await;
    stream.events_until(record_of(&second.session())).await;
    let last = told
        .until("the end of the second call", |line| {
            line["type"] == "call.ended"
        })
        .await;
    assert_eq!(last["open"], 0, "the store forgets calls that ended");

    let history = gateway.client().history("types=call.*").await;
    let expected: Vec<String> = history.iter().map(|event| event.id().to_string()).collect();
    let calls = told.lines.iter().filter(|line| {
        let kind = line["type"].as_str();
        kind.is_some_and(|kind| kind.starts_with("call."))
    });
    let heard: Vec<String> = calls
        .map(|line| line["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(heard, expected[..heard.len()]);
    assert!(
        !told.lines.iter().any(|line| !line["failed"].is_null()),
        "{:?}",
        told.lines
    );
}

/// What a follower says, line by line.
struct Told {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    lines: Vec<Value>,
}

impl Told {
    fn of(mut follower: Command) -> Self {
        let mut child = follower
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            output,
            lines: Vec::new(),
        }
    }

    async fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                let line = self.output.next_line().await.unwrap();
                let line =
                    line.unwrap_or_else(|| panic!("{what}: the follower ended: {:?}", self.lines));
                let line: Value = serde_json::from_str(&line).unwrap_or_default();
                self.lines.push(line.clone());
                if wanted(&line) {
                    return line;
                }
            }
        };
        wait::within(what, found).await
    }
}

/// The client, compiled.
fn built() -> TempDir {
    let dist = tempfile::tempdir().unwrap();
    let mut compiler = peers::node();
    let packages = compiler
        .get_envs()
        .find_map(|(name, value)| (name == "PEERS").then(|| PathBuf::from(value.unwrap())));
    compiler
        .arg(packages.unwrap().join("typescript/bin/tsc"))
        .arg("-p")
        .arg(client())
        .arg("--outDir")
        .arg(dist.path());
    let output = compiler.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    dist
}

fn client() -> PathBuf {
    workspace().join("clients/typescript")
}
