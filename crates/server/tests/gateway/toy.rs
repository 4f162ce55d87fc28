//! A PBX of lines, played by the test, and its adapter.
//!
//! The PBX tells `call <key> <tenant>`, `end <key>`, `done <command>` and `refuse <command>`; it is told one JSON object
//! for each command.

use std::{sync::Arc, time::Duration};

use adapter::{
    Adapter, Capabilities, CommandSpec, Descriptor, Link, LinkError, LinkErrorKind, Order, Output,
    Refusal, Resume, Support, Tap, Target, Translator,
};
use async_trait::async_trait;
use bytes::Bytes;
use model::{
    Collection, EventType, Fact, LegState, Native, Now, Observation, Report, Text,
    observation::{CallPatch, CommandOutcome, LegFact, LegPatch},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use server::{adapters::Entry, config::Source};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

use super::client::PATIENCE;

pub(crate) const ENTRY: Entry = Entry {
    name: "toy",
    place: "toy",
    schemes: &["ws"],
    example: "ws://127.0.0.1:1",
    keys: &[],
    commands,
    check: |_| Vec::new(),
    build,
    bare: "",
    notation: adapter::recording::plain,
    simulate: |_| {
        Box::pin(async {
            Err(server::adapters::SimulateError::Dialect(
                "toy".into(),
                "none",
            ))
        })
    },
};

/// Ends a call.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the toy hands the parameters on as they are")]
struct Hangup {
    /// Why.
    cause: Option<String>,
}

/// Says something.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the toy hands the parameters on as they are")]
struct Say {
    /// What.
    text: String,
}

fn commands() -> Vec<CommandSpec> {
    let patience = Duration::from_secs(600);
    let soon = Duration::from_millis(200);
    vec![
        CommandSpec::new::<Hangup>("hangup", "Ends a call.", Target::Call, patience),
        CommandSpec::new::<Say>("say", "Says something.", Target::None, patience),
        CommandSpec::new::<Say>("hurry", "Says something soon.", Target::None, soon),
    ]
}

/// The adapter of a source that was configured with [`ENTRY`].
#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands in for a search that may fail"
)]
pub(crate) fn find(source: &Source) -> Option<Box<dyn Adapter>> {
    Some(build(source))
}

fn build(source: &Source) -> Box<dyn Adapter> {
    let address = source.url.as_str().trim_start_matches("ws://");
    Box::new(Toy {
        address: address.trim_end_matches('/').to_owned(),
        descriptor: Descriptor {
            adapter: "toy",
            mapping: "toy/1",
            capabilities: Capabilities::default().with(
                Support::Native,
                &[EventType::CallStarted, EventType::CallEnded],
            ),
            commands: commands(),
            tenant: Some("t-acme".into()),
            call_grace: Duration::from_secs(3),
            silence: Duration::from_secs(30),
        },
    })
}

struct Toy {
    address: String,
    descriptor: Descriptor,
}

#[async_trait]
impl Adapter for Toy {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn translator(&self, _: Resume) -> Box<dyn Translator> {
        Box::new(Words)
    }

    async fn connect(&self, _: Arc<dyn Tap>) -> Result<Box<dyn Link>, LinkError> {
        let lost = |error| LinkError::new(LinkErrorKind::Unreachable, "connect to the toy", error);
        let socket = TcpStream::connect(&self.address).await.map_err(lost)?;
        let (reader, writer) = socket.into_split();
        Ok(Box::new(Lines {
            reader: BufReader::new(reader),
            line: Vec::new(),
            writer,
        }))
    }
}

struct Lines {
    reader: BufReader<OwnedReadHalf>,
    line: Vec<u8>,
    writer: OwnedWriteHalf,
}

#[async_trait]
impl Link for Lines {
    fn dialect(&self) -> Option<Text> {
        None
    }

    fn reconciles(&self) -> Vec<Collection> {
        Vec::new()
    }

    async fn read(&mut self, frames: &mut Vec<Bytes>) -> Result<(), LinkError> {
        let read = self.reader.read_until(b'\n', &mut self.line).await;
        match read {
            Ok(n) if n > 0 && self.line.ends_with(b"\n") => {
                self.line.pop();
                frames.push(std::mem::take(&mut self.line).into());
                Ok(())
            }
            _ => Err(LinkError::new(LinkErrorKind::Transient, "read", "the end")),
        }
    }

    async fn send(&mut self, request: Bytes) -> Result<(), LinkError> {
        let lost = |error| LinkError::new(LinkErrorKind::Transient, "send", error);
        self.writer.write_all(&request).await.map_err(lost)?;
        self.writer.write_all(b"\n").await.map_err(lost)
    }

    async fn close(&mut self) {}
}

struct Words;

impl Translator for Words {
    fn connected(&mut self, _: Option<&str>, _: Now, _: &mut Output) {}

    fn frame(&mut self, frame: &Bytes, _: Now, out: &mut Output) {
        let text = String::from_utf8_lossy(frame);
        let words: Vec<&str> = text.split(' ').collect();
        let mut report = Report::new(words[0]);
        let facts = match words[..] {
            ["call", key, tenant] => begin(key, tenant),
            ["end", key] => vec![Observation::native(
                "end",
                Fact::CallEnded {
                    call: key.into(),
                    end: None,
                    settle: Duration::ZERO,
                },
            )],
            ["done", id] => vec![outcome(
                id,
                CommandOutcome::Succeeded {
                    native: Native::new().with("toy", 1),
                },
            )],
            ["refuse", id] => vec![outcome(
                id,
                CommandOutcome::Failed {
                    reason: "refused".into(),
                    detail: Some("not today".into()),
                },
            )],
            _ => Vec::new(),
        };
        report.observations.extend(facts);
        out.reports.push(report);
    }

    fn command(&mut self, order: &Order, _: Now, out: &mut Output) -> Result<(), Refusal> {
        if order.params["cause"] == "impossible" {
            return Err(Refusal::new("no_such_leg", "the call has no such leg"));
        }
        let call = order.target.as_ref().map(|call| call.id.clone());
        let line = json!({"id": order.id, "do": order.kind, "call": call, "params": order.params});
        out.requests.push(line.to_string().into());
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    fn timeout(&mut self, _: Now, _: &mut Output) {}

    fn disconnected(&mut self, _: Now, _: &mut Output) {}
}

fn begin(key: &str, tenant: &str) -> Vec<Observation> {
    let call = Fact::Call {
        call: key.into(),
        opens: true,
        patch: Box::new(CallPatch::default()),
    };
    let leg = Fact::Leg(Box::new(LegFact {
        call: key.into(),
        leg: format!("{key}-a").into(),
        state: Some(LegState::Connected),
        patch: LegPatch::default(),
        end: None,
    }));
    let mut facts = vec![
        Observation::native("call", call),
        Observation::native("leg", leg),
    ];
    for fact in &mut facts {
        fact.tenant = Some(tenant.into());
    }
    facts
}

fn outcome(id: &str, outcome: CommandOutcome) -> Observation {
    let fact = Fact::Command {
        id: id.into(),
        outcome,
    };
    Observation::native("outcome", fact)
}

/// The PBX.
pub(crate) struct Pbx {
    listener: TcpListener,
    link: Option<(BufReader<OwnedReadHalf>, OwnedWriteHalf)>,
}

impl Pbx {
    pub(crate) async fn start() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            link: None,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.listener.local_addr().unwrap())
    }

    /// Waits for the gateway to come, and forgets any connection before.
    pub(crate) async fn accept(&mut self) {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        let (socket, _) = accepted.expect("the gateway comes").unwrap();
        let (reader, writer) = socket.into_split();
        self.link = Some((BufReader::new(reader), writer));
    }

    pub(crate) fn hang_up(&mut self) {
        self.link = None;
    }

    pub(crate) async fn say(&mut self, line: &str) {
        let (_, writer) = self.link.as_mut().expect("a connection");
        writer
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
    }

    /// The next command.
    pub(crate) async fn told(&mut self) -> Value {
        timeout(PATIENCE, self.next())
            .await
            .expect("a command")
            .expect("a connection")
    }

    /// Whatever else was told until the connection ended.
    pub(crate) async fn rest(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        while let Some(told) = timeout(PATIENCE, self.next()).await.expect("the end") {
            all.push(told);
        }
        all
    }

    async fn next(&mut self) -> Option<Value> {
        let (reader, _) = self.link.as_mut().expect("a connection");
        let mut line = String::new();
        match reader.read_line(&mut line).await {
            Ok(n) if n > 0 => Some(serde_json::from_str(&line).unwrap()),
            _ => None,
        }
    }
}
