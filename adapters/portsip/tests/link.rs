//! The link against the simulator and a scripted peer: every dialect, every way in, and the ways it can fail.

#![cfg(test)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use adapter::{Direction, Limits, Link, LinkError, LinkErrorKind, Tap};
use bytes::Bytes;
use portsip::{
    config::{Config, Secret},
    link::{Connection, connect},
    sim::{Hang, Lever, Listen, Order, Plot, Profile, Scenario, Sim},
    wire::Dialect,
};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use testkit::{Peer, must};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn every_dialect_is_found_out_and_spoken() {
    for dialect in Dialect::ALL {
        let sim = Sim::start(fast(dialect)).await.unwrap();
        let mut config = config(&sim);
        if dialect == Dialect::V12 {
            (config.extension_number, config.username) = (config.username, None);
            config.extension_number = Some("101".to_owned());
        }
        if dialect == Dialect::V22_3 {
            config.topics.push("extension_management_events".to_owned());
        }
        let mut link = open(&config).await.unwrap();
        assert_eq!(link.dialect().as_deref(), Some(dialect.as_str()));
        sim.call(&Order::of(Plot::Answered)).await.unwrap();
        let heard = read_until(&mut link, |event| event["event_type"] == "call_cdr").await;
        let snapshot = heard
            .iter()
            .any(|event| event["event_type"] == "queue_status");
        assert!(snapshot, "{dialect:?}");
        let refused = heard.iter().any(|reply| reply["status"] == -1);
        assert!(!refused, "{dialect:?}: {heard:?}");
        link.close().await;
        sim.until(|counts| counts.open == 0).await;
    }
}

#[tokio::test]
async fn a_configured_dialect_is_believed() {
    for dialect in Dialect::ALL {
        let sim = Sim::start(Profile::of(dialect).quiet()).await.unwrap();
        let config = sim.config();
        assert_eq!(config.check(), [], "{dialect:?}");
        let link = open(&config).await.unwrap();
        assert_eq!(link.dialect().as_deref(), Some(dialect.as_str()));
        assert_eq!(sim.counts().logins, 1);
        let has_snapshots = dialect >= Dialect::V16_2;
        assert_eq!(!link.reconciles().is_empty(), has_snapshots, "{dialect:?}");
    }
}

#[tokio::test]
async fn refused_topic_strings_are_asked_for_as_objects() {
    let peer = Peer::listen().await;
    let config = Config {
        url: format!("ws://{}/", peer.address()),
        topics: vec!["cdr_events".to_owned()],
        ..bare()
    };
    let (link, mut session) = tokio::join!(open(&config), async {
        let mut session = peer.accept().await;
        assert_eq!(session.json().await["command"], "auth");
        session.send(r#"{"status":0}"#).await;
        assert_eq!(session.json().await["topics"], json!(["cdr_events"]));
        session.send(r#"{"error":"what?","status":-1}"#).await;
        let asked = session.json().await;
        assert_eq!(
            asked["topics"],
            json!([{"keys": ["call_cdr"], "topic": "cdr_events"}])
        );
        session
    });
    let mut link = link.unwrap();
    assert_eq!(link.dialect().as_deref(), Some("v12"));
    session.send(r#"{"event_type":"call_cdr"}"#).await;
    let heard = read_until(&mut link, |_| true).await;
    assert_eq!(heard[0]["event_type"], "call_cdr", "the refusal is no news");
}

#[tokio::test]
async fn topic_strings_without_an_answer_are_asked_for_as_objects() {
    let peer = Peer::listen().await;
    let config = Config {
        url: format!("ws://{}/", peer.address()),
        topics: vec!["cdr_events".to_owned()],
        ..bare()
    };
    let (link, session) = tokio::join!(open(&config), async {
        let mut session = peer.accept().await;
        session.json().await;
        session.send(r#"{"status":0}"#).await;
        session.json().await;
        pass(Duration::from_secs(6)).await;
        assert_eq!(session.json().await["topics"][0]["topic"], "cdr_events");
        session
    });
    assert_eq!(link.unwrap().dialect().as_deref(), Some("v12"));
    session.abort();
}

#[tokio::test]
async fn what_comes_before_the_login_is_answered_is_kept() {
    let peer = Peer::listen().await;
    let config = Config {
        url: format!("ws://{}/wsi", peer.address()),
        ..bare()
    };
    let (link, _session) = tokio::join!(open(&config), async {
        let mut session = peer.accept().await;
        session.json().await;
        session.send(r#"{"event_type":"early"}"#).await;
        session
            .send(r#"{"command":"subscribe","id":"9","status":-1}"#)
            .await;
        session
            .send(r#"{"command":"auth","id":"1","status":0}"#)
            .await;
        session
    });
    let mut link = link.unwrap();
    let heard = read_until(&mut link, |message| message["id"] == "9").await;
    assert_eq!(heard[0]["event_type"], "early");
}

#[tokio::test]
async fn a_wrong_password_is_a_refusal_and_no_secret() {
    for dialect in Dialect::ALL {
        let sim = Sim::start(Profile::of(dialect).quiet()).await.unwrap();
        let mut config = config(&sim);
        config.password = Secret::new("hunter2");
        let error = open(&config).await.err().unwrap();
        assert_eq!(error.kind, LinkErrorKind::AuthRejected);
        let text = error.chain();
        assert!(text.contains("password error"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(sim.counts().refused, 1, "tried once");
    }
}

#[tokio::test]
async fn no_password_reaches_the_tap() {
    let sim = Sim::start(Profile::default().quiet()).await.unwrap();
    let tap = Arc::new(Record::default());
    let connected = connect(&config(&sim), limits(), Arc::clone(&tap) as _).await;
    assert!(connected.is_ok());
    let seen = tap.0.lock().unwrap().clone();
    let sent: Vec<&String> = seen
        .iter()
        .filter(|(direction, _)| *direction == Direction::Sent)
        .map(|(_, text)| text)
        .collect();
    assert!(sent[0].contains(r#""password":"***""#), "{sent:?}");
    assert_eq!(sent.len(), 4, "the login and three topics");
    let secret = &sim.profile().password;
    assert!(!seen.iter().any(|(_, text)| text.contains(secret)));
    let replied = seen.iter().any(|(direction, text)| {
        *direction == Direction::Received && text.contains(r#""command":"auth""#)
    });
    assert!(replied, "{seen:?}");
}

#[tokio::test]
async fn global_topics_have_a_connection_of_their_own() {
    let sim = Sim::start(Profile::default().quiet()).await.unwrap();
    let mut config = config(&sim);
    config.domain = None;
    config.topics = vec!["cdr_events".to_owned(), "global_cdr_events".to_owned()];
    config.tenants = vec![sim.profile().tenant_id.to_string()];
    let mut link = open(&config).await.unwrap();
    assert_eq!(sim.counts().logins, 2);
    // The system administrator may not have the tenant's topic. The other connection is none the worse.
    read_until(&mut link, |reply| reply["status"] == -1).await;
    sim.until(|counts| counts.subscriptions == 1).await;
    let again = json!({"command": "subscribe", "topics": ["global_queue_events"], "tenants": config.tenants});
    link.send(Bytes::from(again.to_string())).await.unwrap();
    read_until(&mut link, |event| event["event_type"] == "queue_status").await;
}

#[tokio::test]
async fn a_pbx_that_hangs_is_left() {
    for (hang, kind) in [
        (Hang::Accepted, LinkErrorKind::Unreachable),
        (Hang::LoggingIn, LinkErrorKind::Transient),
    ] {
        let sim = Sim::start(Profile::default().quiet()).await.unwrap();
        sim.hang(hang);
        let config = config(&sim);
        let (opened, ()) = tokio::join!(open(&config), async {
            let waits = u64::from(hang == Hang::LoggingIn);
            sim.until(|counts| counts.open == 1 && counts.commands == waits)
                .await;
            pass(Duration::from_secs(12)).await;
        });
        assert_eq!(opened.err().unwrap().kind, kind, "{hang:?}");
    }
}

#[tokio::test]
async fn http_refusals_have_their_classes() {
    for (status, kind) in [
        ("401 Unauthorized", LinkErrorKind::AuthRejected),
        ("403 Forbidden", LinkErrorKind::AuthRejected),
        ("404 Not Found", LinkErrorKind::Unreachable),
        ("429 Too Many Requests", LinkErrorKind::LimitReached),
        ("502 Bad Gateway", LinkErrorKind::Unreachable),
    ] {
        let peer = Peer::listen().await;
        let config = Config {
            url: format!("ws://{}/wsi", peer.address()),
            ..bare()
        };
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let (opened, ()) = tokio::join!(open(&config), peer.answer_http(&response));
        let error = opened.err().unwrap();
        assert_eq!(error.kind, kind, "{status}: {}", error.chain());
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let peer = Peer::listen().await;
    let config = Config {
        url: format!("ws://{}/wsi", peer.address()),
        ..bare()
    };
    drop(peer);
    let error = open(&config).await.err().unwrap();
    assert_eq!(error.kind, LinkErrorKind::Unreachable);
}

#[tokio::test]
async fn the_end_of_a_connection_has_its_class() {
    for (lever, kind) in [
        (Lever::Drop, LinkErrorKind::Transient),
        (Lever::Close, LinkErrorKind::Transient),
        (Lever::Restart, LinkErrorKind::Transient),
    ] {
        let (sim, mut link) = connected().await;
        sim.send(r#"{"event_type":"last words"}"#).await;
        sim.pull(lever);
        let (heard, error) = read_to_end(&mut link).await;
        assert_eq!(error.kind, kind, "{lever:?}: {}", error.chain());
        let last = heard.last().unwrap();
        assert_eq!(last["event_type"], "last words", "{lever:?}");
    }
}

#[tokio::test]
async fn a_frame_above_the_limit_ends_the_link() {
    let (sim, mut link) = connected().await;
    let longest = r#"{"event_type":""#.len() + r#""}"#.len();
    let event = |length: usize| {
        let name = "x".repeat(length - longest);
        format!(r#"{{"event_type":"{name}"}}"#)
    };
    sim.send(event(limits().max_frame)).await;
    sim.send(event(limits().max_frame + 1)).await;
    let (heard, error) = read_to_end(&mut link).await;
    assert_eq!(error.kind, LinkErrorKind::Protocol);
    assert!(error.chain().contains("max_frame"), "{}", error.chain());
    let name = heard.last().and_then(|event| event["event_type"].as_str());
    assert!(name.is_some_and(|name| name.starts_with("xxx")));
}

#[tokio::test]
async fn a_pbx_that_answers_pings_is_kept_and_a_mute_one_is_given_up() {
    let sim = Sim::start(Profile::default().quiet()).await.unwrap();
    let limits = Limits {
        silence: Duration::from_millis(900),
        ..limits()
    };
    let connected = connect(&config(&sim), limits, Arc::new(())).await;
    let mut link = connected.unwrap();
    let mut frames = Vec::new();
    let alive = async { while link.read(&mut frames).await.is_ok() {} };
    tokio::select! {
        () = alive => panic!("given up"),
        counts = sim.until(|counts| counts.pings >= 4) => assert_eq!(counts.open, 1),
    }
    sim.pull(Lever::HalfOpen);
    let (_, error) = read_to_end(&mut link).await;
    assert_eq!(error.kind, LinkErrorKind::Transient);
    assert!(error.chain().contains("pings"), "{}", error.chain());
}

#[tokio::test]
async fn a_scenario_is_played() {
    let scenario = Scenario::parse(
        r#"{"profile": {"dialect": "v22", "pace": 50}}
        {"at": 1, "call": {"plot": "internal", "caller": "101", "callee": "102"}}
        {"at": 2, "call": {"plot": "internal", "caller": "4711", "callee": "102"}}
        {"at": 3, "raw": {"event_type": "moon_phase_changed"}}
        {"at": 120, "text": "{\"event_type\":\"last words\"}"}
        {"at": 120, "lever": "close"}"#,
    )
    .unwrap();
    let sim = Sim::start(scenario.profile.clone()).await.unwrap();
    let mut link = open(&config(&sim)).await.unwrap();
    let ((), (heard, _)) = tokio::join!(sim.play(&scenario), read_to_end(&mut link));
    let names = heard
        .iter()
        .filter_map(|event| event["event_type"].as_str());
    let told: Vec<&str> = names
        .filter(|name| {
            ["call_start", "moon_phase_changed", "call_cdr", "last words"].contains(name)
        })
        .collect();
    assert_eq!(
        told,
        ["call_start", "moon_phase_changed", "call_cdr", "last words"]
    );
    let [truth] = &sim.truth()[..] else {
        panic!("{:?}", sim.truth());
    };
    assert_eq!((&*truth.caller, &*truth.callee), ("101", "102"));
}

#[tokio::test]
async fn pings_of_the_pbx_are_answered() {
    let peer = Peer::listen().await;
    let config = Config {
        url: format!("ws://{}/wsi", peer.address()),
        topics: Vec::new(),
        ..bare()
    };
    let (link, mut session) = tokio::join!(open(&config), async {
        let mut session = peer.accept().await;
        session.json().await;
        session
            .send(r#"{"command":"auth","id":"1","status":0}"#)
            .await;
        session
    });
    let mut link = link.unwrap();
    session.ping(b"are you there".to_vec()).await;
    let mut frames = Vec::new();
    tokio::select! {
        ended = link.read(&mut frames) => panic!("{ended:?} {frames:?}"),
        pong = session.message() => {
            assert_eq!(pong, Some(Message::Pong("are you there".into())));
        }
    }
}

#[tokio::test]
async fn tls_is_checked_unless_told_otherwise() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    let listen = Listen {
        address: None,
        tls: Some(Arc::new(tls)),
    };
    let sim = Sim::listen(Profile::default().quiet(), listen)
        .await
        .unwrap();
    let mut config = config(&sim);
    config.url = config.url.replace("127.0.0.1", "localhost");

    let error = open(&config).await.err().unwrap();
    assert_eq!(error.kind, LinkErrorKind::Unreachable);
    assert!(error.chain().contains("certificate"), "{}", error.chain());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, issued.cert.pem()).unwrap();
    config.ca_file = Some(file.clone());
    open(&config).await.unwrap();

    std::fs::write(&file, "no certificate").unwrap();
    assert_eq!(
        open(&config).await.err().unwrap().kind,
        LinkErrorKind::Unreachable
    );

    config.ca_file = None;
    config.insecure_tls = true;
    open(&config).await.unwrap();
}

#[tokio::test]
async fn reading_can_be_cancelled_without_loss() {
    const MANY: u64 = 2000;
    let (sim, mut link) = connected().await;
    let sending = async {
        for n in 0..MANY {
            sim.send(format!(r#"{{"event_type":"n","n":{n}}}"#)).await;
        }
    };
    let reading = async {
        let mut numbers = Vec::new();
        while numbers.len() < usize::try_from(MANY).unwrap() {
            let mut frames = Vec::new();
            tokio::select! {
                biased;
                read = link.read(&mut frames) => read.unwrap(),
                () = tokio::task::yield_now() => {}
            }
            let read = frames
                .iter()
                .map(|frame| serde_json::from_slice::<Value>(frame));
            numbers.extend(read.filter_map(|event| event.unwrap()["n"].as_u64()));
        }
        numbers
    };
    let ((), numbers) = must("all frames", async { tokio::join!(sending, reading) }).await;
    assert_eq!(numbers, (0..MANY).collect::<Vec<_>>());
}

async fn connected() -> (Sim, Connection) {
    let sim = Sim::start(Profile::default().quiet()).await.unwrap();
    let link = open(&config(&sim)).await.unwrap();
    (sim, link)
}

async fn open(config: &Config) -> Result<Connection, LinkError> {
    connect(config, limits(), Arc::new(())).await
}

fn limits() -> Limits {
    Limits {
        silence: Duration::from_secs(90),
        max_frame: 64 << 10,
    }
}

/// Calls last as long as they do, but time flies.
fn fast(dialect: Dialect) -> Profile {
    Profile {
        pace: 100.0,
        ..Profile::of(dialect).quiet()
    }
}

/// Leaves the dialect to be found out, and asks for what all dialects have.
fn config(sim: &Sim) -> Config {
    Config {
        dialect: None,
        domain: Some(sim.profile().domain.clone()),
        topics: ["extension_events", "cdr_events", "queue_events"]
            .map(str::to_owned)
            .to_vec(),
        ..sim.config()
    }
}

fn bare() -> Config {
    Config {
        url: String::new(),
        dialect: None,
        username: Some("supervisor".to_owned()),
        extension_number: None,
        domain: None,
        password: Secret::new("secret"),
        topics: vec!["cdr_events".to_owned()],
        extensions: Vec::new(),
        queues: Vec::new(),
        tenants: Vec::new(),
        service_numbers: Vec::new(),
        voicemail_numbers: Vec::new(),
        region: None,
        ca_file: None,
        insecure_tls: false,
        allow_plaintext: false,
        include_native: false,
    }
}

/// Lets time pass at once for whoever waits on a timer.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Reads until a message fits, and yields all up to it.
async fn read_until(link: &mut Connection, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut heard = Vec::new();
    loop {
        let mut frames: Vec<Bytes> = Vec::new();
        must("a frame", link.read(&mut frames)).await.unwrap();
        for frame in frames {
            let message: Value = serde_json::from_slice(&frame).unwrap();
            let found = fits(&message);
            heard.push(message);
            if found {
                return heard;
            }
        }
    }
}

/// Reads to the end, and yields all that came.
async fn read_to_end(link: &mut Connection) -> (Vec<Value>, LinkError) {
    let mut frames: Vec<Bytes> = Vec::new();
    loop {
        if let Err(error) = must("the end", link.read(&mut frames)).await {
            let heard = frames.iter().map(|frame| serde_json::from_slice(frame));
            return (heard.map(Result::unwrap).collect(), error);
        }
    }
}

#[derive(Default)]
struct Record(Mutex<Vec<(Direction, String)>>);

impl Tap for Record {
    fn frame(&self, direction: Direction, bytes: &[u8]) {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.0.lock().unwrap().push((direction, text));
    }
}
