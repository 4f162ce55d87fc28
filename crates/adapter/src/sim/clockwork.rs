//! The clockwork: lets a world live in real time, adds load, and makes trouble at intervals.

use std::{ops::Range, sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Chaos, Clients, Frame, House, Letter, Lever, Mangler, Told, mangle::HELD, seconds};

/// A simulated PBX that can be set going.
pub trait Living: Send + Sync + 'static {
    /// Its state.
    type State: Clients<Out: Send> + Send;
    /// What it has seen so far.
    type Counts: Copy + Default + Send + Sync;
    /// What its world tells.
    type Told: Told;

    /// Where it lives.
    fn house(&self) -> &House<Self::State, Self::Counts>;

    /// What goes wrong by itself.
    fn chaos(&self) -> &Chaos;

    /// Messages per second beside those of its calls.
    fn load(&self) -> u32;

    /// What its messages go through on their way out.
    fn mangler(state: &mut Self::State) -> &mut Mangler<Self::Told>;

    /// When its world goes on by itself, by its own time.
    fn poll_timeout(state: &Self::State) -> Option<Duration>;

    /// Lets the world live up to a moment of its own time. Yields what it told meanwhile.
    fn advance(&self, state: &mut Self::State, now: Duration) -> Vec<Self::Told>;

    /// Messages that change nothing that matters, by their numbers.
    fn chatter(&self, state: &mut Self::State, numbers: Range<u64>) -> Vec<Self::Told>;

    /// Finds out who gets what.
    fn address(&self, state: &Self::State, frames: &[Frame<Self::Told>]) -> Vec<LetterOf<Self>>;

    /// Does something to it.
    fn pull(&self, lever: Lever);

    /// Addresses what is told, as far as it comes to that.
    fn tell(&self, state: &mut Self::State, told: Vec<Self::Told>) -> Vec<LetterOf<Self>> {
        let frames = Self::mangler(state).mangle(told);
        self.address(state, &frames)
    }

    /// Lets the world live up to now, and addresses what it said.
    fn catch_up(&self, state: &mut Self::State) -> Vec<LetterOf<Self>> {
        let told = self.advance(state, self.house().now());
        self.tell(state, told)
    }
}

/// What a simulated PBX tells one of its clients.
pub type LetterOf<L> = Letter<<<L as Living>::State as Clients>::Out>;

/// Lets it live until its house is closed.
pub fn set_going<L: Living>(living: &Arc<L>) {
    until_stopped(living, live(Arc::clone(living)));
    if living.load() > 0 {
        until_stopped(living, load(Arc::clone(living)));
    }
    let chaos = living.chaos();
    for (every, lever) in [
        (chaos.drop_every_s, Lever::Drop),
        (chaos.half_open_every_s, Lever::HalfOpen),
        (chaos.restart_every_s, Lever::Restart),
    ] {
        if let Some(every) = seconds(every) {
            until_stopped(living, trouble(Arc::clone(living), every, lever));
        }
    }
}

fn until_stopped<L: Living>(living: &Arc<L>, task: impl Future<Output = ()> + Send + 'static) {
    let stop = living.house().stop();
    tokio::spawn(async move { stop.run_until_cancelled(task).await });
}

async fn live<L: Living>(living: Arc<L>) {
    let house = living.house();
    loop {
        let live = |state: &mut L::State| {
            let letters = living.catch_up(state);
            (letters, (L::poll_timeout(state), L::mangler(state).holds()))
        };
        let (next, holds) = house.in_turn(live).await;
        let wait = next.map(|at| house.real(at.saturating_sub(house.now())));
        // A message that waits to be overtaken does not wait for what is far off.
        let alone = holds && wait.is_none_or(|wait| wait > HELD);
        let wait = if alone { Some(HELD) } else { wait };
        tokio::select! {
            () = house.woken() => continue,
            () = sleep(wait.unwrap_or(Duration::MAX)), if wait.is_some() => {}
        }
        if alone {
            let release = |state: &mut L::State| {
                let frames = L::mangler(state).release();
                (living.address(state, &frames), ())
            };
            house.in_turn(release).await;
        }
    }
}

/// Adds messages at the wanted rate, a hundredth of a second's worth at a time.
async fn load<L: Living>(living: Arc<L>) {
    const TICKS: u32 = 100;
    let mut ticks = interval(Duration::from_secs(1) / TICKS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut due, mut n) = (0, 0_u64);
    loop {
        ticks.tick().await;
        due += living.load();
        let numbers = n..n + u64::from(due / TICKS);
        n = numbers.end;
        let chat = |state: &mut L::State| {
            let mut letters = living.catch_up(state);
            let told = living.chatter(state, numbers);
            letters.extend(living.tell(state, told));
            (letters, ())
        };
        living.house().in_turn(chat).await;
        due %= TICKS;
    }
}

async fn trouble<L: Living>(living: Arc<L>, every: Duration, lever: Lever) {
    loop {
        sleep(every).await;
        tracing::info!(?lever, "chaos");
        living.pull(lever);
    }
}
