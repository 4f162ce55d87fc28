//! Keeps one source connected for ever, and hands on what it tells.
//!
//! One task per source runs this loop: *connecting*, *connected*, read until the link ends, *disconnected*, wait, again.
//! It owns the translator and gives it its timeouts in every phase, because a call may have to be closed while there is
//! no link. A hub that is slow makes [`Sink::deliver`] wait, and then the PBX is simply not read.

mod facts;
mod followed;
mod session;

use std::{fmt, future::Future, pin::pin, sync::Arc, time::Duration};

use model::{Clock, Heard, Now, RawFrame, SourceId, Text, observation::SourceFact};
use telemetry::Tracer;
use tokio::{
    sync::{Notify, mpsc},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use self::facts::{ending, is_synced, report};
use crate::{
    Adapter, Backoff, Closed, Counters, Direction, Link, LinkError, LinkErrorKind, Measure, Order,
    Output, Reconnect, Refusal, Resume, Sink, Tap, Translator, WireLog,
};

/// What a supervisor works with.
pub struct Setup {
    /// The source's configured name.
    pub source: SourceId,
    /// Which start of the gateway this is, for frame ids.
    pub boot: u32,
    /// The source.
    pub adapter: Arc<dyn Adapter>,
    /// What was known of it before.
    pub resume: Resume,
    /// When to try again.
    pub reconnect: Reconnect,
    /// How long an attempt may take, from DNS to the last subscription.
    pub connect_timeout: Duration,
    /// Tells the time. Timers run on tokio's clock, so the two must pass alike.
    pub clock: Arc<dyn Clock>,
    /// A random number, to keep sources out of step.
    pub seed: u64,
    /// Sees every frame, beside the wire log.
    pub tap: Arc<dyn Tap>,
    /// Takes what was heard.
    pub sink: Arc<dyn Sink>,
}

/// The loop. Made with its [`Handle`], then [`Supervisor::run`].
pub struct Supervisor {
    source: SourceId,
    boot: u32,
    adapter: Arc<dyn Adapter>,
    translator: Box<dyn Translator>,
    backoff: Backoff,
    connect_timeout: Duration,
    clock: Arc<dyn Clock>,
    tap: Arc<dyn Tap>,
    sink: Arc<dyn Sink>,
    handle: Handle,
    /// Since when the snapshot is waited for.
    connected_at: Option<Duration>,
    orders: mpsc::Receiver<Order>,
    frames: u64,
    tracer: Tracer,
    out: Output,
}

/// What others may ask of a supervised source.
#[derive(Clone)]
pub struct Handle {
    hurry: Arc<Notify>,
    orders: mpsc::Sender<Order>,
    counters: Arc<Counters>,
    adapter: Arc<dyn Adapter>,
}

/// Why the loop ends early.
enum Ended {
    Stopped,
    Closed,
}

/// The most commands that wait for a source.
const ORDERS: usize = 64;

impl Setup {
    /// The longest that an attempt to connect may take, unless told otherwise.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
}

impl Handle {
    /// Connects anew: ends a wait, or the link that stands. Never beyond the budget of attempts.
    pub fn reconnect(&self) {
        self.hurry.notify_one();
    }

    /// Hands over a command. What becomes of it is told by [`model::Fact::Command`].
    ///
    /// # Errors
    /// When the source is stopped, or so busy that the command was not taken: then nothing is told.
    pub fn order(&self, order: Order) -> Result<(), Refusal> {
        self.orders.try_send(order).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Refusal::new("busy", "too many commands wait for the source")
            }
            mpsc::error::TrySendError::Closed(_) => Refusal::not_connected(),
        })
    }

    /// What the source has counted so far.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// What the adapter has counted besides, and how long the last snapshot took.
    #[must_use]
    pub fn measures(&self) -> Vec<Measure> {
        let mut all = self.adapter.measures();
        let took = self.counters.snapshot_took();
        all.extend(took.map(|took| Measure::gauge("snapshot_seconds", took.as_secs_f64())));
        all
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counters = &self.counters;
        f.debug_struct("Handle")
            .field("counters", counters)
            .finish_non_exhaustive()
    }
}

impl Supervisor {
    /// A supervisor that has not begun.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let (sender, orders) = mpsc::channel(ORDERS);
        Self {
            tap: Arc::new((WireLog::new(&setup.source), setup.tap)),
            translator: setup.adapter.translator(setup.resume),
            backoff: Backoff::new(setup.reconnect, setup.seed),
            source: setup.source,
            boot: setup.boot,
            connected_at: None,
            connect_timeout: setup.connect_timeout,
            clock: setup.clock,
            sink: setup.sink,
            handle: Handle {
                hurry: Arc::default(),
                orders: sender,
                counters: Arc::default(),
                adapter: Arc::clone(&setup.adapter),
            },
            adapter: setup.adapter,
            orders,
            frames: 0,
            tracer: Tracer::off(),
            out: Output::default(),
        }
    }

    /// The same, following frames for a tracer.
    #[must_use]
    pub fn traced(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// The handle to it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until told to stop. What the sink does not take within a second of that is lost, and the gap says so.
    ///
    /// # Errors
    /// When the sink is closed while it should still be running.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Closed> {
        loop {
            match self.cycle(&stop).await {
                Ok(()) => {}
                Err(Ended::Stopped) => return Ok(()),
                Err(Ended::Closed) => return Err(Closed),
            }
        }
    }

    /// One attempt, the life of the link if there is one, and the wait for the next.
    async fn cycle(&mut self, stop: &CancellationToken) -> Result<(), Ended> {
        self.say(stop, SourceFact::Connecting).await?;
        let (error, was_up) = match self.attempt(stop).await? {
            Ok(link) => (self.serve(stop, link).await?, true),
            Err(error) => (error, false),
        };
        let reason = error.chain();
        tracing::warn!(source = %self.source, kind = ?error.kind, reason, "no connection");
        let due = self.backoff.failed(error.kind, self.clock.now().mono);
        if was_up && error.kind == LinkErrorKind::Protocol {
            let reason = Text::from(&*reason);
            self.say(stop, SourceFact::Degraded { reason }).await?;
        }
        self.say(stop, ending(error.kind, reason.into())).await?;
        self.wait(stop, due).await
    }

    async fn attempt(
        &mut self,
        stop: &CancellationToken,
    ) -> Result<Result<Box<dyn Link>, LinkError>, Ended> {
        self.backoff.attempt(self.clock.now().mono);
        self.handle.counters.attempt();
        let (adapter, tap) = (Arc::clone(&self.adapter), Arc::clone(&self.tap));
        let limit = self.connect_timeout;
        let connect = async move { tokio::time::timeout(limit, adapter.connect(tap)).await };
        let connected = self.meanwhile(stop, connect).await?;
        Ok(connected.unwrap_or_else(|elapsed| {
            let doing = format!("connect within {} s", limit.as_secs());
            Err(LinkError::new(LinkErrorKind::Unreachable, doing, elapsed))
        }))
    }

    /// Waits for the next attempt, or until somebody is in a hurry.
    async fn wait(&mut self, stop: &CancellationToken, due: Duration) -> Result<(), Ended> {
        let now = self.clock.now().mono;
        let hurry = Arc::clone(&self.handle.hurry);
        let wait = due.saturating_sub(now);
        let hurried = self
            .meanwhile(stop, async move {
                tokio::select! {
                    () = sleep(wait) => false,
                    () = hurry.notified() => true,
                }
            })
            .await?;
        if hurried {
            let now = self.clock.now().mono;
            let rest = self.backoff.earliest(now).saturating_sub(now);
            self.meanwhile(stop, sleep(rest)).await?;
        }
        Ok(())
    }

    /// Awaits something while there is no link, gives the translator its timeouts, and refuses commands.
    async fn meanwhile<T>(
        &mut self,
        stop: &CancellationToken,
        wanted: impl Future<Output = T>,
    ) -> Result<T, Ended> {
        let mut wanted = pin!(wanted);
        loop {
            let timer = self.timer();
            let order = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Ended::Stopped),
                value = &mut wanted => return Ok(value),
                order = self.orders.recv() => order,
                () = timer => None,
            };
            let now = self.clock.now();
            if let Some(order) = order {
                self.refuse(&order, Refusal::not_connected());
            }
            self.timed_out(now);
            self.deliver(stop, None, now).await?;
        }
    }

    /// Ends when the translator wants to be called.
    fn timer(&self) -> impl Future<Output = ()> + use<> {
        let wait = self
            .translator
            .poll_timeout()
            .map(|due| due.saturating_sub(self.clock.now().mono));
        async move {
            match wait {
                // A deadline that the translator does not clear must not spin.
                Some(wait) => sleep(wait.max(Duration::from_millis(1))).await,
                None => std::future::pending().await,
            }
        }
    }

    fn timed_out(&mut self, now: Now) -> bool {
        let due = self
            .translator
            .poll_timeout()
            .is_some_and(|due| due <= now.mono);
        if due {
            self.translator.timeout(now, &mut self.out);
        }
        due
    }

    fn refuse(&mut self, order: &Order, refusal: Refusal) {
        self.out.reports.push(refusal.report(&order.id));
    }

    async fn say(&mut self, stop: &CancellationToken, fact: SourceFact) -> Result<(), Ended> {
        self.out.reports.push(report(fact));
        self.deliver(stop, None, self.clock.now()).await
    }

    /// Delivers what the translator has put out. Requests in it have no link to go to any more.
    async fn deliver(
        &mut self,
        stop: &CancellationToken,
        frame: Option<RawFrame>,
        now: Now,
    ) -> Result<(), Ended> {
        let Some(heard) = self.heard(frame, now) else {
            return Ok(());
        };
        tokio::select! {
            biased;
            delivered = self.sink.deliver(heard) => delivered.map_err(|Closed| Ended::Closed),
            () = stop.cancelled() => Err(Ended::Stopped),
        }
    }

    fn heard(&mut self, frame: Option<RawFrame>, now: Now) -> Option<Heard> {
        let out = std::mem::take(&mut self.out);
        self.handle.counters.no_op(out.no_ops);
        if let Some(since) = self.connected_at.filter(|_| is_synced(&out.reports)) {
            self.connected_at = None;
            self.handle
                .counters
                .snapshot(now.mono.saturating_sub(since));
        }
        let silent = frame.is_none() && out.reports.is_empty() && out.memo.is_empty();
        (!silent).then(|| Heard {
            source: self.source.clone(),
            frame,
            now,
            reports: out.reports,
            memo: out.memo,
        })
    }
}

/// Both taps see every frame.
impl Tap for (WireLog, Arc<dyn Tap>) {
    fn frame(&self, direction: Direction, bytes: &[u8]) {
        self.0.frame(direction, bytes);
        self.1.frame(direction, bytes);
    }
}
