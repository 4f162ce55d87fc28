//! `GET /metrics`: see [`crate::metrics`].

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;

use super::{
    Surface,
    routes::{Access, Routes},
};
use crate::{
    auth::{Principal, Scope},
    http::query::Query,
    metrics,
    problem::Problem,
};

pub(super) fn routes() -> Routes {
    Routes::new().get("/metrics", Access::Scopes(&[Scope::MetricsRead]), show)
}

async fn show(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    query: Query,
) -> Result<Response, Problem> {
    principal.require(Scope::MetricsRead)?;
    query.finish()?;
    // Open files are counted by reading a folder.
    let text = surface
        .blocking(move |surface| Ok(metrics::page(surface, principal.narrowing())))
        .await?;
    Ok(([(header::CONTENT_TYPE, metrics::MEDIA)], text).into_response())
}
