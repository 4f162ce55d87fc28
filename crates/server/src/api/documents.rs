//! The documents about the API: for programs, for people, and the catalogue of events.

use std::sync::{Arc, LazyLock};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderName, header};
use model::EventType;
use serde_json::{Map, Value, json};

use super::{
    Surface,
    extract::Named,
    routes::{Access, Routes},
    sources::support,
    state::visible,
};
use crate::{
    auth::{Principal, Scope},
    describe,
    http::query::Query,
    problem::Problem,
};

static OPENAPI: LazyLock<Bytes> = LazyLock::new(|| describe::openapi().to_string().into());
static ASYNCAPI: LazyLock<Bytes> = LazyLock::new(|| describe::asyncapi().to_string().into());
static PAGE: LazyLock<Bytes> = LazyLock::new(|| describe::page().into());

/// The page is ours alone. Its console may speak to this gateway, so that a reader can try what stands there.
const PAGE_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/openapi.json", Access::Open, async |query: Query| {
            fixed(query, "application/json", OPENAPI.clone())
        })
        .get("/asyncapi.json", Access::Open, async |query: Query| {
            fixed(query, "application/json", ASYNCAPI.clone())
        })
        .get("/docs", Access::Open, async |query: Query| {
            fixed(query, "text/html; charset=utf-8", PAGE.clone())
        })
        .get("/docs/{file}", Access::Open, style)
        .get("/v1/catalog", Access::Scopes(&[Scope::EventsRead]), catalog)
}

async fn style(Named(file): Named<String>, query: Query) -> Result<Response, Problem> {
    if file != "page.css" {
        return Err(Problem::not_found());
    }
    fixed(
        query,
        "text/css; charset=utf-8",
        Bytes::from_static(describe::STYLE.as_bytes()),
    )
}

fn fixed(query: Query, kind: &'static str, body: Bytes) -> Result<Response, Problem> {
    query.finish()?;
    let headers: [(HeaderName, &'static str); 3] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    ];
    Ok((headers, body).into_response())
}

async fn catalog(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    query: Query,
) -> Result<Response, Problem> {
    principal.require(Scope::EventsRead)?;
    query.finish()?;
    let narrowing = principal.narrowing();
    let mut sources = surface.backend.sources();
    sources.retain(|source| visible::is_listed_source(narrowing, source.id.as_str()));
    let seen = EventType::ALL
        .iter()
        .filter(|kind| narrowing.types.is_none_or(|types| types.has(**kind)));
    let items: Vec<Value> = seen
        .map(|kind| {
            let told = sources
                .iter()
                .filter_map(|source| Some((source.id.to_string(), json!(support(source, *kind)?))));
            describe::catalog(*kind, &told.collect::<Map<_, _>>())
        })
        .collect();
    Ok(Json(json!({"items": items})).into_response())
}
