//! Server-sent events: the stream as text, pulled at the reader's pace.

use std::{convert::Infallible, sync::Arc};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::stream::unfold;
use http::{HeaderValue, header, request::Parts};
use hub::{
    block::Blocks,
    fanout::{HistoryError, Pages, Start, Subscription},
    stream::{Closing, ConnectionId, Narrator, Notice, ResetReason},
    tail::Recent,
};
use model::{Cursor, Position};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    query, reader, subscribe,
    wish::{Place, Wish},
};
use crate::{
    api::{
        Surface,
        expiry::{self, Expiry, Stage},
    },
    auth::{Principal, Scope, StreamSlot},
    http::Peer,
    problem::{Kind, Problem},
};

/// About how many bytes are read and handed over at a time.
const CHUNK: usize = 64 * 1024;

pub(super) async fn open(surface: &Arc<Surface>, parts: &Parts) -> Result<Response, Problem> {
    let (query, ticket) = query(parts);
    let wish = resumed(Wish::from_query(query)?, parts)?;
    let principal = reader(surface, parts, ticket.as_deref())?;
    if surface.stop.is_cancelled() {
        return Err(Problem::new(Kind::ShuttingDown, "the gateway stops"));
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
        position: Position(0),
        text: Vec::new(),
        _slot: slot,
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
    /// Everything up to here was considered.
    position: Position,
    /// What is to be sent next.
    text: Vec<u8>,
    _slot: StreamSlot,
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
            Ok(reading) => match self.follow(reading, &mut expiry).await {
                Ok(never) => match never {},
                Err(over) => over,
            },
            Err(over) => over,
        }
    }

    /// Opening, reset and snapshot.
    async fn begin(&mut self, subscription: Subscription) -> Result<Reading, Over> {
        let Subscription {
            filter,
            variant,
            from,
            snapshot,
            announcement,
            reset,
        } = subscription;
        self.position = match (&snapshot, from) {
            (Some(snapshot), _) => snapshot.as_of,
            (None, Start::After(position)) => position,
            (None, Start::Live | Start::Here) => self.surface.tail.head(),
        };
        let cursor = self.cursor();
        self.text.extend_from_slice(b"retry: 2000\n");
        let opened = Notice::Opened {
            connection: self.connection,
            cursor,
            heartbeat_s: self.surface.pace.heartbeat.as_secs(),
            announcement: &announcement,
        };
        // Until the snapshot is complete there is nowhere to go on.
        let resumable = snapshot.is_none();
        self.say(&opened, resumable.then_some(cursor));
        if let Some(reset) = &reset {
            self.say(&Notice::Reset(reset), None);
        }
        self.send().await?;
        if let Some(snapshot) = snapshot {
            self.snapshot(snapshot.pages).await?;
        }
        Ok(Reading { filter, variant })
    }

    async fn snapshot(&mut self, pages: Box<dyn Pages>) -> Result<(), Over> {
        let mut pages = Some(pages);
        let mut page = None;
        while let Some(mut source) = pages.take() {
            let next = self.surface.blocking(move |_| Ok((source.next(), source)));
            let (next, source) = next.await.map_err(|_| unavailable())?;
            let last = next.is_none();
            if let Some(page) = std::mem::replace(&mut page, next) {
                let id = last.then(|| self.cursor());
                self.say(&Notice::Snapshot(&page), id);
                self.send().await?;
            }
            pages = (!last).then_some(source);
        }
        Ok(())
    }

    /// Replay, then live, for ever.
    async fn follow(
        &mut self,
        mut reading: Reading,
        expiry: &mut Expiry,
    ) -> Result<Infallible, Over> {
        let surface = Arc::clone(&self.surface);
        let mut head = surface.tail.watch();
        let mut heartbeat = tokio::time::interval(surface.pace.heartbeat);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        heartbeat.reset();
        let mut live = false;
        loop {
            head.mark_unchanged();
            match surface.tail.after(self.position, CHUNK) {
                Recent::Blocks(blocks) if blocks.is_empty() => {
                    if !live {
                        live = true;
                        let cursor = self.cursor();
                        self.say(&Notice::Live { cursor }, Some(cursor));
                        self.send().await?;
                    }
                    tokio::select! {
                        changed = head.changed() => changed.map_err(|_| unavailable())?,
                        _ = heartbeat.tick() => self.bookmark().await?,
                        stage = expiry.next() => self.expire(stage).await?,
                    }
                    continue;
                }
                Recent::Blocks(blocks) => {
                    self.events(&reading, &blocks);
                    self.position = blocks.last().map_or(self.position, |block| block.last());
                }
                Recent::TooOld => {
                    live = false;
                    self.page(&mut reading).await?;
                }
            }
            self.send().await?;
            // A stream that is never idle is told where it stands as well.
            tokio::select! {
                biased;
                _ = heartbeat.tick() => self.bookmark().await?,
                stage = expiry.next() => self.expire(stage).await?,
                () = std::future::ready(()) => {}
            }
        }
    }

    /// A page of the log.
    async fn page(&mut self, reading: &mut Reading) -> Result<(), Over> {
        let (after, filter) = (self.position, Arc::clone(&reading.filter));
        let page = self
            .surface
            .blocking(move |surface| Ok(surface.backend.page(after, &filter, CHUNK)))
            .await
            .map_err(|_| unavailable())?;
        match page {
            Ok(page) => {
                self.events(reading, &page.blocks);
                self.position = page.scanned_to.max(self.position);
                Ok(())
            }
            Err(HistoryError::Expired(_)) => self.reset().await,
            Err(error @ HistoryError::Unavailable(_)) => {
                // Told to the operator where problems are made.
                let problem = Problem::of_history(&error);
                Err(Over::Closing(Closing::new(
                    problem.close_code(),
                    problem.detail().to_owned(),
                )))
            }
        }
    }

    /// Retention was faster than the reader.
    async fn reset(&mut self) -> Result<(), Over> {
        let requested = self.cursor().to_string();
        let surface = Arc::clone(&self.surface);
        let reset = subscribe::reset(&surface, ResetReason::Expired, &requested);
        self.position = reset.oldest.position;
        self.say(&Notice::Reset(&reset), None);
        if self.principal.may(Scope::StateRead) {
            let filter = hub::filter::Filter::compile(&self.wish.spec, self.principal.narrowing());
            let state = subscribe::state(&surface, &self.principal, &self.wish.spec, &filter);
            self.position = state.as_of;
            self.snapshot(state.pages).await?;
        }
        Ok(())
    }

    async fn bookmark(&mut self) -> Result<(), Over> {
        let cursor = self.cursor();
        self.say(&Notice::Bookmark { cursor }, Some(cursor));
        self.send().await
    }

    async fn expire(&mut self, stage: Stage) -> Result<(), Over> {
        match stage {
            Stage::Expiring(at) => {
                self.say(&Notice::Expiring { at }, None);
                self.send().await
            }
            Stage::Over => Err(Over::Closing(expiry::over())),
        }
    }

    fn events(&mut self, reading: &Reading, blocks: &Blocks) {
        for block in blocks {
            for entry in block.after(self.position) {
                if reading.filter.passes(entry) {
                    let json = reading.variant.render(block, entry).to_vec();
                    frame(&mut self.text, &json, Some(block.cursor(entry)));
                }
            }
        }
    }

    fn say(&mut self, notice: &Notice<'_>, id: Option<Cursor>) {
        let json = self.narrator.say(self.surface.clock.now().wall, notice);
        frame(&mut self.text, &json, id);
    }

    fn cursor(&self) -> Cursor {
        self.surface.tail.cursor(self.position)
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
                self.kill.cancel();
                Err(Over::Gone)
            }
        }
    }
}

/// What is read.
struct Reading {
    filter: Arc<hub::filter::Filter>,
    variant: hub::filter::Variant,
}

fn unavailable() -> Over {
    Over::Closing(Closing::log_unavailable())
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
