//! `GET /v1/webhooks/{id}/deliveries`: what became of what.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use model::Position;
use serde_json::{Value, json};

use super::{engine, failed, find};
use crate::{
    api::{Surface, extract::Named},
    auth::{Principal, Scope},
    http::query::Query,
    problem::Problem,
    webhooks::record::{self, Record, Status},
};

/// How many rows are looked at for a page.
const ROWS: usize = 2_000;

pub(super) async fn list(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    mut query: Query,
) -> Result<Response, Problem> {
    principal.require(Scope::WebhooksWrite)?;
    let status = query.read("status", |text| {
        let known = Status::ALL
            .into_iter()
            .find(|status| status.as_str() == text);
        known.ok_or_else(|| "is one of pending, delivered, failed, expired".to_owned())
    });
    let limit = query.number("limit", 1, 1_000).unwrap_or(100);
    let page = query.read("page", |text| {
        let known = record::position(text).filter(|_| text.len() == 16);
        known.ok_or_else(|| "not a page of this list".to_owned())
    });
    query.finish()?;
    let shared = find(&surface, &principal, &id)?;
    let wanted = |record: &Record| status.is_none_or(|status| record.status == status);
    let mut items = Vec::new();
    if page.is_none() {
        // Those that were made are few and not kept: they come before the first page of the others.
        let recent = shared.recent();
        let recent = recent
            .iter()
            .rev()
            .filter(|(_, record)| wanted(record))
            .take(limit);
        items.extend(recent.map(|(position, record)| shown(&surface, *position, record)));
    }
    let after = page.map_or_else(String::new, |page| page.to_string());
    let rows = engine(&surface)?
        .deliveries(&shared, &after, ROWS)
        .await
        .map_err(failed)?;
    let mut next = rows
        .last()
        .filter(|_| rows.len() == ROWS)
        .map(|(key, _)| key.clone());
    for (key, value) in rows {
        let (Some(position), Ok(record)) = (
            record::position(&key),
            serde_json::from_slice::<Record>(&value),
        ) else {
            continue;
        };
        if !wanted(&record) {
            continue;
        }
        if items.len() >= limit {
            next = Some(Position(position.0 - 1).to_string());
            break;
        }
        items.push(shown(&surface, position, &record));
    }
    let mut body = json!({"items": items});
    if let Some(next) = next {
        body["next"] = json!(next);
    }
    Ok(Json(body).into_response())
}

fn shown(surface: &Surface, position: Position, record: &Record) -> Value {
    let mut value = json!({
        "event": surface.tail.cursor(position),
        "type": record.kind,
        "status": record.status,
        "attempts": record.attempts,
    });
    if let Some(due) = record.due {
        value["next_attempt_at"] = json!(due);
    }
    if let Some(answer) = &record.answer {
        value["answer"] = json!(answer);
    }
    value
}
