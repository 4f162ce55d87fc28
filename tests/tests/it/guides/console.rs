//! The console of a browser that has a page of the gateway open.

use std::{net::SocketAddr, process::Stdio};

use serde_json::json;
use tests::{peers, wait};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

pub(super) struct Console {
    _browser: Child,
    input: ChildStdin,
    shown: Lines<BufReader<ChildStdout>>,
}

impl Console {
    /// Opens `/docs`.
    pub(super) fn open(address: SocketAddr) -> Self {
        let mut node = Command::from(peers::node());
        let mut browser = node
            .arg(peers::script("console.mjs"))
            .arg(format!("http://{address}/docs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            input: browser.stdin.take().unwrap(),
            shown: BufReader::new(browser.stdout.take().unwrap()).lines(),
            _browser: browser,
        }
    }

    /// Pastes a snippet and waits until the console shows a word.
    pub(super) async fn paste(&mut self, place: &str, script: &str, says: &str) {
        let line = format!("{}\n", json!(script));
        self.input.write_all(line.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        let shown = wait::within(format!("{place} to show {says}"), async {
            while let Some(line) = self.shown.next_line().await.unwrap() {
                assert!(!line.starts_with("failed: "), "{place}: {line}");
                let found = line.contains(says);
                all.push(line);
                if found {
                    return true;
                }
            }
            false
        });
        assert!(shown.await, "{place}: the browser ended: {all:?}");
    }
}
