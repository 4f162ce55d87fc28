//! The receivers of the guide, with the libraries of Standard Webhooks, get real deliveries. `tests/run` installs the first two.

use std::{path::PathBuf, process::Stdio};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{client::PATIENCE, world::World};

#[tokio::test]
async fn the_receiver_in_javascript_believes_us() {
    // Modules are looked for beside the program, so it is put beside them.
    let peer = peer("node");
    let program = peer.join("receiver.mjs");
    std::fs::copy(guide("receiver.mjs"), &program).unwrap();
    let mut command = Command::new("node");
    command.arg(program).arg("0");
    believes(command).await;
}

#[tokio::test]
async fn the_receiver_in_python_believes_us() {
    let mut command = Command::new(peer("python").join("bin/python"));
    command.arg(guide("receiver.py")).arg("0");
    believes(command).await;
}

#[tokio::test]
async fn the_receiver_in_rust_believes_us() {
    // Examples lie beside the folder of the tests. A test run of the whole workspace builds them.
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/receiver");
    let mut command = Command::new(program);
    command.arg("0");
    believes(command).await;
}

/// Whether a receiver takes what is signed with its secret, and nothing else.
async fn believes(mut command: Command) {
    let mut world = World::start().await;
    // The secret is only known once there is a webhook, and the port once there is a receiver.
    let body = json!({"url": "http://127.0.0.1:9/hook", "types": ["call.started"]});
    let made = world.ask("hooks", "POST", "", &body).await.json();
    let (id, secret) = (
        made["id"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    );
    let (_receiver, mut lines, port) = start(command.env("WEBHOOK_SECRET", secret)).await;
    let url = format!("http://127.0.0.1:{port}/hook");
    let moved = world
        .ask("hooks", "PATCH", &format!("/{id}"), &json!({"url": url}))
        .await;
    assert_eq!(moved.status, 200);
    world.pbx.say("call c2 t-acme").await;
    let line = timeout(PATIENCE, lines.next_line())
        .await
        .expect("an event")
        .unwrap()
        .unwrap();
    assert!(line.ends_with(" call.started calls/pbx:c2"), "{line}");

    // The same event in another's name.
    let other = world
        .ask(
            "hooks",
            "POST",
            "",
            &json!({"url": url, "types": ["call.started"]}),
        )
        .await
        .json();
    let other = other["id"].as_str().unwrap();
    let told = world
        .ask(
            "hooks",
            "POST",
            &format!("/{other}/test"),
            &serde_json::Value::Null,
        )
        .await
        .json();
    assert_eq!(
        (&told["delivered"], &told["status"]),
        (&json!(false), &json!(401)),
        "{told}"
    );
    world.running.stop().await;
}

async fn start(command: &mut Command) -> (Child, Lines<BufReader<ChildStdout>>, u16) {
    let started = command.stdout(Stdio::piped()).kill_on_drop(true).spawn();
    let mut child =
        started.expect("the receiver starts: run tests/run once, which installs or builds it");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = timeout(PATIENCE, lines.next_line())
        .await
        .expect("the receiver listens")
        .unwrap();
    let line =
        line.expect("the receiver goes on: run tests/run once, which installs what it needs");
    let port = line
        .strip_prefix("listening ")
        .and_then(|port| port.parse().ok());
    (
        child,
        lines,
        port.unwrap_or_else(|| panic!("no port in `{line}`")),
    )
}

/// Where `tests/run` puts the libraries of a language.
fn peer(name: &str) -> PathBuf {
    let peer = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/peers")
        .join(name);
    assert!(
        peer.is_dir(),
        "{} is missing: run tests/run once, which installs it",
        peer.display()
    );
    peer
}

fn guide(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/receivers")
        .join(name)
}
