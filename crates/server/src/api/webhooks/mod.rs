//! `/v1/webhooks`: endpoints, for those who made them.

mod deliveries;
mod replay;
mod show;
mod wish;

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, header};
use model::{
    Data, Epoch, Position, Text,
    source::{Webhook, WebhookState},
};
use serde_json::{Value, json};

use self::{show::shown, wish::Wish};
use super::{
    Surface,
    extract::Named,
    routes::{Access, Routes},
};
use crate::{
    auth::{Principal, Scope},
    http::{empty, object, query::Query},
    problem::{Kind, Problem, Violation},
    webhooks::{
        Shared, WebhookError, Webhooks,
        endpoint::{Endpoint, Kept, OVERLAP, Owner, current, headers_text},
        secret,
    },
};

/// When it is worth asking again.
const SOON: Duration = Duration::from_secs(5);
const WRITE: Access = Access::Scopes(&[Scope::WebhooksWrite]);
const MAKE: Access = Access::Scopes(&[Scope::WebhooksWrite, Scope::EventsRead]);

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/webhooks", WRITE, list)
        .post("/v1/webhooks", MAKE, create)
        .get("/v1/webhooks/{id}", WRITE, one)
        .on(Method::PATCH, "/v1/webhooks/{id}", MAKE, change)
        .on(Method::DELETE, "/v1/webhooks/{id}", WRITE, remove)
        .post("/v1/webhooks/{id}/test", WRITE, test)
        .post("/v1/webhooks/{id}/rotate", WRITE, rotate)
        .post("/v1/webhooks/{id}/enable", WRITE, enable)
        .post("/v1/webhooks/{id}/replay", MAKE, replay::start)
        .get("/v1/webhooks/{id}/deliveries", WRITE, deliveries::list)
}

async fn list(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    query: Query,
) -> Result<Response, Problem> {
    principal.require(Scope::WebhooksWrite)?;
    query.finish()?;
    let all = engine(&surface)?.all();
    let seen = all.iter().filter(|shared| may_see(&principal, shared));
    let items: Vec<Value> = seen.map(|shared| shown(&surface, shared)).collect();
    Ok(Json(json!({"items": items})).into_response())
}

async fn create(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    principal.require(Scope::WebhooksWrite)?;
    principal.require(Scope::EventsRead)?;
    query.finish()?;
    let body = object(request, surface.limits()).await?;
    let webhooks = engine(&surface)?;
    let wish = Wish::read(body, &webhooks.guard())?;
    let Some(url) = wish.url else {
        let missing = Violation::pointer("/url", "`url` says where deliveries go: a text");
        return Err(Problem::body(vec![missing]));
    };
    let random = webhooks.random().map_err(failed)?;
    let id: Text = random[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>()
        .into();
    let secret = secret::generate(webhooks.random().map_err(failed)?);
    let vault = webhooks.vault();
    let now = surface.clock.now().wall;
    let headers = headers_text(&wish.headers.flatten().unwrap_or_default());
    let endpoint = Endpoint {
        headers: vault.seal(&id, &headers, webhooks.random().map_err(failed)?),
        secrets: vec![Kept {
            secret: vault.seal(&id, &secret, webhooks.random().map_err(failed)?),
            until: None,
        }],
        id,
        url,
        filter: wish
            .filter
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect(),
        description: wish.description.flatten(),
        ordered: wish.ordered.flatten().unwrap_or(true),
        retry_for_s: wish.retry_for_s.flatten(),
        owner: Owner::of(&principal),
        state: WebhookState::Enabled,
        reason: None,
        since: now,
        created_at: now,
        version: 0,
        failing_since: None,
    };
    let shared = webhooks.create(endpoint).await.map_err(failed)?;
    tracing::info!(webhook = %shared.endpoint().id, by = principal.name(), "a webhook is made");
    let mut body = shown(&surface, &shared);
    body["secret"] = json!(secret);
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    let place = format!("/v1/webhooks/{}", shared.endpoint().id);
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

async fn one(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
) -> Result<Response, Problem> {
    principal.require(Scope::WebhooksWrite)?;
    query.finish()?;
    let shared = find(&surface, &principal, &id)?;
    Ok(Json(shown(&surface, &shared)).into_response())
}

async fn change(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    principal.require(Scope::WebhooksWrite)?;
    principal.require(Scope::EventsRead)?;
    query.finish()?;
    let shared = find(&surface, &principal, &id)?;
    let body = object(request, surface.limits()).await?;
    let webhooks = engine(&surface)?;
    let wish = Wish::read(body, &webhooks.guard())?;
    let headers = match &wish.headers {
        None => None,
        Some(headers) => {
            let text = headers_text(&headers.clone().unwrap_or_default());
            let random = webhooks.random().map_err(failed)?;
            Some(webhooks.vault().seal(&id, &text, random))
        }
    };
    let changed = webhooks.update(&shared, |endpoint| {
        if let Some(headers) = headers {
            endpoint.headers = headers;
        }
        wish.apply(endpoint);
        Vec::new()
    });
    changed.await.map_err(failed)?;
    Ok(Json(shown(&surface, &shared)).into_response())
}

async fn remove(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
) -> Result<Response, Problem> {
    principal.require(Scope::WebhooksWrite)?;
    query.finish()?;
    find(&surface, &principal, &id)?;
    engine(&surface)?.remove(&id).await.map_err(failed)?;
    tracing::info!(webhook = id, by = principal.name(), "a webhook is removed");
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn test(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    principal.require(Scope::WebhooksWrite)?;
    query.finish()?;
    empty(request, surface.limits()).await?;
    let shared = find(&surface, &principal, &id)?;
    let webhooks = engine(&surface)?;
    let random = webhooks.random().map_err(failed)?;
    let endpoint = shared.endpoint();
    let (name, body) = test_event(&surface, &endpoint, random);
    let attempt = webhooks
        .test(&shared, &name, body)
        .await
        .map_err(|why| Problem::new(Kind::WebhookOff, why))?;
    let body = json!({
        "event": name,
        "delivered": attempt.status.is_some_and(|status| (200..300).contains(&status)),
        "status": attempt.status,
        "error": attempt.error,
        "latency_ms": u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
        "answer": String::from_utf8_lossy(&attempt.answer),
    });
    Ok(Json(body).into_response())
}

async fn rotate(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    principal.require(Scope::WebhooksWrite)?;
    query.finish()?;
    empty(request, surface.limits()).await?;
    let shared = find(&surface, &principal, &id)?;
    let webhooks = engine(&surface)?;
    let secret = secret::generate(webhooks.random().map_err(failed)?);
    let sealed = webhooks
        .vault()
        .seal(&id, &secret, webhooks.random().map_err(failed)?);
    let now = surface.clock.now().wall;
    let until = now.after(OVERLAP);
    let rotated = webhooks.update(&shared, |endpoint| {
        current(&mut endpoint.secrets, now);
        for kept in &mut endpoint.secrets {
            kept.until.get_or_insert(until);
        }
        // Whoever rotates again and again gets no longer and longer list of signatures.
        endpoint.secrets.truncate(MAX_OLD);
        let kept = Kept {
            secret: sealed,
            until: None,
        };
        endpoint.secrets.insert(0, kept);
        Vec::new()
    });
    rotated.await.map_err(failed)?;
    tracing::info!(
        webhook = id,
        by = principal.name(),
        "the secret of a webhook is rotated"
    );
    let mut body = shown(&surface, &shared);
    body["secret"] = json!(secret);
    Ok(Json(body).into_response())
}

/// The most old secrets that sign along.
const MAX_OLD: usize = 3;

async fn enable(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    principal.require(Scope::WebhooksWrite)?;
    query.finish()?;
    empty(request, surface.limits()).await?;
    let shared = find(&surface, &principal, &id)?;
    engine(&surface)?.enable(&shared).await.map_err(failed)?;
    Ok(Json(shown(&surface, &shared)).into_response())
}

/// An event that is only for this endpoint, and not in the log; and its id, under which no other ever is.
fn test_event(surface: &Surface, endpoint: &Endpoint, random: [u8; 32]) -> (String, Vec<u8>) {
    let now = surface.clock.now().wall;
    let webhook = Webhook {
        id: Text::clone(&endpoint.id),
        url_host: endpoint.host().into(),
        state: endpoint.state,
        since: endpoint.since,
    };
    let data = Data {
        webhook: Some(Arc::new(webhook)),
        ..Data::default()
    };
    let subject = endpoint.subject().into();
    let kind = model::EventType::WebhookTest;
    let draft = hub::draft::Draft::of_gateway(kind, subject, endpoint.version.max(1), now, data);
    let (words, _) = random.as_chunks::<8>();
    let position = Position(u64::from_le_bytes(words[0]));
    let event = draft.event(Epoch::TESTS, position);
    (event.id.to_string(), json!(event).to_string().into_bytes())
}

fn engine(surface: &Surface) -> Result<&Arc<Webhooks>, Problem> {
    surface.webhooks.as_ref().ok_or_else(Problem::not_found)
}

fn find(surface: &Surface, principal: &Principal, id: &str) -> Result<Arc<Shared>, Problem> {
    engine(surface)?
        .find(id)
        .filter(|shared| may_see(principal, shared))
        .ok_or_else(Problem::not_found)
}

/// A webhook is there for whoever made it, and for administrators.
fn may_see(principal: &Principal, shared: &Shared) -> bool {
    let everything = principal.may(Scope::Admin) && principal.narrowing().tenants.is_none();
    everything || *shared.endpoint().owner.name == *principal.name()
}

fn failed(error: WebhookError) -> Problem {
    match error {
        WebhookError::Full(_) => Problem::new(Kind::TooManyWebhooks, error.to_string()),
        WebhookError::Stopped => Problem::shutting_down(),
        WebhookError::Entropy | WebhookError::Busy => {
            Problem::new(Kind::Unavailable, error.to_string()).after(SOON)
        }
    }
}
