//! The life of one link: read to its end, closed with a word of farewell.

use std::time::{Duration, Instant};

use bytes::Bytes;
use model::{FrameId, Now, RawFrame, Text, observation::SourceFact};
use tokio_util::sync::CancellationToken;

use super::{Ended, Supervisor, facts::report};
use crate::{Link, LinkError, LinkErrorKind, Order, Refusal};

impl Supervisor {
    /// Reads a link to its end. When told to stop it says goodbye first.
    pub(super) async fn serve(
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
        // Those that were never handed to the link are known not to be done.
        while let Ok(order) = self.orders.try_recv() {
            self.refuse(&order, Refusal::not_connected());
        }
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
        self.connected_at = Some(now.mono);
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
            let mut order = None;
            let read = tokio::select! {
                biased;
                () = stop.cancelled() => return Broken::Ended(Ended::Stopped),
                () = self.handle.hurry.notified() => {
                    // Said again, for the wait that follows.
                    self.handle.reconnect();
                    return Broken::Link(asked_for());
                }
                ordered = self.orders.recv() => {
                    order = ordered;
                    None
                }
                read = link.read(&mut frames) => Some(read),
                () = timer => None,
            };
            let now = self.clock.now();
            let mut handed_on = self.frames(stop, link, &mut frames, now).await;
            match (&handed_on, order) {
                (Ok(()), Some(order)) => handed_on = self.order(stop, link, &order, now).await,
                (Err(_), Some(order)) => self.refuse(&order, Refusal::not_connected()),
                (_, None) => {}
            }
            match (handed_on, read) {
                (Err(broken), _) => return broken,
                (Ok(()), Some(Err(error))) => return Broken::Link(error),
                (Ok(()), Some(Ok(())) | None) => {}
            }
        }
    }

    /// Hands on all that was read, even when a request in between finds the link broken.
    async fn frames(
        &mut self,
        stop: &CancellationToken,
        link: &mut dyn Link,
        frames: &mut Vec<Bytes>,
        now: Now,
    ) -> Result<(), Broken> {
        let mut broken = None;
        if self.timed_out(now) {
            broken = lost(self.hand_on(stop, link, None, now).await)?;
        }
        for bytes in frames.drain(..) {
            self.frames += 1;
            self.handle.counters.frame(bytes.len(), now.wall);
            let id = FrameId {
                source: self.source.clone(),
                boot: self.boot,
                n: self.frames,
            };
            let followed = self.follow(&id, bytes.len(), now.wall);
            let begun = Instant::now();
            self.translator.frame(&bytes, now, &mut self.out);
            let took = begun.elapsed();
            self.handle.counters.decoded(took);
            if let Some(followed) = &followed {
                self.decoded(followed, took);
            }
            let frame = Some(RawFrame { id, bytes });
            if broken.is_some() {
                self.deliver(stop, frame, now).await?;
            } else {
                broken = lost(self.hand_on(stop, link, frame, now).await)?;
            }
            if let Some(followed) = followed {
                self.taken(followed);
            }
        }
        broken.map_or(Ok(()), |error| Err(Broken::Link(error)))
    }

    /// Hands a command to the translator, and what it asks for to the link.
    async fn order(
        &mut self,
        stop: &CancellationToken,
        link: &mut dyn Link,
        order: &Order,
        now: Now,
    ) -> Result<(), Broken> {
        tracing::info!(source = %self.source, id = %order.id, kind = order.kind, "a command");
        if let Err(refusal) = self.translator.command(order, now, &mut self.out) {
            self.refuse(order, refusal);
        }
        self.hand_on(stop, link, None, now).await
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

/// Sets the end of the link apart from the end of all.
fn lost(handed_on: Result<(), Broken>) -> Result<Option<LinkError>, Ended> {
    match handed_on {
        Ok(()) => Ok(None),
        Err(Broken::Link(error)) => Ok(Some(error)),
        Err(Broken::Ended(ended)) => Err(ended),
    }
}

fn asked_for() -> LinkError {
    LinkError {
        kind: LinkErrorKind::Transient,
        doing: "stay connected: a reconnect was asked for".to_owned(),
        source: None,
    }
}
