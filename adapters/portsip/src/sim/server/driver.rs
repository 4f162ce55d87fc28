//! The clockwork: lets the world live in real time, adds load, and makes trouble at intervals.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Shared, State};
use crate::sim::{profile::seconds, scenario::Lever};

/// How long a frame waits to be overtaken, at most.
const HELD: Duration = Duration::from_millis(500);

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
        let live = |state: &mut State| {
            let letters = shared.catch_up(state);
            (letters, (state.world.poll_timeout(), state.mangler.holds()))
        };
        let (next, holds) = shared.in_turn(live).await;
        let wait = next.map(|at| shared.real(at.saturating_sub(shared.now())));
        // A frame that waits to be overtaken does not wait for what is far off.
        let alone = holds && wait.is_none_or(|wait| wait > HELD);
        let wait = if alone { Some(HELD) } else { wait };
        tokio::select! {
            () = shared.wake.notified() => continue,
            () = sleep(wait.unwrap_or(Duration::MAX)), if wait.is_some() => {}
        }
        if alone {
            let release = |state: &mut State| {
                let frames = state.mangler.release();
                (shared.address(state, &frames), ())
            };
            shared.in_turn(release).await;
        }
    }
}

/// Adds frames at the wanted rate, a hundredth of a second's worth at a time.
async fn load(shared: Arc<Shared>) {
    const TICKS: u32 = 100;
    let mut ticks = interval(Duration::from_secs(1) / TICKS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut due, mut n) = (0, 0_u64);
    loop {
        ticks.tick().await;
        due += shared.profile.frames_per_s;
        let numbers = n..n + u64::from(due / TICKS);
        n = numbers.end;
        let chat = |state: &mut State| {
            let mut letters = shared.catch_up(state);
            let told = numbers.filter_map(|n| state.world.chatter(n)).collect();
            letters.extend(shared.tell(state, told));
            (letters, ())
        };
        shared.in_turn(chat).await;
        due %= TICKS;
    }
}

async fn trouble(shared: Arc<Shared>, every: Duration, lever: Lever) {
    loop {
        sleep(every).await;
        tracing::info!(?lever, "chaos");
        shared.pull(lever);
    }
}
