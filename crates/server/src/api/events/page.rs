//! A page of history: a batch of CloudEvents, and where the next one begins.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header, request::Parts};
use hub::{
    block::{Block, Entry},
    fanout::HistoryError,
    filter::{Filter, Variant},
    stream::ResetReason,
};
use model::Position;

use super::{
    query, reader,
    wish::{PageWish, Place},
};
use crate::{
    api::{Surface, backend::Resume},
    auth::Principal,
    problem::{Gone, Problem},
};

/// About how many bytes of events a page holds.
const PAGE: usize = 4 * 1024 * 1024;
/// About how many bytes of blocks are read at a time.
const READ: usize = 512 * 1024;

pub(super) async fn show(surface: &Arc<Surface>, parts: &Parts) -> Result<Response, Problem> {
    let (query, ticket) = query(parts);
    let wish = PageWish::from_query(query)?;
    let principal = reader(surface, parts, ticket.as_deref()).await?;
    let page = surface
        .blocking(move |surface| Page::read(surface, &principal, &wish))
        .await?;
    let mut response = Response::new(Body::from(Bytes::from(page.body)));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/cloudevents-batch+json"),
    );
    if let Some(next) = page.next
        && let Ok(link) = HeaderValue::from_str(&format!("<{next}>; rel=\"next\""))
    {
        headers.insert(header::LINK, link);
    }
    Ok(response)
}

/// A page as it is written.
struct Page {
    body: Vec<u8>,
    room: usize,
    /// Everything up to here was looked at, in the order of the page.
    scanned: Position,
    next: Option<String>,
}

/// The open interval of positions that a page is looked for in. It never reaches beyond what is published: the log may
/// hold more for a moment, but the state does not yet.
#[derive(Clone, Copy)]
struct Range {
    after: Position,
    before: Position,
    /// More will come within it.
    grows: bool,
}

impl Page {
    fn read(surface: &Surface, principal: &Principal, wish: &PageWish) -> Result<Self, Problem> {
        let filter = Filter::compile(&wish.spec, principal.narrowing());
        let variant = Variant::of(&wish.spec, principal.narrowing());
        let range = Range::of(surface, wish)?;
        let mut page = Self {
            body: vec![b'['],
            room: wish.limit,
            scanned: Position(0),
            next: None,
        };
        let more = if wish.descending {
            page.descend(surface, &filter, variant, range)
        } else {
            page.ascend(surface, &filter, variant, range)
        };
        let more = more.map_err(|error| match error {
            HistoryError::Expired(_) => gone(surface, ResetReason::Expired),
            error @ HistoryError::Unavailable(_) => Problem::of_history(&error),
        })?;
        page.body.push(b']');
        let name = if wish.descending { "before" } else { "after" };
        page.next = more.then(|| {
            let cursor = surface.tail.cursor(page.scanned);
            format!("/v1/events?{}{name}={cursor}", wish.again)
        });
        Ok(page)
    }

    /// Oldest first. True when there is, or may come, more within the range.
    fn ascend(
        &mut self,
        surface: &Surface,
        filter: &Filter,
        variant: Variant,
        range: Range,
    ) -> Result<bool, HistoryError> {
        let started = surface.clock.now().mono;
        self.scanned = range.after;
        while next_to(self.scanned) < range.before {
            let from = self.scanned;
            let page = surface.backend.page(self.scanned, filter, READ)?;
            for block in &page.blocks {
                for entry in block.after(self.scanned) {
                    if entry.position >= range.before {
                        break;
                    }
                    self.scanned = entry.position;
                    if filter.passes(entry) && self.fills(block, entry, variant) {
                        return Ok(true);
                    }
                }
            }
            let last = Position(range.before.0.saturating_sub(1));
            self.scanned = self.scanned.max(page.scanned_to.min(last));
            if self.scanned == from || is_late(surface, started) {
                return Ok(true);
            }
        }
        Ok(range.grows)
    }

    /// Newest first. True when there is more within the range.
    fn descend(
        &mut self,
        surface: &Surface,
        filter: &Filter,
        variant: Variant,
        range: Range,
    ) -> Result<bool, HistoryError> {
        let started = surface.clock.now().mono;
        self.scanned = range.before;
        while self.scanned > next_to(range.after) {
            let from = self.scanned;
            let page = surface.backend.page_back(self.scanned, filter, READ)?;
            let wanted = |entry: &&Entry| entry.position > range.after;
            for block in &page.blocks {
                let older = block
                    .entries
                    .partition_point(|entry| entry.position < self.scanned);
                for entry in block.entries[..older].iter().rev().take_while(wanted) {
                    self.scanned = entry.position;
                    if filter.passes(entry) && self.fills(block, entry, variant) {
                        return Ok(true);
                    }
                }
            }
            self.scanned = self.scanned.min(page.scanned_to);
            if self.scanned == from {
                return Ok(false);
            }
            if is_late(surface, started) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds an event. True when no other fits.
    fn fills(&mut self, block: &Block, entry: &Entry, variant: Variant) -> bool {
        self.room -= 1;
        if self.body.len() > 1 {
            self.body.push(b',');
        }
        variant.render(block, entry).write_to(&mut self.body);
        self.room == 0 || self.body.len() > PAGE
    }
}

impl Range {
    fn of(surface: &Surface, wish: &PageWish) -> Result<Self, Problem> {
        let published = next_to(surface.tail.head());
        let before = match wish.before {
            None | Some(Place::Latest) => None,
            // The position after the last event that is older.
            Some(Place::Time(time)) => Some(next_to(time_position(surface, time)?)),
            Some(Place::Cursor(cursor)) if cursor.epoch == surface.tail.epoch() => {
                Some(cursor.position)
            }
            Some(place) => Some(position(surface, place)?),
        };
        Ok(Self {
            after: position(surface, wish.after.unwrap_or(Place::Earliest))?,
            before: before.unwrap_or(published).min(published),
            grows: before.is_none_or(|before| before > published),
        })
    }
}

/// The position of a place. One that cannot be resumed is a problem.
fn position(surface: &Surface, place: Place) -> Result<Position, Problem> {
    let bounds = surface.backend.bounds();
    match place {
        Place::Earliest => Ok(bounds.oldest),
        Place::Latest => Ok(surface.tail.head()),
        Place::Time(time) => time_position(surface, time),
        Place::Cursor(cursor) => match surface.backend.resume(cursor) {
            Ok(Resume::At(position)) => Ok(position),
            Ok(Resume::Reset(reason)) => Err(gone(surface, reason)),
            Err(error) => Err(Problem::of_history(&error)),
        },
    }
}

fn time_position(surface: &Surface, time: model::Timestamp) -> Result<Position, Problem> {
    surface
        .backend
        .before_time(time)
        .map_err(|error| Problem::of_history(&error))
}

fn gone(surface: &Surface, reason: ResetReason) -> Problem {
    let bounds = surface.backend.bounds();
    Problem::gone(Gone {
        reason,
        oldest: surface.tail.cursor(bounds.oldest),
        newest: surface.tail.cursor(bounds.newest),
    })
}

/// A page that takes long tells how far it got instead.
fn is_late(surface: &Surface, started: Duration) -> bool {
    surface.clock.now().mono.saturating_sub(started) > surface.pace.page_time
}

const fn next_to(position: Position) -> Position {
    Position(position.0.saturating_add(1))
}
