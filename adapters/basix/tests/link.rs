//! The link against the simulator: every way in, and the ways it can end.

#![cfg(test)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use adapter::{Direction, Limits, Link, LinkError, LinkErrorKind, Tap};
use basix::{
    config::{Config, Secret},
    link::{Connection, connect},
    sim::{Hang, Lever, Listen, Order, Plot, Profile, Scenario, Sim},
    wire::{self, Message},
};
use bytes::Bytes;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use testkit::must;

#[tokio::test]
async fn a_token_opens_and_everything_is_told() {
    let sim = sim().await;
    let mut link = open(&sim.config()).await.unwrap();
    assert_eq!(link.dialect(), None);
    assert!(link.reconciles().contains(&model::Collection::Calls));
    let uuid = sim.call(&Order::of(Plot::Answered)).await.unwrap();
    let frames = read_until(&mut link, |frame| says(frame, &uuid)).await;
    let specs = frames
        .iter()
        .filter(|frame| matches!(wire::decode(frame), Ok(Message::FieldSpec(_))));
    assert_eq!(specs.count(), 7);
    link.close().await;
    sim.until(|counts| counts.open == 0).await;
}

#[tokio::test]
async fn wrong_credentials_are_a_refusal_and_no_secret() {
    let sim = sim().await;
    let wrong = Config {
        token: Some(Secret::new("hunter2")),
        ..sim.config()
    };
    let as_ticket = Config {
        ticket: true,
        full_events: false,
        user: Some("1001".to_owned()),
        ..wrong.clone()
    };
    let nobody = Config {
        full_events: false,
        user: Some("4711".to_owned()),
        ..sim.config()
    };
    for config in [wrong, as_ticket, nobody] {
        let error = open(&config).await.err().unwrap();
        assert_eq!(error.kind, LinkErrorKind::AuthRejected, "{}", error.chain());
        assert!(!error.chain().contains("hunter2"), "{}", error.chain());
    }
    assert_eq!(sim.counts().logins, 0);
}

#[tokio::test]
async fn a_ticket_is_drawn_for_each_connection() {
    let sim = sim().await;
    let config = Config {
        ticket: true,
        full_events: false,
        user: Some("1001".to_owned()),
        ..sim.config()
    };
    assert_eq!(config.check(), []);
    for times in 1..=3 {
        let mut link = open(&config).await.unwrap();
        assert_eq!((sim.counts().tickets, sim.counts().logins), (times, times));
        link.close().await;
        sim.until(|counts| counts.open == 0).await;
    }
}

#[tokio::test]
async fn a_session_sees_its_own_users_legs_alone() {
    let profile = Profile {
        pace: 20.0,
        ..Profile::default().quiet()
    };
    let sim = Sim::start(profile).await.unwrap();
    let config = Config {
        domain: None,
        token: None,
        cookie: Some(Secret::new("session=user1")),
        full_events: false,
        ..sim.config()
    };
    assert_eq!(config.check(), []);
    let mut link = open(&config).await.unwrap();
    let order = |callee: &str| Order {
        callee: Some(callee.to_owned()),
        ..Order::of(Plot::Missed)
    };
    sim.call(&order("1002")).await.unwrap();
    sim.call(&order("1001")).await.unwrap();
    let frames = read_until(&mut link, |frame| {
        says(frame, "recv_cancel") || says(frame, "send_cancel")
    })
    .await;
    let legs = frames.iter().filter(|frame| says(frame, "CHANNEL_"));
    assert!(legs.clone().count() > 0);
    assert!(legs.clone().all(|frame| !says(frame, "\0\u{4}1002")));
}

#[tokio::test]
async fn without_room_the_source_waits_and_does_not_fight() {
    let sim = sim().await;
    let config = sim.config();
    let (mut first, mut second) = (open(&config).await.unwrap(), open(&config).await.unwrap());
    let error = open(&config).await.err().unwrap();
    assert_eq!(error.kind, LinkErrorKind::LimitReached, "{}", error.chain());
    assert_eq!((sim.counts().limited, sim.counts().replaced), (1, 0));

    let forced = Config {
        force: true,
        ..config
    };
    let mut third = open(&forced).await.unwrap();
    let (frames, error) = read_to_end(&mut first).await;
    assert_eq!(error.kind, LinkErrorKind::Replaced, "{}", error.chain());
    assert!(
        says(frames.last().unwrap(), "connection_replaced"),
        "it is heard, too"
    );
    let uuid = sim.call(&Order::of(Plot::Answered)).await.unwrap();
    for link in [&mut second, &mut third] {
        read_until(link, |frame| says(frame, &uuid)).await;
    }
}

#[tokio::test]
async fn the_end_of_the_session_is_a_refusal() {
    let (sim, mut link) = connected().await;
    assert!(
        sim.write(&json!({"term": [":system_msg", ":logout"]}))
            .await
    );
    let (_, error) = read_to_end(&mut link).await;
    assert_eq!(error.kind, LinkErrorKind::AuthRejected, "{}", error.chain());
}

#[tokio::test]
async fn a_connection_that_is_lost_is_that() {
    for lever in [Lever::Drop, Lever::Close, Lever::Restart] {
        let (sim, mut link) = connected().await;
        sim.pull(lever);
        let (_, error) = read_to_end(&mut link).await;
        assert_eq!(
            error.kind,
            LinkErrorKind::Transient,
            "{lever:?}: {}",
            error.chain()
        );
    }
}

#[tokio::test]
async fn hostile_frames_end_no_link() {
    let (sim, mut link) = connected().await;
    sim.send_hostile().await;
    let uuid = sim.call(&Order::of(Plot::Answered)).await.unwrap();
    read_until(&mut link, |frame| says(frame, &uuid)).await;
}

#[tokio::test]
async fn a_frame_above_the_limit_ends_the_link() {
    let (sim, mut link) = connected().await;
    sim.send(vec![0x83; 80 << 10]).await;
    let (_, error) = read_to_end(&mut link).await;
    assert_eq!(error.kind, LinkErrorKind::Protocol);
    assert!(error.chain().contains("max_frame"), "{}", error.chain());
}

#[tokio::test]
async fn a_pbx_that_answers_pings_is_kept_and_a_mute_one_is_given_up() {
    let sim = sim().await;
    let limits = Limits {
        silence: Duration::from_millis(900),
        ..limits()
    };
    let mut link = connect(&sim.config(), limits, Arc::new(())).await.unwrap();
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

#[tokio::test(start_paused = true)]
async fn a_pbx_that_says_nothing_at_first_is_no_failure() {
    let sim = sim().await;
    sim.hang(Hang::Open);
    open(&sim.config()).await.unwrap();
    assert_eq!(sim.counts().logins, 1);
    sim.hang(Hang::Accepted);
    let error = open(&sim.config()).await.err().unwrap();
    assert_eq!(error.kind, LinkErrorKind::Unreachable, "{}", error.chain());
}

#[tokio::test]
async fn commands_are_text_and_acted_on() {
    let (sim, mut link) = connected().await;
    let uuid = sim.call(&Order::of(Plot::Missed)).await.unwrap();
    read_until(&mut link, |frame| says(frame, "CHANNEL_ORIGINATE")).await;
    let command = json!({"cmd": "hangup", "uuid": uuid}).to_string();
    link.send(command.into()).await.unwrap();
    read_until(&mut link, |frame| {
        says(frame, "MANAGER_REQUEST") && says(frame, &uuid)
    })
    .await;
    assert_eq!(sim.counts().commands, 1);
}

#[tokio::test]
async fn the_tap_sees_frames_and_no_secret() {
    #[derive(Default)]
    struct Seen(Mutex<Vec<(Direction, Vec<u8>)>>);
    impl Tap for Seen {
        fn frame(&self, direction: Direction, bytes: &[u8]) {
            self.0.lock().unwrap().push((direction, bytes.to_vec()));
        }
    }
    let sim = sim().await;
    let seen = Arc::new(Seen::default());
    let mut link = connect(&sim.config(), limits(), Arc::clone(&seen) as Arc<dyn Tap>)
        .await
        .unwrap();
    let uuid = sim.call(&Order::of(Plot::Answered)).await.unwrap();
    let read = read_until(&mut link, |frame| says(frame, &uuid)).await;
    link.send(Bytes::from_static(b"{}")).await.unwrap();
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen.len(), read.len() + 1);
    assert_eq!(seen.last().unwrap(), &(Direction::Sent, b"{}".to_vec()));
    assert!(seen.iter().all(|(_, bytes)| !says(bytes, "secret")));
}

#[tokio::test]
async fn a_scenario_is_played() {
    let scenario = Scenario::parse(
        r#"{"profile": {"users": 5, "pace": 50}}
        {"at": 1, "call": {"plot": "internal", "caller": "1001", "callee": "1002"}}
        {"at": 2, "call": {"plot": "internal", "caller": "4711", "callee": "1002"}}
        {"at": 3, "raw": {"term": [":msg", "moon phase"]}}
        {"at": 120, "raw": {"term": [":msg", "last words"]}}
        {"at": 120, "lever": "close"}"#,
    )
    .unwrap();
    let sim = Sim::start(scenario.profile.clone()).await.unwrap();
    let mut link = open(&sim.config()).await.unwrap();
    let ((), (heard, _)) = tokio::join!(sim.play(&scenario), read_to_end(&mut link));
    for word in ["moon phase", "last words", "CHANNEL_BRIDGE"] {
        assert!(heard.iter().any(|frame| says(frame, word)), "{word}");
    }
    let [truth] = &sim.truth()[..] else {
        panic!("{:?}", sim.truth());
    };
    assert_eq!((&*truth.caller, &*truth.callee), ("1001", "1002"));
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
        tls: Some(Arc::new(tls)),
        ..Listen::default()
    };
    let sim = Sim::listen(Profile::default().quiet(), listen)
        .await
        .unwrap();
    let mut config = Config {
        url: sim.url().replace("127.0.0.1", "localhost"),
        ticket: true,
        full_events: false,
        user: Some("1001".to_owned()),
        ..sim.config()
    };
    let error = open(&config).await.err().unwrap();
    assert_eq!(error.kind, LinkErrorKind::Unreachable);
    assert!(error.chain().contains("certificate"), "{}", error.chain());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, issued.cert.pem()).unwrap();
    config.ca_file = Some(file);
    open(&config).await.unwrap();

    config.ca_file = None;
    config.insecure_tls = true;
    open(&config).await.unwrap();
}

async fn sim() -> Sim {
    Sim::start(Profile::default().quiet()).await.unwrap()
}

async fn connected() -> (Sim, Connection) {
    let sim = sim().await;
    let link = open(&sim.config()).await.unwrap();
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

fn says(frame: &[u8], text: &str) -> bool {
    frame
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

async fn read_until(link: &mut Connection, fits: impl Fn(&[u8]) -> bool) -> Vec<Bytes> {
    let mut frames: Vec<Bytes> = Vec::new();
    must("a frame", async {
        let mut looked = 0;
        loop {
            link.read(&mut frames).await.unwrap();
            if frames[looked..].iter().any(|frame| fits(frame)) {
                return;
            }
            looked = frames.len();
        }
    })
    .await;
    frames
}

async fn read_to_end(link: &mut Connection) -> (Vec<Bytes>, LinkError) {
    let mut frames = Vec::new();
    let error = must("the end", async {
        loop {
            if let Err(error) = link.read(&mut frames).await {
                return error;
            }
        }
    })
    .await;
    (frames, error)
}
