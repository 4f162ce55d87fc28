//! `GET /v1/events/{id}`: one event.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use hub::filter::{Filter, FilterSpec, Variant};
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
    let cursor: Cursor = id.parse().map_err(|_| Problem::not_found())?;
    if cursor.epoch != surface.tail.epoch() || cursor.position > surface.tail.head() {
        return Err(Problem::not_found());
    }
    let body = surface
        .blocking(move |surface| {
            let block = surface
                .backend
                .block(cursor.position)
                .map_err(|error| Problem::of_history(&error))?
                .ok_or_else(Problem::not_found)?;
            let spec = FilterSpec::default();
            let filter = Filter::compile(&spec, principal.narrowing());
            let entry = block
                .entries
                .iter()
                .find(|entry| entry.position == cursor.position && filter.passes(entry))
                .ok_or_else(Problem::not_found)?;
            let variant = Variant::of(&spec, principal.narrowing());
            Ok(variant.render(&block, entry).to_vec())
        })
        .await?;
    let headers = [(header::CONTENT_TYPE, "application/cloudevents+json")];
    Ok((headers, body).into_response())
}
