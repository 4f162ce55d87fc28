//! `POST /v1/tickets`: a credential for one request, for browsers that cannot set headers.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;

use super::{
    Surface,
    routes::{Access, Routes},
};
use crate::{
    auth::Principal,
    http::{empty, query::Query},
    problem::Problem,
};

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/tickets", Access::Scopes(&[]), issue)
}

async fn issue(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    query.finish()?;
    empty(request, surface.limits()).await?;
    let ticket = surface.authority.issue(&principal)?;
    Ok((StatusCode::CREATED, Json(ticket)).into_response())
}
