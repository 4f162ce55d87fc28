//! Chromium without a screen, led by way of Playwright.

use std::{path::PathBuf, process::Stdio};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{binary, peers, wait};

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    /// At the end of its input it closes Chromium and goes; it is not waited for.
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Browser {
    /// Starts one with a window of so many pixels.
    ///
    /// # Panics
    /// When Node, Playwright or Chromium is missing.
    pub async fn start(width: u32, height: u32) -> Self {
        let mut node = Command::from(peers::node());
        let mut child = node
            .arg(peers::script("browser.mjs"))
            .args([width.to_string(), height.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node");
        let mut browser = Self {
            input: child.stdin.take().expect("a pipe"),
            output: BufReader::new(child.stdout.take().expect("a pipe")).lines(),
            _child: child,
        };
        browser.answer("it starts").await;
        browser
    }

    /// Opens a page.
    pub async fn open(&mut self, url: &str) {
        self.tell(&json!({"do": "open", "url": url})).await;
    }

    /// Waits until an expression is true in the page; gives its value.
    pub async fn see(&mut self, expression: &str) -> Value {
        self.tell(&json!({"do": "see", "expression": expression}))
            .await
    }

    /// The value of an expression.
    pub async fn evaluate(&mut self, expression: &str) -> Value {
        self.tell(&json!({"do": "evaluate", "expression": expression}))
            .await
    }

    /// Clicks the first element of a selector.
    pub async fn click(&mut self, selector: &str) {
        self.tell(&json!({"do": "click", "selector": selector}))
            .await;
    }

    /// Writes into a field in place of what is there.
    pub async fn fill(&mut self, selector: &str, text: &str) {
        self.tell(&json!({"do": "fill", "selector": selector, "text": text}))
            .await;
    }

    /// Chooses one of a list.
    pub async fn choose(&mut self, selector: &str, text: &str) {
        self.tell(&json!({"do": "choose", "selector": selector, "text": text}))
            .await;
    }

    /// Presses a key.
    pub async fn press(&mut self, key: &str) {
        self.tell(&json!({"do": "press", "key": key})).await;
    }

    /// Moves the pointer out of the way.
    pub async fn rest(&mut self) {
        self.tell(&json!({"do": "rest"})).await;
    }

    /// Another size of the window.
    pub async fn resize(&mut self, width: u32, height: u32) {
        self.tell(&json!({"do": "resize", "width": width, "height": height}))
            .await;
    }

    /// Keeps a picture of the page below the build folder.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub async fn shot(&mut self, name: &str) {
        let folder = shots();
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        let path = folder.join(format!("{name}.png"));
        self.tell(&json!({"do": "shot", "path": path})).await;
    }

    /// What axe-core calls serious or worse.
    pub async fn barriers(&mut self) -> Vec<String> {
        texts(&self.tell(&json!({"do": "axe"})).await)
    }

    /// Seconds of a processor that the page's main thread has used so far.
    ///
    /// # Panics
    /// When the browser does not say.
    pub async fn effort(&mut self) -> f64 {
        self.tell(&json!({"do": "effort"}))
            .await
            .as_f64()
            .expect("seconds")
    }

    /// Errors and warnings on the console, and every address that the page asked for.
    pub async fn told(&mut self) -> (Vec<String>, Vec<String>) {
        let told = self.tell(&json!({"do": "told"})).await;
        (texts(&told["complaints"]), texts(&told["requests"]))
    }

    async fn tell(&mut self, wish: &Value) -> Value {
        let line = format!("{wish}\n");
        let written = self.input.write_all(line.as_bytes()).await;
        written.expect("the browser listens");
        self.answer(&wish.to_string()).await
    }

    async fn answer(&mut self, what: &str) -> Value {
        let line = wait::within(what, self.output.next_line()).await;
        let line = line.expect("a pipe").unwrap_or_default();
        let mut answer: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{what}: the browser says {line:?}: {error}"));
        assert!(answer.get("ok").is_some(), "{what}: {}", answer["failed"]);
        answer["ok"].take()
    }
}

/// Where pictures are kept.
#[must_use]
pub fn shots() -> PathBuf {
    binary::target().join("screenshots")
}

fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items
        .map(|item| item.as_str().unwrap_or_default().to_owned())
        .collect()
}
