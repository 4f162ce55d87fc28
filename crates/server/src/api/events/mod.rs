//! `/v1/events`: one resource, three transports.

mod explain;
mod one;
mod page;
pub(super) mod sse;
pub(super) mod subscribe;
pub(super) mod websocket;
pub(super) mod wish;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Request, header, request::Parts};

use super::{
    Surface,
    extract::{authenticate, client},
    routes::{Access, Routes},
};
use crate::{
    auth::{Principal, Scope},
    http::{query::Query, upgrade},
    problem::Problem,
};

const READER: Access = Access::Scopes(&[Scope::EventsRead]);

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/events", READER, events)
        .get("/v1/events/{id}", READER, one::show)
        .get(
            "/v1/events/{id}/explain",
            Access::Scopes(&[Scope::Admin]),
            explain::show,
        )
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
async fn reader(
    surface: &Surface,
    parts: &Parts,
    ticket: Option<&str>,
) -> Result<Principal, Problem> {
    let principal = match ticket {
        Some(ticket) => surface.authority.ticket(ticket, client(parts)?.address)?,
        None => authenticate(parts, surface).await?,
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
