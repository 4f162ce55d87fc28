//! Faults, and the way back: the source connects again by itself, with the backoff that is stated, and hears again.

#![cfg(test)]

#[path = "still/config.rs"]
mod config;
mod still;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use adapter::{Closed, Handle, Limits, Reconnect, Resume, Setup, Supervisor};
use model::{SourceId, observation::SourceFact};
use telecomx::{
    Config, TelecomX,
    link::packet::Engine,
    sim::{Lever, Listen, Profile, Sim},
};
use testkit::{Collector, TokioClock, must};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{config::config, still::Still};

/// Rows 3, 7 and 12 of the reasons for a client of our own, and every other way to lose a connection: it is noticed, the
/// next one comes after half a second to a second, and is subscribed to everything.
#[tokio::test]
async fn every_fault_is_recovered_from_with_the_stated_wait() {
    let mut faults = JoinSet::new();
    for engine in [Engine::V4, Engine::V3] {
        for lever in [
            Lever::Drop,
            Lever::Close,
            Lever::Disconnect,
            Lever::EngineClose,
            Lever::HalfOpen,
            Lever::StopHeartbeat,
            Lever::Restart,
        ] {
            faults.spawn(recovers(engine, lever));
        }
    }
    while let Some(recovered) = faults.join_next().await {
        recovered.unwrap();
    }
}

async fn recovers(engine: Engine, lever: Lever) {
    let profile = Profile {
        ping_interval_ms: 300,
        ping_timeout_ms: 2_000,
        ..Profile::of(engine)
    };
    let sim = Sim::start(profile.quiet(), Still::default()).await.unwrap();
    let run = Run::start(config(&sim), Reconnect::default());
    sim.until(|counts| counts.subscriptions == 4).await;
    sim.pull(lever);
    run.heard
        .until_source("another connection", 2, is_connected)
        .await;
    sim.until(|counts| counts.subscriptions == 8).await;
    sim.send(r#"42["PBX",{"event":"NOVELTY"}]"#).await;
    run.heard.until_frame("NOVELTY").await;
    assert!(
        !run.heard.sources().iter().any(is_refused),
        "{engine:?} {lever:?}"
    );
    let lost = times(&run.heard, |fact| {
        matches!(fact, SourceFact::Disconnected { .. })
    });
    let tried = attempts(&run.heard);
    assert_eq!((lost.len(), tried.len()), (1, 2), "{engine:?} {lever:?}");
    // The upper bound is that of a quiet machine, and tested in paused time.
    let wait = tried[1] - lost[0];
    assert!(
        wait >= Duration::from_millis(500),
        "{engine:?} {lever:?}: {wait:?}"
    );
    run.stop().await;
}

/// Row 8: what cannot be read costs nothing but itself.
#[tokio::test]
async fn malformed_frames_cost_no_connection() {
    for engine in [Engine::V4, Engine::V3] {
        let sim = Sim::start(Profile::of(engine).quiet(), Still::default())
            .await
            .unwrap();
        let run = Run::start(config(&sim), Reconnect::default());
        sim.until(|counts| counts.subscriptions == 4).await;
        for frame in [
            "",
            "4",
            "7foo",
            "49[]",
            "42[",
            "42{}",
            "42[]",
            "42[17,{}]",
            "41/other",
            "3",
            "hello",
        ] {
            sim.send(frame).await;
        }
        sim.send(r#"42["PBX",{"event":"NOVELTY"}]"#).await;
        run.heard.until_frame("NOVELTY").await;
        assert_eq!(attempts(&run.heard).len(), 1, "{engine:?}");
        let counted = run.handle.measures();
        let bad = counted
            .iter()
            .filter(|measure| measure.name == "bad_packets");
        assert!(bad.count() >= 4, "{counted:?}");
        run.stop().await;
    }
}

/// A list that is longer than `max_frame` is told of once, and the connection stays.
#[tokio::test]
async fn a_list_above_the_limit_degrades_and_is_not_asked_for_again() {
    let world = Still {
        padding: 4 << 20,
        ..Still::default()
    };
    let sim = Sim::start(Profile::default().quiet(), world).await.unwrap();
    let run = Run::start(config(&sim), Reconnect::default());
    let too_long = |fact: &SourceFact| matches!(fact, SourceFact::Degraded { reason } if reason.contains("longer than max_frame"));
    // Each of the five lists when it is refused, and each again when all is said.
    run.heard.until_source("refused lists", 10, too_long).await;
    sim.send(r#"42["PBX",{"event":"NOVELTY"}]"#).await;
    run.heard.until_frame("NOVELTY").await;
    assert_eq!(sim.counts().rest, 5);
    assert_eq!(attempts(&run.heard).len(), 1);
    let took = run.handle.measures();
    assert!(
        took.iter()
            .any(|measure| measure.name == "snapshot_seconds"),
        "{took:?}"
    );
    run.stop().await;
}

/// Row 5 of the reasons for a client of our own: no outage is so long that the provider is flooded.
#[tokio::test(start_paused = true)]
async fn a_long_outage_is_borne_with_patience() {
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let port = TcpListener::bind(nobody)
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let source: Config = serde_json::from_value(serde_json::json!({
        "url": format!("http://{port}"), "token": "viewer-token", "customer": Profile::default().customer,
    }))
    .unwrap();
    let run = Run::start(source, Reconnect::default());
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let attempts = attempts(&run.heard);
    // Doubling from a second to a minute, each wait between its half and its whole.
    assert!((60..140).contains(&attempts.len()), "{}", attempts.len());
    let waits = attempts
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64());
    for (n, wait) in (0_i32..).zip(waits) {
        let whole = 2_f64.powi(n.min(6)).min(60.0);
        assert!(
            wait >= whole / 2.0 - 0.01 && wait <= whole + 0.1,
            "{n}: {wait}"
        );
    }
    let gone = run
        .heard
        .sources()
        .into_iter()
        .filter(|fact| matches!(fact, SourceFact::Disconnected { .. }));
    assert!(gone.count() >= attempts.len() - 1);

    // The service is back.
    tokio::time::resume();
    let listen = Listen {
        address: Some(port),
        tls: None,
    };
    let sim = Sim::listen(Profile::default().quiet(), Still::default(), listen)
        .await
        .unwrap();
    run.handle.reconnect();
    sim.until(|counts| counts.subscriptions == 4).await;
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_tried_again_slowly() {
    tokio::time::resume();
    let sim = Sim::start(Profile::default().quiet(), Still::default())
        .await
        .unwrap();
    sim.pull(Lever::RefuseLogins);
    let run = Run::start(config(&sim), Reconnect::default());
    run.heard.until_source("a refusal", 1, is_refused).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(59)).await;
    tokio::time::resume();
    assert_eq!(attempts(&run.heard).len(), 1, "not within a minute");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(10)).await;
    tokio::time::resume();
    run.heard
        .until_source("another refusal", 2, is_refused)
        .await;
    run.stop().await;
}

fn is_connected(fact: &SourceFact) -> bool {
    matches!(fact, SourceFact::Connected { .. })
}

fn is_refused(fact: &SourceFact) -> bool {
    matches!(fact, SourceFact::AuthFailed { .. })
}

/// When each attempt began.
fn attempts(heard: &Collector) -> Vec<Duration> {
    times(heard, |fact| *fact == SourceFact::Connecting)
}

/// When each of these was told.
fn times(heard: &Collector, fits: impl Fn(&SourceFact) -> bool) -> Vec<Duration> {
    let tells = |heard: &&model::Heard| {
        let mut told = heard.reports.iter().flat_map(|report| &report.observations);
        told.any(|told| matches!(&told.fact, model::Fact::Source(fact) if fits(fact)))
    };
    heard
        .heard()
        .iter()
        .filter(tells)
        .map(|heard| heard.now.mono)
        .collect()
}

struct Run {
    heard: Arc<Collector>,
    handle: Handle,
    stop: CancellationToken,
    task: JoinHandle<Result<(), Closed>>,
}

impl Run {
    fn start(config: Config, reconnect: Reconnect) -> Self {
        let heard = Arc::new(Collector::new());
        let source = SourceId::new("cph").unwrap();
        let limits = Limits {
            silence: Duration::from_secs(3),
            max_frame: 4 << 20,
        };
        let supervisor = Supervisor::new(Setup {
            source: source.clone(),
            boot: 1,
            adapter: Arc::new(TelecomX::new(source, config, limits)),
            resume: Resume::default(),
            reconnect,
            connect_timeout: Setup::CONNECT_TIMEOUT,
            clock: Arc::new(TokioClock::new()),
            seed: 1,
            tap: Arc::new(()),
            sink: Arc::clone(&heard) as _,
        });
        let stop = CancellationToken::new();
        Self {
            heard,
            handle: supervisor.handle(),
            stop: stop.clone(),
            task: tokio::spawn(supervisor.run(stop)),
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        must("the end", self.task).await.unwrap().unwrap();
    }
}
