//! `/v1/events`: one resource, three transports.

mod one;
mod page;
mod sse;
pub(super) mod subscribe;
pub(super) mod websocket;
pub(super) mod wish;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, Request, header, request::Parts};

use super::{Surface, extract::authenticate};
use crate::{
    auth::{Principal, Scope},
    http::{query::Query, upgrade},
    problem::Problem,
};

pub(super) fn routes() -> Router<Arc<Surface>> {
    Router::new()
        .route("/v1/events", get(events))
        .route("/v1/events/{id}", get(one::show))
}

async fn events(State(surface): State<Arc<Surface>>, request: Request<Body>) -> Response {
    if upgrade::is_wanted(request.headers()) {
        return websocket::open(&surface, request).await;
    }
    let (parts, _) = request.into_parts();
    let answer = if wants_stream(&parts.headers) {
        sse::open(&surface, &parts).await
    } else {
        page::show(&surface, &parts).await
    };
    answer.into_response()
}

fn wants_stream(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|essence| essence.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// The sender, by ticket or headers, who may read events.
fn reader(surface: &Surface, parts: &Parts, ticket: Option<&str>) -> Result<Principal, Problem> {
    let principal = match ticket {
        Some(ticket) => surface.authority.ticket(ticket)?,
        None => authenticate(parts, surface)?,
    };
    principal.require(Scope::EventsRead)?;
    Ok(principal)
}

/// The query of a request, and the ticket in it.
fn query(parts: &Parts) -> (Query, Option<String>) {
    let mut query = Query::parse(parts.uri.query());
    let ticket = query.take("ticket");
    (query, ticket)
}
