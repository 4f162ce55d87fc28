//! `/livez` and `/readyz`: whether the process runs, and whether it does its work.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use model::{Collection, SourceState};
use serde_json::{Map, Value, json};

use super::{
    Surface,
    backend::{Entity, Item},
    extract::authenticate,
    routes::{Access, Routes},
    state::visible,
};
use crate::{auth::Principal, http::query::Query, problem::Problem};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/livez", Access::Open, live)
        .get("/readyz", Access::Open, ready)
}

async fn live(query: Query) -> Result<Response, Problem> {
    query.finish()?;
    Ok(Json(json!({"status": "live"})).into_response())
}

async fn ready(
    State(surface): State<Arc<Surface>>,
    query: Query,
    parts: Parts,
) -> Result<Response, Problem> {
    query.finish()?;
    let health = surface.backend.health();
    let view = surface.backend.view();
    let mut ready = health.log_writable && health.state_rebuilt && !surface.stop.is_cancelled();
    let mut sources = Map::new();
    // An open route: who is not known gets the status alone.
    let principal = authenticate(&parts, &surface).await.ok();
    for source in surface.backend.sources() {
        let item = view.find(Collection::Sources, None, source.id.as_str());
        let state = item.as_ref().and_then(state_of);
        let connected = state.is_some_and(is_connected);
        ready &= connected || !source.required;
        let shown = item.as_ref().is_some_and(|item| {
            let narrowing = principal.as_ref().map(Principal::narrowing);
            narrowing.is_some_and(|narrowing| visible::of_item(item, narrowing).is_some())
        });
        if shown {
            sources.insert(
                source.id.to_string(),
                json!({
                    "required": source.required,
                    "connected": connected,
                    "state": state.map(SourceState::as_str),
                }),
            );
        }
    }
    let (status, word) = if ready {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    let mut body = json!({"status": word});
    if principal.is_some() {
        body["log_writable"] = json!(health.log_writable);
        body["state_rebuilt"] = json!(health.state_rebuilt);
        body["sources"] = Value::Object(sources);
    }
    Ok((status, Json(body)).into_response())
}

fn state_of(item: &Item) -> Option<SourceState> {
    match &item.entity {
        Entity::Source(source) => Some(source.state),
        _ => None,
    }
}

/// True while the connection to the PBX stands.
pub(crate) fn is_connected(state: SourceState) -> bool {
    matches!(
        state,
        SourceState::Connected | SourceState::Synced | SourceState::Degraded
    )
}
