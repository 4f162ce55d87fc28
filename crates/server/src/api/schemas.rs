//! `/schemas/v1/<name>.json`: the JSON Schemas that `dataschema` names.

use std::{collections::BTreeMap, sync::LazyLock};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use serde_json::Value;

use super::{
    commands,
    extract::Named,
    routes::{Access, Routes},
};
use crate::{adapters, http::query::Query, problem::Problem};

static SCHEMAS: LazyLock<BTreeMap<String, Bytes>> = LazyLock::new(|| {
    let encode = |(name, schema): (String, Value)| (name, Bytes::from(schema.to_string()));
    all().into_iter().map(encode).collect()
});

/// Every schema by name: of the events, and of the parameters of commands.
fn all() -> Vec<(String, Value)> {
    let events = model::schema::all().into_iter();
    let mut all: Vec<_> = events
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    for entry in adapters::ALL {
        let commands = (entry.commands)().into_iter();
        all.extend(commands.map(|spec| {
            let name = commands::schema_name(entry.name, spec.name);
            (name, spec.schema(entry.name))
        }));
    }
    all
}

pub(super) fn routes() -> Routes {
    Routes::new().get("/schemas/v1/{file}", Access::Open, schema)
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
