//! Keeps one source connected for ever, and hands on what it tells.
//!
//! One task per source runs this loop: *connecting*, *connected*, read until the link ends, *disconnected*, wait, again.
//! It owns the translator and gives it its timeouts in every phase, because a call may have to be closed while there is
//! no link. A hub that is slow makes [`Sink::deliver`] wait, and then the PBX is simply not read.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use model::{
    Clock, Fact, FrameId, Heard, Now, Observation, RawFrame, Report, SourceId, Text,
    observation::SourceFact,
};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    Adapter, Backoff, Closed, Counters, Direction, Link, LinkError, LinkErrorKind, Output,
    Reconnect, Resume, Sink, Tap, Translator, WireLog,
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
    frames: u64,
    out: Output,
}

/// What others may ask of a supervised source.
#[derive(Clone, Debug, Default)]
pub struct Handle {
    hurry: Arc<Notify>,
    counters: Arc<Counters>,
}

/// Why the loop ends early.
enum Ended {
    Stopped,
    Closed,
}

impl Setup {
    /// The longest that an attempt to connect may take, unless told otherwise.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
}

impl Handle {
    /// Connects anew: ends a wait, or the link that stands. Never beyond the budget of attempts.
    pub fn reconnect(&self) {
        self.hurry.notify_one();
    }

    /// What the source has counted so far.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

impl Supervisor {
    /// A supervisor that has not begun.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self {
            tap: Arc::new((WireLog::new(&setup.source), setup.tap)),
            translator: setup.adapter.translator(setup.resume),
            backoff: Backoff::new(setup.reconnect, setup.seed),
            source: setup.source,
            boot: setup.boot,
            adapter: setup.adapter,
            connect_timeout: setup.connect_timeout,
            clock: setup.clock,
            sink: setup.sink,
            handle: Handle::default(),
            frames: 0,
            out: Output::default(),
        }
    }

    /// The handle to it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until told to stop.
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

    /// Reads a link to its end. When told to stop it says goodbye first.
    async fn serve(
        &mut self,
        stop: &CancellationToken,
        mut link: Box<dyn Link>,
    ) -> Result<LinkError, Ended> {
        let ended = match self.welcome(stop, &mut *link).await {
            Ok(()) => self.read(stop, &mut *link).await,
            Err(ended) => ended,
        };
        link.close().await;
        let now = self.clock.now();
        self.translator.disconnected(now, &mut self.out);
        match ended {
            Broken::Link(error) => {
                self.deliver(stop, None, now).await?;
                Ok(error)
            }
            Broken::Ended(Ended::Closed) => Err(Ended::Closed),
            Broken::Ended(Ended::Stopped) => {
                self.farewell(now).await;
                Err(Ended::Stopped)
            }
        }
    }

    async fn welcome(
        &mut self,
        stop: &CancellationToken,
        link: &mut dyn Link,
    ) -> Result<(), Broken> {
        let now = self.clock.now();
        self.backoff.connected(now.mono);
        self.handle.counters.connected();
        let dialect = link.dialect();
        tracing::info!(source = %self.source, dialect = dialect.as_deref(), "connected");
        let fact = SourceFact::Connected {
            dialect: dialect.clone(),
            reconciles: link.reconciles(),
        };
        self.out.reports.push(report(fact));
        self.translator
            .connected(dialect.as_deref(), now, &mut self.out);
        self.hand_on(stop, link, None, now).await
    }

    async fn read(&mut self, stop: &CancellationToken, link: &mut dyn Link) -> Broken {
        let mut frames = Vec::new();
        loop {
            let timer = self.timer();
            let read = tokio::select! {
                biased;
                () = stop.cancelled() => return Broken::Ended(Ended::Stopped),
                () = self.handle.hurry.notified() => {
                    // Said again, for the wait that follows.
                    self.handle.reconnect();
                    return Broken::Link(asked_for());
                }
                read = link.read(&mut frames) => Some(read),
                () = timer => None,
            };
            let now = self.clock.now();
            let handed_on = self.frames(stop, link, &mut frames, now).await;
            match (handed_on, read) {
                (Err(broken), _) => return broken,
                (Ok(()), Some(Err(error))) => return Broken::Link(error),
                (Ok(()), Some(Ok(())) | None) => {}
            }
        }
    }

    async fn frames(
        &mut self,
        stop: &CancellationToken,
        link: &mut dyn Link,
        frames: &mut Vec<Bytes>,
        now: Now,
    ) -> Result<(), Broken> {
        if self.timed_out(now) {
            self.hand_on(stop, link, None, now).await?;
        }
        for bytes in frames.drain(..) {
            self.frames += 1;
            self.handle.counters.frame(bytes.len(), now.wall);
            self.translator.frame(&bytes, now, &mut self.out);
            let id = FrameId {
                source: self.source.clone(),
                boot: self.boot,
                n: self.frames,
            };
            self.hand_on(stop, link, Some(RawFrame { id, bytes }), now)
                .await?;
        }
        Ok(())
    }

    /// Delivers what the translator has put out, then sends the requests in it.
    async fn hand_on(
        &mut self,
        stop: &CancellationToken,
        link: &mut dyn Link,
        frame: Option<RawFrame>,
        now: Now,
    ) -> Result<(), Broken> {
        let requests = std::mem::take(&mut self.out.requests);
        self.deliver(stop, frame, now).await?;
        for request in requests {
            self.handle.counters.request();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Broken::Ended(Ended::Stopped)),
                sent = link.send(request) => sent.map_err(Broken::Link)?,
            }
        }
        Ok(())
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

    /// Awaits something while there is no link, and gives the translator its timeouts.
    async fn meanwhile<T>(
        &mut self,
        stop: &CancellationToken,
        wanted: impl Future<Output = T>,
    ) -> Result<T, Ended> {
        let mut wanted = pin!(wanted);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Ended::Stopped),
                value = &mut wanted => return Ok(value),
                () = self.timer() => {}
            }
            let now = self.clock.now();
            if self.timed_out(now) {
                self.deliver(stop, None, now).await?;
            }
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

    /// The last words. A hub that does not take them in a second does without: it will find a gap.
    async fn farewell(&mut self, now: Now) {
        let reason = Text::from("the gateway stops");
        self.out
            .reports
            .push(report(SourceFact::Disconnected { reason }));
        if let Some(heard) = self.heard(None, now) {
            let delivered = self.sink.deliver(heard);
            let _ = tokio::time::timeout(Duration::from_secs(1), delivered).await;
        }
    }

    fn heard(&mut self, frame: Option<RawFrame>, now: Now) -> Option<Heard> {
        let out = std::mem::take(&mut self.out);
        self.handle.counters.no_op(out.no_ops);
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

/// Why a link is read no more.
enum Broken {
    Link(LinkError),
    Ended(Ended),
}

impl From<Ended> for Broken {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

/// Both taps see every frame.
impl Tap for (WireLog, Arc<dyn Tap>) {
    fn frame(&self, direction: Direction, bytes: &[u8]) {
        self.0.frame(direction, bytes);
        self.1.frame(direction, bytes);
    }
}

fn asked_for() -> LinkError {
    LinkError {
        kind: LinkErrorKind::Transient,
        doing: "stay connected: a reconnect was asked for".to_owned(),
        source: None,
    }
}

fn ending(kind: LinkErrorKind, reason: Text) -> SourceFact {
    match kind {
        LinkErrorKind::AuthRejected => SourceFact::AuthFailed { reason },
        LinkErrorKind::LimitReached => SourceFact::LimitReached { reason },
        LinkErrorKind::Replaced => SourceFact::Replaced { reason },
        LinkErrorKind::Unreachable | LinkErrorKind::Protocol | LinkErrorKind::Transient => {
            SourceFact::Disconnected { reason }
        }
    }
}

fn report(fact: SourceFact) -> Report {
    let rule = match fact {
        SourceFact::Connecting => "link.connecting",
        SourceFact::Connected { .. } => "link.connected",
        SourceFact::Synced => "link.synced",
        SourceFact::Degraded { .. } => "link.degraded",
        SourceFact::Disconnected { .. } => "link.disconnected",
        SourceFact::AuthFailed { .. } => "link.auth_failed",
        SourceFact::LimitReached { .. } => "link.limit_reached",
        SourceFact::Replaced { .. } => "link.replaced",
    };
    let mut report = Report::new("link");
    report
        .observations
        .push(Observation::native(rule, Fact::Source(fact)));
    report
}
