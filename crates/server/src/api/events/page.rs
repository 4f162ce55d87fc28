//! A page of history: a batch of CloudEvents, and where the next one begins.

use std::sync::Arc;

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
    let principal = reader(surface, parts, ticket.as_deref())?;
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

/// The open interval of positions that a page is looked for in.
#[derive(Clone, Copy)]
struct Range {
    after: Position,
    before: Option<Position>,
}

impl Page {
    fn read(surface: &Surface, principal: &Principal, wish: &PageWish) -> Result<Self, Problem> {
        let filter = Filter::compile(&wish.spec, principal.narrowing());
        let variant = Variant::of(&wish.spec, principal.narrowing());
        let bounds = surface.backend.bounds();
        let range = Range {
            after: match wish.after {
                None => bounds.oldest,
                Some(place) => position(surface, place)?,
            },
            before: match wish.before {
                None | Some(Place::Latest) => None,
                // The position after the last event that is older.
                Some(Place::Time(time)) => Some(next_to(time_position(surface, time)?)),
                Some(Place::Cursor(cursor)) if cursor.epoch == surface.tail.epoch() => {
                    Some(cursor.position)
                }
                Some(place) => Some(position(surface, place)?),
            },
        };
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
        loop {
            let page = surface.backend.page(self.scanned, filter, READ)?;
            for block in &page.blocks {
                for entry in block.after(self.scanned) {
                    if range.before.is_some_and(|before| entry.position >= before) {
                        return Ok(false);
                    }
                    if filter.passes(entry) && !self.push(block, entry, variant) {
                        return Ok(true);
                    }
                    self.scanned = entry.position;
                }
            }
            let ahead = page.scanned_to > self.scanned;
            let moved = ahead || !page.blocks.is_empty();
            self.scanned = self.scanned.max(page.scanned_to);
            if range
                .before
                .is_some_and(|before| next_to(self.scanned) >= before)
            {
                return Ok(false);
            }
            let spent = surface.clock.now().mono.saturating_sub(started);
            if !moved || self.scanned >= surface.tail.head() || spent > surface.pace.page_time {
                return Ok(true);
            }
        }
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
        self.scanned = range.before.unwrap_or(next_to(surface.tail.head()));
        loop {
            if self.scanned <= next_to(range.after) {
                return Ok(false);
            }
            let page = surface.backend.page_back(self.scanned, filter, READ)?;
            for block in &page.blocks {
                for entry in block.entries.iter().rev() {
                    if entry.position >= self.scanned {
                        continue;
                    }
                    if entry.position <= range.after {
                        return Ok(false);
                    }
                    if filter.passes(entry) && !self.push(block, entry, variant) {
                        return Ok(true);
                    }
                    self.scanned = entry.position;
                }
            }
            if page.blocks.is_empty() && page.scanned_to >= self.scanned {
                return Ok(false);
            }
            self.scanned = self.scanned.min(page.scanned_to);
            let spent = surface.clock.now().mono.saturating_sub(started);
            if spent > surface.pace.page_time {
                return Ok(true);
            }
        }
    }

    /// Adds an event. False, and nothing added, when the page is full.
    fn push(&mut self, block: &Block, entry: &Entry, variant: Variant) -> bool {
        if self.room == 0 || self.body.len() > PAGE {
            return false;
        }
        self.room -= 1;
        if self.body.len() > 1 {
            self.body.push(b',');
        }
        variant.render(block, entry).write_to(&mut self.body);
        true
    }
}

/// The position of a place. One that cannot be resumed is a problem.
fn position(surface: &Surface, place: Place) -> Result<Position, Problem> {
    let bounds = surface.backend.bounds();
    match place {
        Place::Earliest => Ok(bounds.oldest),
        Place::Latest => Ok(bounds.newest),
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

const fn next_to(position: Position) -> Position {
    Position(position.0.saturating_add(1))
}
