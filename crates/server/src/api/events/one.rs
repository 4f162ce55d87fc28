//! `GET /v1/events/{id}`: one event.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use hub::{
    block::{Block, Entry},
    filter::{Filter, FilterSpec, Narrowing, Variant},
};
use model::Cursor;

use crate::{
    api::{Surface, extract::Named},
    auth::{Principal, Scope},
    http::query::Query,
    problem::Problem,
};

pub(super) async fn show(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
) -> Result<Response, Problem> {
    principal.require(Scope::EventsRead)?;
    query.finish()?;
    let cursor = cursor(&surface, &id)?;
    let body = surface
        .blocking(move |surface| {
            let narrowing = principal.narrowing();
            let (block, entry) = find(surface, narrowing, cursor)?;
            let variant = Variant::of(&FilterSpec::default(), narrowing);
            Ok(variant.render(&block, &entry).to_vec())
        })
        .await?;
    let headers = [(header::CONTENT_TYPE, "application/cloudevents+json")];
    Ok((headers, body).into_response())
}

/// The position that an event's id names, if it may have been given to one.
pub(super) fn cursor(surface: &Surface, id: &str) -> Result<Cursor, Problem> {
    let cursor: Cursor = id.parse().map_err(|_| Problem::not_found())?;
    if cursor.epoch != surface.tail.epoch() || cursor.position > surface.tail.head() {
        return Err(Problem::not_found());
    }
    Ok(cursor)
}

/// An event that is in the log, for somebody who may see it. Blocks.
pub(super) fn find(
    surface: &Surface,
    narrowing: &Narrowing,
    cursor: Cursor,
) -> Result<(Arc<Block>, Entry), Problem> {
    let block = surface
        .backend
        .block(cursor.position)
        .map_err(|error| Problem::of_history(&error))?
        .ok_or_else(Problem::not_found)?;
    let filter = Filter::compile(&FilterSpec::default(), narrowing);
    let entry = block
        .entries
        .iter()
        .find(|entry| entry.position == cursor.position && filter.passes(entry))
        .ok_or_else(Problem::not_found)?
        .clone();
    Ok((block, entry))
}
