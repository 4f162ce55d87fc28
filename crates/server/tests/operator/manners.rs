//! How the program behaves as a program: help, logs, completions, manual pages, exit codes.

use std::{net::TcpListener, process::Command};

use serde_json::Value;

use crate::stage::{Stage, interrupt, until};

const COMMANDS: [&str; 15] = [
    "serve",
    "check",
    "doctor",
    "init",
    "demo",
    "tail",
    "record",
    "replay",
    "sim",
    "token new",
    "schema",
    "webhook listen",
    "completions",
    "man",
    "help",
];

#[tokio::test]
async fn every_command_teaches_by_example() {
    let stage = Stage::new();
    for command in COMMANDS.iter().filter(|command| **command != "help") {
        let mut args: Vec<&str> = command.split(' ').collect();
        args.push("--help");
        let help = stage.run(&args).await.well().out;
        let example = format!("  switchhook {command}");
        assert!(help.contains("Example"), "{command}: {help}");
        assert!(help.contains(&example), "{command}: {help}");
        assert!(!help.contains('\x1b'), "no colours in a pipe: {command}");
    }
    let all = stage.run(&["--help"]).await.well().out;
    for command in COMMANDS {
        let first = command.split(' ').next().unwrap();
        assert!(all.contains(&format!("\n  {first} ")), "{first}: {all}");
    }
}

#[tokio::test]
async fn shells_take_the_completions() {
    let stage = Stage::new();
    let bash = stage.run(&["completions", "bash"]).await.well().out;
    let file = stage.write("switchhook.bash", &bash);
    let complete = "source \"$0\"; COMP_WORDS=(switchhook sim te); COMP_CWORD=2; \
        _switchhook switchhook te sim; echo \"${COMPREPLY[@]}\"";
    let completed = Command::new("bash")
        .arg("-c")
        .arg(complete)
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&completed.stdout),
        "telecomx\n",
        "{completed:?}"
    );
    let zsh = stage.run(&["completions", "zsh"]).await.well().out;
    assert!(zsh.starts_with("#compdef switchhook\n") && zsh.contains("doctor"));
    let fish = stage.run(&["completions", "fish"]).await.well().out;
    assert!(fish.contains("complete -c switchhook") && fish.contains("replay"));
}

#[tokio::test]
async fn manual_pages_are_written() {
    let stage = Stage::new();
    let page = stage.run(&["man"]).await.well().out;
    assert!(page.contains(".TH switchhook 1"), "{page}");
    let record = stage.run(&["man", "record"]).await.well().out;
    assert!(
        record.contains("\\fBswitchhook record\\fR") || record.contains("switchhook\\-record"),
        "{record}"
    );
    assert!(record.contains("monday.jsonl"), "with examples: {record}");
    std::fs::create_dir(stage.path("man1")).unwrap();
    stage.run(&["man", "--dir", "man1"]).await.well();
    for page in [
        "switchhook.1",
        "switchhook-doctor.1",
        "switchhook-token-new.1",
    ] {
        assert!(
            stage.read(&format!("man1/{page}")).contains(".SH NAME"),
            "{page}"
        );
    }
    let unknown = stage.run(&["man", "poetry"]).await;
    assert_eq!(unknown.code, 2, "{}", unknown.err);
    let nowhere = stage.run(&["man", "--dir", "no/such/folder"]).await;
    assert_eq!(nowhere.code, 69, "{}", nowhere.err);
}

/// A gateway without sources, until its log says something; then it is told to stop.
async fn logged(stage: &Stage, args: &[&str], rust_log: Option<&str>, wanted: &str) -> String {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    stage.write(
        "switchhook.toml",
        &format!("[server]\nlisten = \"{free}\"\n"),
    );
    let log = std::fs::File::create(stage.path("log")).unwrap();
    let mut command = stage.command(&[&["serve"], args].concat());
    command
        .stderr(log)
        .envs(rust_log.map(|filter| ("RUST_LOG", filter)));
    let child = command.spawn().unwrap();
    let path = stage.path("log");
    until(wanted, || {
        let log = std::fs::read_to_string(&path).unwrap_or_default();
        log.contains(wanted) && std::net::TcpStream::connect(free).is_ok()
    })
    .await;
    interrupt(child).await.well();
    stage.read("log")
}

#[tokio::test]
async fn log_lines_are_for_people_or_for_collectors() {
    let stage = Stage::new();
    let json = logged(&stage, &["--log-format", "json"], None, "INFO").await;
    for line in json.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            line["level"].is_string()
                && line["timestamp"].is_string()
                && line["target"].is_string(),
            "{line}"
        );
    }
    let pretty = logged(&stage, &["--log-format", "pretty"], None, "INFO").await;
    assert!(
        !pretty.contains('\x1b') && !pretty.starts_with('{'),
        "{pretty}"
    );
    let less = logged(&stage, &[], Some("warn"), "").await;
    assert!(!less.contains("INFO"), "{less}");
    let wrong = stage.run(&["serve", "--log-format", "yaml"]).await;
    assert_eq!(wrong.code, 2);
}

#[tokio::test]
async fn an_address_that_is_taken_is_69() {
    let stage = Stage::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    stage.write(
        "switchhook.toml",
        &format!("[server]\nlisten = \"{address}\"\n"),
    );
    for args in [
        &["serve"][..],
        &["sim", "portsip", "--listen", &address.to_string()],
        &["demo", "--listen", &address.to_string()],
        &["webhook", "listen", "--port", &address.port().to_string()],
        &["tail", "--url", "http://127.0.0.1:1"],
    ] {
        let ran = stage.run(args).await;
        assert_eq!(ran.code, 69, "{args:?}: {}", ran.err);
        assert_ne!(ran.err, "", "{args:?}");
    }
}

#[tokio::test]
async fn a_log_that_is_none_is_70() {
    let stage = Stage::new();
    stage.write(
        "switchhook.db",
        "this is no database, and long enough to be looked at twice",
    );
    stage.write("switchhook.toml", "[server]\nlisten = \"127.0.0.1:0\"\n");
    let ran = stage.run(&["serve"]).await;
    assert_eq!(ran.code, 70, "{}", ran.err);
    assert!(
        stage
            .read("switchhook.db")
            .starts_with("this is no database"),
        "it is left as it is"
    );
}

#[tokio::test]
async fn a_mistake_in_a_variable_names_the_variable() {
    let stage = Stage::new();
    stage.write(
        "switchhook.toml",
        "[server]\nlisten = \"127.0.0.1:7575\"\n\n[log]\nretention = { hours = \"many\" }\n\n[sources.hq]\nadapter = \"portsip\"\n",
    );
    let mut command = stage.command(&["check"]);
    command
        .env("SWITCHHOOK_SERVER__LISTEN", "everywhere")
        .env("SWITCHHOOK_LIMITS__STREAMS", "-3")
        .env("SWITCHHOOK_LIMITS__STEAMS", "3")
        .env("SWITCHHOOK_SOURCES__HQ__URL", "http://pbx.example.com");
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(78));
    let told = String::from_utf8(output.stderr).unwrap();
    for mistake in [
        "SWITCHHOOK_SERVER__LISTEN: server.listen: ",
        "SWITCHHOOK_LIMITS__STREAMS: limits.streams: ",
        "SWITCHHOOK_LIMITS__STEAMS: limits.steams: ",
        "did you mean `streams`?",
        "SWITCHHOOK_SOURCES__HQ__URL: sources.hq.url: ",
        "switchhook.toml:5:23: log.retention.hours: ",
        "sources.hq: the key `password` is missing",
    ] {
        assert!(told.contains(mistake), "{mistake}: {told}");
    }
    let mends = told
        .lines()
        .filter(|line| line.trim_start().starts_with("mend: "))
        .count();
    let count = told
        .lines()
        .rev()
        .find(|line| line.ends_with(" mistakes"))
        .unwrap();
    assert_eq!(
        count,
        format!("{mends} mistakes"),
        "each with its mend: {told}"
    );
}

#[tokio::test]
async fn schemas_of_everything_are_json() {
    let stage = Stage::new();
    for (of, key) in [
        ("config", "$schema"),
        ("events", "call"),
        ("openapi", "openapi"),
        ("asyncapi", "asyncapi"),
    ] {
        let text = stage.run(&["schema", of]).await.well().out;
        let schema: Value = serde_json::from_str(&text).unwrap();
        assert!(!schema[key].is_null(), "{of}");
    }
}
