//! `/schemas/v1/<name>.json`: the JSON Schemas that `dataschema` names.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use http::header;

use super::{Surface, extract::Named};
use crate::{http::query::Query, problem::Problem};

static SCHEMAS: LazyLock<BTreeMap<&'static str, Bytes>> = LazyLock::new(|| {
    let encode = |(name, schema): (_, serde_json::Value)| (name, Bytes::from(schema.to_string()));
    model::schema::all().into_iter().map(encode).collect()
});

pub(super) fn routes() -> Router<Arc<Surface>> {
    Router::new().route("/schemas/v1/{file}", get(schema))
}

async fn schema(Named(file): Named<String>, query: Query) -> Result<Response, Problem> {
    query.finish()?;
    let schema = file
        .strip_suffix(".json")
        .and_then(|name| SCHEMAS.get(name))
        .ok_or_else(Problem::not_found)?;
    let headers = [
        (header::CONTENT_TYPE, "application/schema+json"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    Ok((headers, schema.clone()).into_response())
}
