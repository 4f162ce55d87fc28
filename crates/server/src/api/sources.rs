//! What can be asked of one source: what it can tell, and to connect anew.

use std::sync::Arc;

use adapter::Support;
use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use model::{Collection, EventType, event::Class};
use serde_json::{Map, json};

use super::{
    Surface,
    backend::ConfiguredSource,
    extract::Named,
    gaps,
    routes::{Access, Routes},
    state::visible,
};
use crate::{
    auth::{Principal, Scope},
    http::{empty, query::Query},
    problem::Problem,
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(
            "/v1/sources/{id}/capabilities",
            Access::Scopes(&[Scope::EventsRead]),
            capabilities,
        )
        .get(
            "/v1/sources/{id}/gaps",
            Access::Scopes(&[Scope::EventsRead]),
            gaps::show,
        )
        .post(
            "/v1/sources/{id}/reconnect",
            Access::Scopes(&[Scope::SourcesOperate]),
            reconnect,
        )
}

async fn capabilities(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
) -> Result<Response, Problem> {
    principal.require(Scope::EventsRead)?;
    query.finish()?;
    let source = find(&surface, &principal, &id)?;
    let visible = principal.narrowing().types;
    let listed: Map<_, _> = EventType::ALL
        .iter()
        .filter(|kind| visible.is_none_or(|types| types.has(**kind)))
        .filter_map(|kind| Some((kind.to_string(), json!(support(&source, *kind)?))))
        .collect();
    Ok(Json(json!({"source": source.id, "capabilities": listed})).into_response())
}

async fn reconnect(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    principal.require(Scope::SourcesOperate)?;
    query.finish()?;
    empty(request, surface.limits()).await?;
    let source = find(&surface, &principal, &id)?;
    if !surface.backend.reconnect(&source.id) {
        return Err(Problem::not_found());
    }
    tracing::info!(source = %source.id, by = principal.name(), "reconnecting as asked");
    let body = json!({"source": source.id, "state": "connecting"});
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

/// A source, for somebody who may know of it.
pub(super) fn find(
    surface: &Surface,
    principal: &Principal,
    id: &str,
) -> Result<ConfiguredSource, Problem> {
    surface
        .backend
        .sources()
        .into_iter()
        .find(|source| source.id.as_str() == id)
        .filter(|source| visible::is_listed_source(principal.narrowing(), source.id.as_str()))
        .ok_or_else(Problem::not_found)
}

/// None for events that are not of a source. What the gateway itself tells of a source it always can.
pub(super) fn support(source: &ConfiguredSource, kind: EventType) -> Option<Support> {
    match kind.collection() {
        Collection::Commands | Collection::Webhooks => None,
        Collection::Sources if kind.class() == Class::Guaranteed => Some(Support::Inferred),
        _ => Some(source.capabilities.of(kind)),
    }
}
