//! The clockwork: lets the world live in real time, adds load, and makes trouble at intervals.

use std::{future::Future, sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{
    super::voice::{Body, Emission, Topic},
    Shared,
};
use crate::sim::{profile::seconds, scenario::Lever};

pub(super) fn spawn(shared: &Arc<Shared>) {
    until_stopped(shared, live(Arc::clone(shared)));
    if shared.profile.frames_per_s > 0 {
        until_stopped(shared, load(Arc::clone(shared)));
    }
    let chaos = &shared.profile.chaos;
    for (every, lever) in [
        (chaos.drop_every_s, Lever::Drop),
        (chaos.half_open_every_s, Lever::HalfOpen),
        (chaos.restart_every_s, Lever::Restart),
    ] {
        if let Some(every) = seconds(every) {
            until_stopped(shared, trouble(Arc::clone(shared), every, lever));
        }
    }
}

fn until_stopped(shared: &Arc<Shared>, task: impl Future<Output = ()> + Send + 'static) {
    let stop = shared.stop.clone();
    tokio::spawn(async move { stop.run_until_cancelled(task).await });
}

async fn live(shared: Arc<Shared>) {
    loop {
        let (letters, next) = {
            let mut state = shared.lock();
            let letters = shared.catch_up(&mut state);
            (letters, state.world.poll_timeout())
        };
        shared.post(letters).await;
        let wait = next.map(|at| shared.real(at.saturating_sub(shared.now())));
        tokio::select! {
            () = shared.wake.notified() => {}
            () = sleep(wait.unwrap_or(Duration::MAX)), if wait.is_some() => {}
        }
    }
}

/// Sends `extension_call` frames at the wanted rate, a hundredth of a second's worth at a time.
async fn load(shared: Arc<Shared>) {
    const TICKS: u32 = 100;
    let numbers: Vec<String> = shared.profile.extension_numbers().collect();
    let mut ticks = interval(Duration::from_secs(1) / TICKS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut due, mut n) = (0, 0_usize);
    while !numbers.is_empty() {
        ticks.tick().await;
        due += shared.profile.frames_per_s;
        let now = due / TICKS;
        due %= TICKS;
        let told = (0..now).map(|_| {
            n += 1;
            let number = &numbers[n % numbers.len()];
            let status = ["RINGING", "ON_CALL", ""][n / numbers.len() % 3];
            extension_call(&shared, number, status)
        });
        let told = told.collect();
        let letters = {
            let mut state = shared.lock();
            shared.tell(&mut state, told)
        };
        shared.post(letters).await;
    }
}

async fn trouble(shared: Arc<Shared>, every: Duration, lever: Lever) {
    loop {
        sleep(every).await;
        tracing::info!(?lever, "chaos");
        shared.pull(lever);
    }
}

fn extension_call(shared: &Shared, number: &str, status: &str) -> Emission {
    let profile = &shared.profile;
    Emission {
        topic: Topic::Extension,
        about: vec![number.to_owned()],
        body: Body::from([
            ("call_status", json!(status)),
            ("event_type", json!("extension_call")),
            (
                "extension",
                json!(format!("sip:{number}@{}", profile.domain)),
            ),
            (
                "extension_id",
                json!(format!("{}{number}", profile.tenant_id / 1000)),
            ),
            ("tenant_id", json!(profile.tenant_id.to_string())),
            ("time", json!("1725845656")),
        ]),
    }
}
