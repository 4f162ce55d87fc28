//! `record` and `replay`: what each simulated PBX sends is written down, played again, and is a case as it stands.

use std::{fs, path::Path};

use adapter::{Resume, Translator};
use serde_json::Value;
use server::adapters::{self, Entry};
use testkit::cases::{self, Case};

use crate::stage::{Stage, config, interrupt, is_private, pbx, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_portsip_pbx_sends_is_recorded_replayed_and_a_case() {
    record_and_replay("portsip", |case| {
        let config: portsip::Config = toml_edit::de::from_str(&case.source).unwrap();
        assert_eq!(config.check(), []);
        let source = model::SourceId::new("hq").unwrap();
        Box::new(portsip::Translator::new(
            &source,
            &config,
            &Resume::default(),
        ))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_basix_pbx_sends_is_recorded_replayed_and_a_case() {
    record_and_replay("basix", |case| {
        let config: basix::Config = toml_edit::de::from_str(&case.source).unwrap();
        assert_eq!(config.check(), []);
        let source = model::SourceId::new("hq").unwrap();
        Box::new(basix::Translator::new(&source, &config, &Resume::default()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_telecom_x_sends_is_recorded_replayed_and_a_case() {
    record_and_replay("telecomx", |case| {
        let config: telecomx::Config = toml_edit::de::from_str(&case.source).unwrap();
        assert_eq!(config.check(), []);
        let source = model::SourceId::new("hq").unwrap();
        Box::new(telecomx::Translator::new(
            &source,
            &config,
            &Resume::default(),
        ))
    })
    .await;
}

async fn record_and_replay(adapter: &str, make: impl Fn(&Case) -> Box<dyn Translator>) {
    let entry = adapters::find(adapter).unwrap();
    let stage = Stage::new();
    let pbx = pbx(entry).await;
    stage.write("switchhook.toml", &config(&pbx));
    let args = ["record", "hq", "-o", "hq.jsonl", "--frames", "150"];
    let recorded = stage.run(&args).await.well();
    assert!(
        recorded.out.starts_with("150 frames in "),
        "{}",
        recorded.out
    );
    assert_eq!(recorded.err, "");
    let recording = stage.read("hq.jsonl");
    assert!(is_private(&stage.path("hq.jsonl")));
    for secret in secrets(&pbx.source) {
        assert!(!recording.contains(&format!("{secret:?}")), "{secret}");
    }

    let events = stage.run(&["replay", "hq.jsonl"]).await.well().out;
    let again = stage.run(&["replay", "hq.jsonl"]).await.well().out;
    assert!(events == again, "the same bytes each time");
    makes_sense(&events);

    // A recording is a case as it stands.
    let root = stage.path("cases");
    fs::create_dir_all(root.join("monday")).unwrap();
    fs::copy(stage.path("hq.jsonl"), root.join("monday/native.jsonl")).unwrap();
    let [case] = &cases::read_all(&root, cases::plain).unwrap()[..] else {
        panic!("one case");
    };
    let frames = case
        .steps
        .iter()
        .filter(|step| matches!(step, cases::Step::Frame(..)));
    assert_eq!(frames.count(), 150);
    cases::write(case, &mut *make(case)).unwrap();
    cases::check(&root, &make);
    let rewritten = cases::read(&case.dir, cases::plain()).unwrap();
    assert_eq!(rewritten.steps, case.steps);
    // And the case, whose first line says nothing of its source any more, is replayed to the same end.
    let case = ["replay", "cases/monday/native.jsonl", "--adapter", adapter];
    let from_case = stage.run(&case).await.well().out;
    assert_eq!(lines(&from_case), lines(&events));

    differences(&stage, &events).await;
}

/// What is published makes sense: calls begin and end, they belong to the tenant, and nothing is strange.
fn makes_sense(events: &str) {
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    for kind in [
        "source.connected",
        "source.synced",
        "call.started",
        "call.ended",
        "source.disconnected",
    ] {
        assert_ne!(of(kind), 0, "{kind}");
    }
    assert_eq!(of("source.unrecognized"), 0);
    assert_eq!(of("source.gap"), 0);
    let mut calls = events
        .iter()
        .filter(|event| event["type"] == "call.started");
    assert!(calls.all(|event| event["tenant"] == "acme" && event["source"] == "/sources/hq"));
}

/// `--diff` tells what has changed, and nothing else.
async fn differences(stage: &Stage, events: &str) {
    stage.write("before.jsonl", events);
    let same = stage
        .run(&["replay", "hq.jsonl", "--diff", "before.jsonl"])
        .await
        .well();
    assert_eq!(same.out, "no difference\n");
    stage
        .run(&["replay", "hq.jsonl", "--diff", "hq.jsonl"])
        .await
        .well();

    let mut changed = String::new();
    let mut subject = String::new();
    for line in events.lines() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        if event["type"] == "call.ended" && subject.is_empty() {
            event["subject"].as_str().unwrap().clone_into(&mut subject);
            event["data"]["call"]["end"]["cause"] = "bewitched".into();
            // A cursor is no meaning.
            event["id"] = "0000000000000000-000000000000ffff".into();
        }
        changed.push_str(&format!("{event}\n"));
    }
    stage.write("changed.jsonl", &changed);
    let differ = stage
        .run(&["replay", "hq.jsonl", "--diff", "changed.jsonl"])
        .await;
    assert_eq!(differ.code, 1, "{}", differ.err);
    let mut told = differ.out.lines();
    assert!(told.next().unwrap().starts_with(&subject), "{}", differ.out);
    let field = told.next().unwrap();
    assert!(
        field.starts_with("  end.cause: \"bewitched\" → \""),
        "{field}"
    );
    assert_eq!(told.next(), None);

    let without: String = events
        .lines()
        .filter(|line| !line.contains(&format!("\"subject\":\"{subject}\"")))
        .map(|line| format!("{line}\n"))
        .collect();
    stage.write("without.jsonl", &without);
    let differ = stage
        .run(&["replay", "hq.jsonl", "--diff", "without.jsonl"])
        .await;
    assert_eq!(differ.code, 1);
    assert!(
        differ.out.contains(&format!("{subject} (")),
        "{}",
        differ.out
    );
    assert!(
        differ.out.contains("  only after\n  + call.started"),
        "{}",
        differ.out
    );
}

fn lines(events: &str) -> Vec<Value> {
    let meaning = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        serde_json::json!([event["time"], event["type"], event["data"]["call"]["state"]])
    };
    events.lines().map(meaning).collect()
}

/// The values of the keys that hold secrets.
fn secrets(source: &str) -> Vec<String> {
    let source: toml_edit::DocumentMut = source.parse().unwrap();
    let keys = ["password", "token"].into_iter();
    keys.filter_map(|key| Some(source.get(key)?.as_str()?.to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_ends_cleanly_when_told_to() {
    let stage = Stage::new();
    let pbx = pbx(&adapters::ALL[0]).await;
    stage.write("switchhook.toml", &config(&pbx));
    let child = stage
        .command(&["record", "-o", "hq.jsonl"])
        .spawn()
        .unwrap();
    let path = stage.path("hq.jsonl");
    until("frames are in the file while it is written", || {
        fs::read_to_string(&path).is_ok_and(|text| text.contains("call_start"))
    })
    .await;
    let ended = interrupt(child).await.well();
    assert!(ended.out.contains(" frames in "), "{}", ended.out);
    let recording = stage.read("hq.jsonl");
    let last = recording.lines().last().unwrap();
    assert!(last.starts_with(r#"{"until":"#), "{last}");
    assert!(recording.contains(r#""sent":{"#), "requests are noted");
    stage.run(&["replay", "hq.jsonl"]).await.well();

    let again = stage.run(&["record", "hq", "-o", "hq.jsonl"]).await;
    assert_eq!(again.code, 2, "{}", again.err);
    assert!(again.err.contains("--force"), "{}", again.err);
    assert_eq!(stage.read("hq.jsonl"), recording, "it is not overwritten");
    let timed = ["record", "hq", "-o", "hq.jsonl", "--force", "--for", "1s"];
    stage.run(&timed).await.well();
    let piped = stage
        .run(&["record", "-o", "-", "--frames", "5"])
        .await
        .well();
    assert!(
        piped.out.lines().all(|line| line.starts_with('{')),
        "{}",
        piped.out
    );
    assert!(piped.err.starts_with("5 frames in "), "{}", piped.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_is_nothing_is_recorded() {
    let stage = Stage::new();
    let source = {
        let pbx = pbx(&adapters::ALL[0]).await;
        config(&pbx)
    };
    stage.write("switchhook.toml", &source);
    let ran = stage
        .run(&["record", "hq", "-o", "hq.jsonl", "--for", "1s"])
        .await;
    assert_eq!(ran.code, 69, "{}", ran.err);
    assert!(ran.err.contains("there was no connection: "), "{}", ran.err);
    let ran = stage.run(&["record", "tokyo", "-o", "x.jsonl"]).await;
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("the config has hq"), "{}", ran.err);
}

#[tokio::test]
async fn a_replay_tells_how_each_connection_was_lost() {
    let stage = Stage::new();
    stage.write(
        "hq.jsonl",
        r#"{"wall": "2026-03-02T08:00:00Z"}
{"connected": "v22"}
{"at": 1, "disconnected": "reset by peer"}
{"at": 2, "connected": "v22"}
{"at": 3, "disconnected": "logged in elsewhere", "state": "replaced"}
{"at": 4, "connected": "v22"}
{"at": 5, "disconnected": "the password has expired", "state": "auth_failed"}
"#,
    );
    let args = ["replay", "hq.jsonl", "--adapter", "portsip"];
    let events = stage.run(&args).await.well().out;
    let lost: Vec<(Value, Value)> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| {
            let kind = event["type"].as_str().unwrap();
            ["disconnected", "replaced", "auth_failed"]
                .iter()
                .any(|end| kind.strip_prefix("source.") == Some(end))
        })
        .map(|event| {
            (
                event["type"].clone(),
                event["data"]["source"]["reason"].clone(),
            )
        })
        .collect();
    let told = [
        ("source.disconnected", "reset by peer"),
        ("source.replaced", "logged in elsewhere"),
        ("source.auth_failed", "the password has expired"),
    ];
    assert_eq!(
        lost,
        told.map(|(kind, reason)| (kind.into(), reason.into()))
    );
}

#[tokio::test]
async fn what_is_no_recording_is_said() {
    let stage = Stage::new();
    stage.write("poem.jsonl", "{\"at\": 1, \"poem\": \"roses\"}\n");
    let other = r#"{"recording": 99, "adapter": "portsip", "source": "hq", "config": ""}"#;
    stage.write("newer.jsonl", other);
    let wrong = r#"{"recording": 1, "adapter": "portsip", "source": "hq", "config": "url = 3"}"#;
    stage.write("wrong.jsonl", wrong);
    for (args, code, told) in [
        (&["replay", "none.jsonl"][..], 2, "cannot read none.jsonl"),
        (&["replay", "poem.jsonl"], 2, "--adapter"),
        (
            &["replay", "poem.jsonl", "--adapter", "basix"],
            78,
            "poem.jsonl:1: no such step",
        ),
        (&["replay", "newer.jsonl"], 78, "format 99"),
        (&["replay", "wrong.jsonl"], 78, "sources.hq.url"),
    ] {
        let ran = stage.run(args).await;
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (code, ""),
            "{args:?}: {}",
            ran.err
        );
        assert!(ran.err.contains(told), "{args:?}: {}", ran.err);
    }
}

/// Every case of every adapter is played, in its notation for people.
#[tokio::test]
async fn cases_are_played() {
    let stage = Stage::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters");
    for Entry { name, .. } in adapters::ALL {
        let cases = root.join(name).join("cases");
        let mut played = 0;
        for dir in fs::read_dir(cases)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            let file = dir.join("native.jsonl");
            if file.is_file() && played < 6 {
                let args = ["replay", file.to_str().unwrap(), "--adapter", name];
                stage.run(&args).await.well();
                played += 1;
            }
        }
        assert_eq!(played, 6, "{name}");
    }
}
