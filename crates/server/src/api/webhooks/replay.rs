//! `POST /v1/webhooks/{id}/replay`: a part of the log once more.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use hub::{block::Key, filter::Filter, stream::ResetReason};
use model::Position;
use serde_json::{Map, Value, json};

use super::{engine, failed, find};
use crate::{
    api::{Surface, backend::Resume, events::wish::Place, extract::Named},
    auth::{Principal, Scope},
    http::{object, query::Query},
    problem::{Gone, Problem, Violation},
    webhooks::Shared,
};

/// About how many bytes of blocks are read at a time.
const READ: usize = 512 * 1024;

pub(super) async fn start(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    principal.require(Scope::WebhooksWrite)?;
    principal.require(Scope::EventsRead)?;
    query.finish()?;
    let shared = find(&surface, &principal, &id)?;
    let body = object(request, surface.limits()).await?;
    let (after, before, dry_run) = read(&body)?;
    let span = surface
        .blocking(move |surface| {
            let after = resolve(surface, after, "/after")?;
            let until = match before {
                None => surface.tail.head(),
                Some(place) => Position(
                    resolve(surface, place, "/before")?
                        .0
                        .saturating_sub(exclusive(place)),
                ),
            };
            Ok((after, until))
        })
        .await?;
    let (after, until) = span;
    if dry_run {
        let counted = Arc::clone(&shared);
        let (events, complete) = surface
            .blocking(move |surface| count(surface, &counted, after, until))
            .await?;
        let body = json!({"dry_run": true, "events": events, "complete": complete});
        return Ok(Json(body).into_response());
    }
    if after < until {
        engine(&surface)?
            .replay(&shared, after, until)
            .map_err(failed)?;
    }
    tracing::info!(webhook = id, by = principal.name(), "a replay begins");
    let body = json!({"after": surface.tail.cursor(after), "until": surface.tail.cursor(until)});
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

type Asked = (Place, Option<Place>, bool);

fn read(body: &Map<String, Value>) -> Result<Asked, Problem> {
    let mut wrong = Vec::new();
    let mut place = |name: &str| match body.get(name)? {
        Value::String(text) => match Place::parse(text) {
            Ok(place) => Some(place),
            Err(why) => {
                wrong.push(Violation::pointer(&format!("/{name}"), why));
                None
            }
        },
        _ => {
            wrong.push(Violation::pointer(
                &format!("/{name}"),
                "is an event id or a time: a text",
            ));
            None
        }
    };
    let (after, before) = (place("after"), place("before"));
    if !body.contains_key("after") {
        wrong.push(Violation::pointer(
            "/after",
            "`after` says where to begin: an event id or a time",
        ));
    }
    let dry_run = body.get("dry_run").map_or(Some(false), Value::as_bool);
    if dry_run.is_none() {
        wrong.push(Violation::pointer(
            "/dry_run",
            "`dry_run` is neither true nor false",
        ));
    }
    let known = ["after", "before", "dry_run"];
    let unknown = body.keys().filter(|name| !known.contains(&name.as_str()));
    wrong.extend(unknown.map(|name| Violation::unknown_member(name)));
    match (after, dry_run) {
        (Some(after), Some(dry_run)) if wrong.is_empty() => Ok((after, before, dry_run)),
        _ => Err(Problem::body(wrong)),
    }
}

/// `before` names an event that is not wanted any more; a time or the head is a line between events already.
fn exclusive(place: Place) -> u64 {
    u64::from(matches!(place, Place::Cursor(_)))
}

fn resolve(surface: &Surface, place: Place, pointer: &str) -> Result<Position, Problem> {
    let bounds = surface.backend.bounds();
    match place {
        Place::Earliest => Ok(bounds.oldest),
        Place::Latest => Ok(bounds.newest),
        Place::Time(time) => surface
            .backend
            .before_time(time)
            .map_err(|error| Problem::of_history(&error)),
        Place::Cursor(cursor) => {
            let resumed = surface
                .backend
                .resume(cursor)
                .map_err(|error| Problem::of_history(&error))?;
            let gone = |reason: ResetReason| {
                Problem::gone(Gone {
                    reason,
                    oldest: surface.tail.cursor(bounds.oldest),
                    newest: surface.tail.cursor(bounds.newest),
                })
            };
            match resumed {
                Resume::At(position) => Ok(position),
                Resume::Reset(ResetReason::Ahead) => {
                    let wrong = Violation::pointer(pointer, "is beyond the last event");
                    Err(Problem::body(vec![wrong]))
                }
                Resume::Reset(reason) => Err(gone(reason)),
            }
        }
    }
}

/// How many events a replay would deliver, and whether all of them could be looked at in time.
fn count(
    surface: &Surface,
    shared: &Shared,
    after: Position,
    until: Position,
) -> Result<(u64, bool), Problem> {
    let endpoint = shared.endpoint();
    let filter = Filter::compile(&endpoint.spec(), &endpoint.owner.narrowing());
    let own = Key::of(&endpoint.subject());
    let begun = surface.clock.now().mono;
    let (mut at, mut events) = (after, 0);
    while at < until {
        let page = surface
            .backend
            .page(at, &filter, READ)
            .map_err(|error| Problem::of_history(&error))?;
        for entry in page.blocks.iter().flat_map(|block| block.after(at)) {
            events +=
                u64::from(entry.position <= until && entry.subject != own && filter.passes(entry));
        }
        if page.scanned_to <= at {
            break;
        }
        at = page.scanned_to;
        if surface.clock.now().mono.saturating_sub(begun) > surface.pace.cursor_wait {
            return Ok((events, at >= until));
        }
    }
    Ok((events, true))
}
