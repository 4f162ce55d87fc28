//! `sim`: every trouble of every simulated PBX, from the command line, as a client of it feels it.

use std::{collections::HashSet, fs};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
};

use crate::{
    house::{ADAPTERS, keys, url},
    stage::{Ran, Stage, interrupt, until},
};

/// A simulated PBX as a process, and the keys of a source that it prints.
pub(crate) struct Sim {
    child: Child,
    pub(crate) source: String,
}

impl Sim {
    pub(crate) async fn start(stage: &Stage, args: &[&str]) -> Self {
        Self::start_at(stage, args, "127.0.0.1:0").await
    }

    async fn start_at(stage: &Stage, args: &[&str], listen: &str) -> Self {
        let args = [&["sim"], args, &["--listen", listen]].concat();
        let mut child = stage.command(&args).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut source, mut begun) = (String::new(), false);
        while let Some(line) = lines.next_line().await.unwrap() {
            if begun {
                source.push_str(&format!("{line}\n"));
            }
            begun |= line == "[sources.hq]";
            if line.starts_with("region") {
                break;
            }
        }
        assert!(source.contains("adapter = "), "{args:?}: {source}");
        Self { child, source }
    }

    /// It ends when it is told to.
    pub(crate) async fn end(self) {
        interrupt(self.child).await.well();
    }
}

/// What a client of a misbehaving PBX writes down.
struct Felt {
    ran: Ran,
    recording: Vec<Value>,
    events: Vec<Value>,
}

impl Felt {
    /// Records until there is enough of it.
    async fn of(adapter: &str, chaos: &str, enough: fn(&Seen<'_>) -> bool) -> Self {
        let stage = Stage::new();
        let sim = Sim::start(&stage, &[adapter, "--rate", "20", "--chaos", chaos]).await;
        let config = format!("[sources.hq]\n{}{IMPATIENT}", sim.source);
        stage.write("switchhook.toml", &config);
        let recorder = stage
            .command(&["record", "hq", "-o", "hq.jsonl"])
            .spawn()
            .unwrap();
        let path = stage.path("hq.jsonl");
        until(&format!("{adapter} with {chaos}"), || {
            fs::read_to_string(&path).is_ok_and(|text| enough(&Seen(&text)))
        })
        .await;
        let ran = interrupt(recorder).await;
        let events = stage.run(&["replay", "hq.jsonl"]).await.well().out;
        sim.end().await;
        Self {
            ran,
            recording: lines(&stage.read("hq.jsonl")),
            events: lines(&events),
        }
    }

    fn frames(&self) -> Vec<&Value> {
        let frame = |line: &&Value| line.get("frame").or_else(|| line.get("base64")).is_some();
        self.recording.iter().filter(frame).collect()
    }

    fn events(&self, kind: &str) -> usize {
        self.events
            .iter()
            .filter(|event| event["type"] == kind)
            .count()
    }
}

/// A recording that is being written.
struct Seen<'a>(&'a str);

impl Seen<'_> {
    fn count(&self, key: &str) -> usize {
        self.0.matches(&format!("\"{key}\":")).count()
    }

    fn frames(&self) -> usize {
        let frames = self
            .0
            .lines()
            .filter(|line| line.contains("\"frame\":") || line.contains("\"base64\":"));
        frames.count()
    }
}

const IMPATIENT: &str = "silence = \"3s\"\nreconnect = { initial = \"100ms\", max = \"500ms\", budget_per_min = 1000 }\n";

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn all(chaos: &str, enough: fn(&Seen<'_>) -> bool) -> Vec<(&'static str, Felt)> {
    let felt =
        ADAPTERS.map(|adapter| async move { (adapter, Felt::of(adapter, chaos, enough).await) });
    join_all(felt).await
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_cuts_connections() {
    for (adapter, felt) in all("drop=2", |seen| seen.count("connected") >= 3).await {
        assert!(
            felt.events("source.disconnected") >= 2,
            "{adapter}: {}",
            felt.ran.err
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_is_noticed_by_silence_alone() {
    for (adapter, felt) in all("half-open=1", |seen| seen.count("disconnected") >= 1).await {
        let reason = felt
            .recording
            .iter()
            .find_map(|line| line["disconnected"].as_str())
            .unwrap();
        let said = ["nothing in", "silent", "no ping", "heartbeat", "hear from"];
        assert!(
            said.iter().any(|said| reason.contains(said)),
            "{adapter}: {reason}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_refuses_connections_for_a_while() {
    let enough = |seen: &Seen<'_>| seen.count("connected") >= 2 && seen.count("failed") >= 1;
    for (adapter, felt) in all("restart=3", enough).await {
        assert!(
            felt.events("source.disconnected") >= 1,
            "{adapter}: {}",
            felt.ran.err
        );
        assert!(felt.events("source.gap") >= 1, "{adapter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_sends_frames_twice() {
    for (adapter, felt) in all("duplicate=0.5", |seen| seen.frames() >= 120).await {
        let frames: Vec<String> = felt
            .frames()
            .iter()
            .map(|line| line.get("frame").unwrap_or(&line["base64"]).to_string())
            .collect();
        let distinct: HashSet<&String> = frames.iter().collect();
        assert!(
            distinct.len() * 10 < frames.len() * 9,
            "{adapter}: {} of {}",
            distinct.len(),
            frames.len()
        );
        assert_eq!(felt.events("source.unrecognized"), 0, "{adapter}");
        assert_ne!(felt.events("call.started"), 0, "{adapter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_published_as_what_nobody_understands() {
    for (adapter, felt) in all("garbage=0.3", |seen| seen.frames() >= 150).await {
        assert!(
            felt.events("source.unrecognized") >= 3,
            "{adapter}: {}",
            felt.ran.err
        );
        assert_eq!(
            felt.events("source.disconnected"),
            1,
            "{adapter}: it ends no connection"
        );
        assert_ne!(felt.events("call.started"), 0, "{adapter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_lets_frames_wait() {
    for (adapter, felt) in all("slow=250", |seen| seen.frames() >= 25).await {
        let at = |line: &Value| line["at"].as_f64().unwrap();
        let connected = felt
            .recording
            .iter()
            .find(|line| line.get("connected").is_some())
            .unwrap();
        let took = at(felt.frames()[24]) - at(connected);
        assert!(took >= 1.0, "{adapter}: 25 frames in {took} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn auth_failure_refuses_logins() {
    for (adapter, felt) in all("auth-failure=1", |seen| seen.count("failed") >= 1).await {
        assert_eq!(felt.ran.code, 69, "{adapter}: {}", felt.ran.err);
        assert_eq!(felt.events("source.connected"), 0, "{adapter}");
    }
}

/// The same people make the same call twice: once what is told of it comes in order, once it overtakes.
#[tokio::test(flavor = "multi_thread")]
async fn reorder_changes_the_order_and_nothing_else() {
    let told = ADAPTERS.map(|adapter| async move {
        let mut both = Vec::new();
        for chaos in ["reorder=0", "reorder=1"] {
            let stage = Stage::new();
            let scenario = format!(
                "{{\"profile\": {{\"pace\": 30}}}}\n{{\"at\": 90, \"call\": {}}}\n",
                queued(adapter)
            );
            stage.write("scenario.jsonl", &scenario);
            let args = [adapter, "--scenario", "scenario.jsonl", "--chaos", chaos];
            both.push(whole(&stage, adapter, &args, "12s").await);
        }
        let [straight, shuffled] = [&both[0], &both[1]].map(|events| natives(events));
        assert!(straight.len() > 8, "{adapter}: {straight:?}");
        assert_ne!(straight, shuffled, "{adapter}");
        for events in &both {
            let ended = events.iter().filter(|event| event["type"] == "call.ended");
            assert_eq!(
                ended.count(),
                1,
                "{adapter}: what is overtaken comes all the same"
            );
            assert!(
                events
                    .iter()
                    .all(|event| event["type"] != "source.unrecognized"),
                "{adapter}"
            );
        }
    });
    join_all(told).await;
}

/// A call to a queue: more than one kind of message tells of it.
fn queued(adapter: &str) -> &'static str {
    match adapter {
        "basix" => r#"{"plot": "queue", "caller": "0312340001", "group": "2001"}"#,
        "portsip" => r#"{"plot": "queue", "caller": "07700900101", "queue": "8001"}"#,
        _ => r#"{"plot": "queue", "caller": "+4520304051", "queue": "7001"}"#,
    }
}

/// The PBX's own names of the messages that were told of, in their order.
fn natives(events: &[Value]) -> Vec<String> {
    let mut frames = HashSet::new();
    let told = events.iter().map(|event| &event["data"]["origin"]);
    let told = told
        .filter(|origin| origin["kind"] == "native" && frames.insert(origin["frame"].to_string()));
    told.map(|origin| origin["event"].to_string()).collect()
}

/// The events of a PBX from its first moment on: whoever waits for it to start hears all that happens.
async fn whole(stage: &Stage, adapter: &str, args: &[&str], period: &str) -> Vec<Value> {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let source = keys(adapter, &url(adapter, false, free));
    stage.write(
        "switchhook.toml",
        &format!("[sources.hq]\n{source}{IMPATIENT}"),
    );
    let recorder = stage
        .command(&["record", "-o", "hq.jsonl", "--for", period])
        .spawn()
        .unwrap();
    let sim = Sim::start_at(stage, args, &free.to_string()).await;
    let recorded = recorder.wait_with_output().await.unwrap();
    assert!(recorded.status.success(), "{recorded:?}");
    sim.end().await;
    lines(&stage.run(&["replay", "hq.jsonl"]).await.well().out)
}

#[tokio::test]
async fn what_cannot_be_simulated_is_said() {
    let stage = Stage::new();
    stage.write(
        "wrong.jsonl",
        "{\"at\": 1, \"call\": {\"plot\": \"sing\"}}\n",
    );
    for (args, told) in [
        (&["sim", "asterisk"][..], "portsip"),
        (&["sim", "portsip", "--chaos", "rain"], "half-open"),
        (
            &["sim", "portsip", "--chaos", "duplicate=7"],
            "a probability from 0 to 1",
        ),
        (&["sim", "portsip", "--rate=-1"], "from 0 to 10000"),
        (&["sim", "portsip", "--dialect", "v99"], "v22.3"),
        (&["sim", "basix", "--dialect", "v22"], "leave it out"),
        (
            &["sim", "telecomx", "--scenario", "none.jsonl"],
            "cannot use the scenario",
        ),
        (&["sim", "telecomx", "--scenario", "wrong.jsonl"], "line 1"),
    ] {
        let ran = stage.run(args).await;
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(told), "{args:?}: {}", ran.err);
    }
}

/// The examples of `docs/simulators.md` happen as they are written.
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_scenarios_happen() {
    const TEXT: &str = include_str!("../../../../docs/simulators.md");
    let played = ADAPTERS.map(|adapter| async move {
        let (_, rest) = TEXT.split_once(&format!("```jsonl {adapter}\n")).unwrap();
        let (scenario, _) = rest.split_once("```").unwrap();
        let stage = Stage::new();
        stage.write("scenario.jsonl", scenario);
        let args = [adapter, "--scenario", "scenario.jsonl"];
        let events = whole(&stage, adapter, &args, "15s").await;
        let calls = scenario.lines().filter(|line| line.contains("\"call\""));
        for call in calls.take(3) {
            let call: Value = serde_json::from_str(call).unwrap();
            let caller = call["call"]["caller"].as_str().unwrap();
            let of_it = |event: &&Value| {
                event["data"]["call"]["caller"]["number"]["raw"]
                    .as_str()
                    .is_some_and(|raw| raw.ends_with(caller.trim_start_matches('0')))
            };
            assert!(
                events.iter().any(|event| of_it(&event)),
                "{adapter}: {call}"
            );
        }
        let strange = events
            .iter()
            .filter(|event| event["type"] == "source.unrecognized");
        assert_ne!(strange.count(), 0, "{adapter}");
    });
    join_all(played).await;
}
