//! Server-sent events: the stream as text, pulled at the reader's pace.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::stream::unfold;
use http::{HeaderValue, header, request::Parts};
use hub::{
    fanout::{History, HistoryError, Snapshot, Start, Subscription},
    filter::{Filter, Variant},
    reader::{Read, StreamReader},
    stream::{Closing, ConnectionId, Narrator, Notice, ResetReason},
};
use model::{Cursor, Position};
use telemetry::Counter;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{
    query, reader, subscribe,
    websocket::closing,
    wish::{Place, Wish},
};
use crate::{
    api::{
        Surface,
        expiry::{self, Expiry, Stage},
    },
    auth::{Principal, Scope, StreamSlot},
    http::Peer,
    problem::Problem,
};

/// What the streams told here have come to.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    open: AtomicUsize,
    /// Events handed over.
    pub(crate) sent: Counter,
    /// Streams ended because nothing was taken.
    pub(crate) slow: Counter,
}

impl Counts {
    /// Streams that are open now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Relaxed)
    }
}

pub(super) async fn open(surface: &Arc<Surface>, parts: &Parts) -> Result<Response, Problem> {
    let (query, ticket) = query(parts);
    let wish = resumed(Wish::from_query(query)?, parts)?;
    let principal = reader(surface, parts, ticket.as_deref()).await?;
    if surface.stop.is_cancelled() {
        return Err(Problem::shutting_down());
    }
    let slot = surface.authority.stream(&principal)?;
    let connection = surface.fanout.next_id();
    let kill = parts
        .extensions
        .get::<Peer>()
        .map_or_else(CancellationToken::new, |peer| peer.kill.clone());
    let (asker, wished) = (principal.clone(), wish.clone());
    let subscription = surface
        .blocking(move |surface| subscribe::subscription(surface, &asker, &wished, Start::Live))
        .await?;
    let (chunks, body) = body();
    let teller = Teller {
        surface: Arc::clone(surface),
        principal,
        wish,
        connection,
        narrator: Narrator::new(connection),
        chunks,
        kill,
        text: Vec::new(),
        _slot: slot,
        _counted: Counted::new(surface),
    };
    surface.tasks.spawn(teller.run(subscription));
    let mut response = Response::new(body);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    Ok(response)
}

/// `Last-Event-ID` is where a browser comes back: it has the state already.
fn resumed(wish: Wish, parts: &Parts) -> Result<Wish, Problem> {
    let Some(last) = parts.headers.get("last-event-id") else {
        return Ok(wish);
    };
    let last = last.to_str().unwrap_or("?").trim();
    if last.is_empty() {
        return Ok(wish);
    }
    match Place::parse(last) {
        Ok(place @ Place::Cursor(_)) => Ok(Wish {
            after: Some(place),
            snapshot: false,
            ..wish
        }),
        Ok(_) => Err(Problem::parameter(
            "Last-Event-ID",
            "`Last-Event-ID` is not an event id",
        )),
        Err(why) => Err(Problem::parameter("Last-Event-ID", why)),
    }
}

/// A body that is told chunk by chunk; one chunk waits at most.
fn body() -> (mpsc::Sender<Bytes>, Body) {
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let chunks = unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        Some((Ok::<_, Infallible>(chunk), receiver))
    });
    (sender, Body::from_stream(chunks))
}

/// Tells one stream.
struct Teller {
    surface: Arc<Surface>,
    principal: Principal,
    wish: Wish,
    connection: ConnectionId,
    narrator: Narrator,
    chunks: mpsc::Sender<Bytes>,
    kill: CancellationToken,
    /// What is to be sent next.
    text: Vec<u8>,
    _slot: StreamSlot,
    _counted: Counted,
}

/// Counts as an open stream until it is dropped.
struct Counted(Arc<Surface>);

impl Counted {
    fn new(surface: &Arc<Surface>) -> Self {
        surface.sse.open.fetch_add(1, Relaxed);
        Self(Arc::clone(surface))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.sse.open.fetch_sub(1, Relaxed);
    }
}

/// Why the telling ends.
enum Over {
    /// There is something left to say.
    Closing(Closing),
    /// Nobody listens.
    Gone,
}

impl Teller {
    async fn run(mut self, subscription: Subscription) {
        let ends = self.principal.identity().ends().clone();
        let expiry = Expiry::of(&self.surface, self.principal.identity());
        let stop = self.surface.stop.clone();
        let listener = self.chunks.clone();
        let over = tokio::select! {
            biased;
            () = listener.closed() => Over::Gone,
            () = stop.cancelled() => Over::Closing(Closing::shutting_down()),
            () = ends.cancelled() => Over::Closing(expiry::ended(self.principal.identity())),
            over = self.tell(subscription, expiry) => over,
        };
        if let Over::Closing(closing) = over {
            // A chunk that was being handed over is lost to a reader who comes back with the id before it anyway.
            self.text.clear();
            self.say(&Notice::Closing(&closing), None);
            if self.send().await.is_err() {
                self.kill.cancel();
            }
        }
    }

    async fn tell(&mut self, subscription: Subscription, mut expiry: Expiry) -> Over {
        match self.begin(subscription).await {
            Ok(reader) => match self.follow(reader, &mut expiry).await {
                Ok(never) => match never {},
                Err(over) => over,
            },
            Err(over) => over,
        }
    }

    /// Opening, reset and snapshot.
    async fn begin(&mut self, subscription: Subscription) -> Result<StreamReader, Over> {
        let Subscription {
            filter,
            variant,
            from,
            snapshot,
            announcement,
            reset,
        } = subscription;
        let position = match (&snapshot, from) {
            (Some(snapshot), _) => snapshot.as_of,
            (None, Start::After(position)) => position,
            (None, Start::Live | Start::Here) => self.surface.tail.head(),
        };
        let cursor = self.surface.tail.cursor(position);
        self.text.extend_from_slice(b"retry: 2000\n");
        let opened = Notice::Opened {
            connection: self.connection,
            cursor,
            heartbeat_s: self.surface.pace.heartbeat.as_secs(),
            announcement: &announcement,
        };
        // Until a snapshot is complete there is nowhere to go on.
        self.say(&opened, snapshot.is_none().then_some(cursor));
        if let Some(reset) = &reset {
            self.say(&Notice::Reset(reset), None);
        }
        self.send().await?;
        if let Some(snapshot) = snapshot {
            self.snapshot(snapshot).await?;
        }
        Ok(self.reader(filter, variant, position))
    }

    /// State, page by page; the last page is where a reader can go on.
    async fn snapshot(&mut self, snapshot: Snapshot) -> Result<(), Over> {
        let Snapshot { as_of, mut pages } = snapshot;
        let cursor = self.surface.tail.cursor(as_of);
        let mut page = None;
        loop {
            let pulled = self.surface.blocking(move |_| Ok((pages.next(), pages)));
            let (next, rest) = pulled
                .await
                .map_err(|problem| Over::Closing(closing(&problem)))?;
            pages = rest;
            let is_last = next.is_none();
            if let Some(page) = std::mem::replace(&mut page, next) {
                self.say(&Notice::Snapshot(&page), is_last.then_some(cursor));
                self.send().await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Replay, then live, for ever.
    async fn follow(
        &mut self,
        mut reader: StreamReader,
        expiry: &mut Expiry,
    ) -> Result<Infallible, Over> {
        let mut heartbeat = interval(self.surface.pace.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        loop {
            // The timers first: a stream that is never idle is told where it stands as well.
            tokio::select! {
                biased;
                stage = expiry.next() => self.expire(stage)?,
                _ = heartbeat.tick() => {
                    let cursor = reader.cursor();
                    self.say(&Notice::Bookmark { cursor }, Some(cursor));
                }
                read = reader.next() => match read {
                    Ok(Read::Events(events)) => {
                        for (id, json) in events.iter() {
                            frame(&mut self.text, json, Some(id));
                            self.surface.sse.sent.add(1);
                        }
                    }
                    Ok(Read::Live(cursor)) => self.say(&Notice::Live { cursor }, Some(cursor)),
                    Err(HistoryError::Expired(_)) => {
                        let cursor = reader.cursor();
                        reader = self.reset(cursor).await?;
                    }
                    Err(error @ HistoryError::Unavailable(_)) => {
                        // Problems tell the operator more than the client.
                        return Err(Over::Closing(closing(&Problem::of_history(&error))));
                    }
                },
            }
            self.send().await?;
        }
    }

    /// Retention was faster than the reader: state, or what is left, from here on.
    async fn reset(&mut self, stands: Cursor) -> Result<StreamReader, Over> {
        let reset = subscribe::reset(&self.surface, ResetReason::Expired, &stands.to_string());
        self.say(&Notice::Reset(&reset), None);
        let mut position = reset.oldest.position;
        let filter = Filter::compile(&self.wish.spec, self.principal.narrowing());
        if self.principal.may(Scope::StateRead) {
            let state = subscribe::state(&self.surface, &self.principal, &self.wish.spec, &filter);
            position = state.as_of;
            self.snapshot(state).await?;
        }
        let variant = Variant::of(&self.wish.spec, self.principal.narrowing());
        Ok(self.reader(Arc::new(filter), variant, position))
    }

    fn reader(&self, filter: Arc<Filter>, variant: Variant, after: Position) -> StreamReader {
        let history: Arc<dyn History> = Arc::clone(&self.surface.backend) as _;
        StreamReader::new(self.surface.tail.clone(), history, filter, variant, after)
    }

    fn expire(&mut self, stage: Stage) -> Result<(), Over> {
        match stage {
            Stage::Expiring(at) => {
                self.say(&Notice::Expiring { at }, None);
                Ok(())
            }
            Stage::Over => Err(Over::Closing(expiry::over())),
        }
    }

    fn say(&mut self, notice: &Notice<'_>, id: Option<Cursor>) {
        let json = self.narrator.say(self.surface.clock.now().wall, notice);
        frame(&mut self.text, &json, id);
    }

    /// Hands over what was said, at the reader's pace.
    async fn send(&mut self) -> Result<(), Over> {
        if self.text.is_empty() {
            return Ok(());
        }
        let chunk = Bytes::from(std::mem::take(&mut self.text));
        let sent = tokio::time::timeout(self.surface.pace.stall, self.chunks.send(chunk)).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over::Gone),
            Err(_) => {
                tracing::debug!(stream = %self.connection, "a slow reader is closed");
                self.surface.sse.slow.add(1);
                self.kill.cancel();
                Err(Over::Gone)
            }
        }
    }
}

/// One event of the stream. An event is one line: what may break lines inside JSON is blank space.
fn frame(text: &mut Vec<u8>, json: &[u8], id: Option<Cursor>) {
    if let Some(id) = id {
        text.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    text.extend_from_slice(b"data: ");
    text.extend(json.iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        other => *other,
    }));
    text.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_the_pbx_sent() {
        let mut text = Vec::new();
        let id = "k3v9q2xw-0000000000000007".parse().unwrap();
        frame(&mut text, b"{\"a\":\r\n1}", Some(id));
        frame(&mut text, b"{}", None);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "id: k3v9q2xw-0000000000000007\ndata: {\"a\":  1}\n\ndata: {}\n\n"
        );
    }
}
