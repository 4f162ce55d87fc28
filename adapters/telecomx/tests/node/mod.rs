//! A Node process with an official server or client of Socket.IO in it.

use std::{path::Path, process::Stdio};

use serde_json::Value;
use testkit::must;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

pub(crate) struct Node {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// What it said and nobody asked for yet.
    unheard: Vec<Value>,
    port: u64,
}

impl Node {
    /// A server of that major version.
    pub(crate) async fn server(version: &str, options: &Value) -> Self {
        let mut node = Self::start(&["server.js", version, &options.to_string()]);
        node.port = node.hear("port").await.as_u64().unwrap();
        node
    }

    /// A client of that major version.
    pub(crate) async fn client(version: &str, url: &str, token: &str, customer: &str) -> Self {
        let mut node = Self::start(&["client.js", version, url, token, customer]);
        node.hear("connect").await;
        node
    }

    fn start(args: &[&str]) -> Self {
        // This file serves two packages.
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folder = package.join("tests/interop");
        if !folder.is_dir() {
            folder = package.join("../interop");
        }
        assert!(
            folder.join("node_modules").is_dir(),
            "the official Socket.IO packages are missing: run tests/run, or `npm ci` in {}",
            folder.display()
        );
        let mut child = Command::new("node")
            .args(args)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("node is missing: install Node 18 or later: {error}"));
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self {
            child,
            input,
            output: BufReader::new(output).lines(),
            unheard: Vec::new(),
            port: 0,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Tells it to do something.
    pub(crate) async fn tell(&mut self, what: &Value) {
        self.input
            .write_all(format!("{what}\n").as_bytes())
            .await
            .unwrap();
    }

    /// Waits until it says something under this key.
    pub(crate) async fn hear(&mut self, key: &str) -> Value {
        self.wait(key, |said| said.get(key).is_some()).await[key].take()
    }

    /// Waits until a client hears an event, and yields its arguments.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        self.wait(name, |said| said["event"] == name).await["args"].take()
    }

    async fn wait(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.unheard.iter().position(&fits) {
            return self.unheard.remove(index);
        }
        loop {
            let line = must(what, self.output.next_line()).await.unwrap();
            let line = line
                .unwrap_or_else(|| panic!("node ended before it said {what}: {:?}", self.unheard));
            let said: Value = serde_json::from_str(&line).unwrap();
            if fits(&said) {
                return said;
            }
            self.unheard.push(said);
        }
    }

    /// Ends it without a word.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Stops it where it is, with its sockets open.
    pub(crate) async fn freeze(&self) {
        let id = self.child.id().unwrap().to_string();
        let stopped = Command::new("kill")
            .args(["-STOP", &id])
            .status()
            .await
            .unwrap();
        assert!(stopped.success());
    }
}
