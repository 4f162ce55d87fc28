//! A source in a PBX's worst hours.

#![cfg(test)]

use std::{sync::Arc, time::Duration};

use adapter::{Limits, Reconnect, Resume, Setup, Supervisor};
use model::{SourceId, observation::SourceFact};
use portsip::{
    Portsip,
    sim::{Chaos, Lever, Profile, Sim},
    wire::Dialect,
};
use testkit::{Collector, TokioClock, must};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn nothing_a_pbx_does_ends_a_source() {
    for dialect in Dialect::ALL {
        live_through(dialect).await;
    }
}

async fn live_through(dialect: Dialect) {
    let sim = Sim::start(Profile {
        calls_per_s: 3.0,
        pace: 60.0,
        stray_event: true,
        duplicate_target_add: true,
        chaos: Chaos {
            duplicate: 0.2,
            reorder: 0.2,
            garbage: 0.05,
            unknown_event: 0.05,
            unknown_field: 0.05,
            ..Chaos::default()
        },
        ..Profile::of(dialect)
    })
    .await
    .unwrap();
    let limits = Limits {
        silence: Duration::from_millis(900),
        max_frame: 1 << 20,
    };
    let source = SourceId::new("hq").unwrap();
    let heard = Arc::new(Collector::new());
    let supervisor = Supervisor::new(Setup {
        adapter: Arc::new(Portsip::new(source.clone(), sim.config(), limits)),
        source,
        boot: 1,
        resume: Resume::default(),
        reconnect: Reconnect {
            initial: Duration::from_millis(10),
            max: Duration::from_millis(50),
            budget_per_min: 1000,
        },
        connect_timeout: Setup::CONNECT_TIMEOUT,
        clock: Arc::new(TokioClock::new()),
        seed: 1,
        tap: Arc::new(()),
        sink: Arc::clone(&heard) as _,
    });
    let counters = Arc::clone(supervisor.handle().counters());
    let stop = CancellationToken::new();
    let task = tokio::spawn(supervisor.run(stop.clone()));
    let up = |fact: &SourceFact| matches!(fact, SourceFact::Connected { .. });

    heard.until_source("a connection", 1, up).await;
    must("plenty of traffic", async {
        while counters.frames() < 500 {
            heard.until("more", |_| true).await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(counters.connects(), 1, "{dialect:?}: frames end no link");

    for (times, lever) in (2..).zip([Lever::Drop, Lever::Close, Lever::HalfOpen, Lever::Restart]) {
        sim.pull(lever);
        heard.until_source("a connection", times, up).await;
    }
    stop.cancel();
    let ended = must("the end", task).await.unwrap();
    assert_eq!(ended, Ok(()));
    let frames = u64::try_from(heard.frames().len()).unwrap();
    assert_eq!(
        frames,
        counters.frames(),
        "{dialect:?}: every frame is heard"
    );
    let invented = sim.truth().is_empty();
    assert!(!invented, "{dialect:?}: there were calls");
}
