//! Commands to a PBX: what a source offers, how one is given, and what became of it.

mod wish;

use std::{sync::Arc, time::Duration};

use adapter::{CommandSpec, Target};
use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hub::command::{Accepted, CommandRecord, IdempotencyKey, KEPT, Rejected};
use model::{Collection, Command, EntityId, Text};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use self::wish::Wish;
use super::{
    Surface,
    backend::{CommandError, ConfiguredSource, Order},
    extract::Named,
    routes::{Access, Routes},
    sources::find,
    state::{self, visible},
};
use crate::{
    auth::{Principal, Scope},
    http::{object, query::Query},
    problem::{Kind, Problem, Violation},
};

/// The most characters of an idempotency key.
const MAX_KEY: usize = 255;
/// When it is worth trying again what the PBX or its connection has no room for.
const SOON: Duration = Duration::from_secs(5);

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/sources/{id}/commands", Access::Scopes(&[]), offered)
        .post(
            "/v1/sources/{id}/commands",
            Access::Scopes(&[Scope::CommandsWrite]),
            give,
        )
        .get(
            "/v1/commands/{id}",
            Access::Scopes(&[Scope::CommandsWrite]),
            show,
        )
}

/// The name under which the schema of a command's parameters is served.
pub(super) fn schema_name(adapter: &str, command: &str) -> String {
    format!("command-{adapter}-{command}")
}

async fn offered(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
) -> Result<Response, Problem> {
    query.finish()?;
    let source = find(&surface, &principal, &id)?;
    let item = |spec: &CommandSpec| {
        json!({
            "type": spec.name,
            "title": spec.title,
            "target": match spec.target {
                Target::None => Value::Null,
                Target::Call => "call".into(),
            },
            "timeout_s": spec.patience.as_secs(),
            "schema": spec.schema(source.adapter),
        })
    };
    let items: Vec<Value> = source.commands.iter().map(item).collect();
    Ok(Json(json!({"items": items})).into_response())
}

async fn give(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    principal.require(Scope::CommandsWrite)?;
    query.finish()?;
    let source = find(&surface, &principal, &id)?;
    let key = key(request.headers())?;
    let body = object(request, surface.limits()).await?;
    let digest = fingerprint(&source, &body);
    let wish = Wish::read(body)?;
    let key = key.map(|key| IdempotencyKey { key, digest });
    if let Some(command) = known(&surface, &principal, key.as_ref()).await? {
        return Ok(accepted(&command));
    }
    let spec = wish.fit(&source)?;
    let over = match &wish.target {
        Some(target) => is_over(&surface, &principal, &source, target).await?,
        None => false,
    };
    if over {
        return Err(ended(&wish));
    }
    let order = order(&surface, &principal, &source, spec, &wish, key)?;
    tracing::info!(
        source = %source.id, id = %order.request.id, kind = spec.name, by = principal.name(),
        "a command is asked for"
    );
    // Not dropped when the client goes away: what is accepted has to be sent.
    let backend = Arc::clone(&surface.backend);
    let answer = surface
        .tasks
        .spawn(async move { backend.command(order).await })
        .await
        .unwrap_or(Err(CommandError::Stopped));
    match answer {
        Ok(Accepted::New { command, .. } | Accepted::Known(command)) => Ok(accepted(&command)),
        Err(error) => Err(refused(&error, &wish)),
    }
}

async fn show(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
) -> Result<Response, Problem> {
    principal.require(Scope::CommandsWrite)?;
    query.finish()?;
    let record = surface
        .blocking(move |surface| {
            surface
                .backend
                .kept_command(&id)
                .map_err(|error| Problem::of_history(&error))
        })
        .await?;
    let record = record
        .filter(|record| !is_forgotten(&surface, record))
        .filter(|record| may_see(&principal, record));
    let record = record.ok_or_else(Problem::not_found)?;
    Ok(Json(record.command).into_response())
}

/// Whoever gave a command may see it, whatever types of events they are limited to.
fn may_see(principal: &Principal, record: &CommandRecord) -> bool {
    let mut narrowing = principal.narrowing().clone();
    if *record.owner == *principal.name() {
        narrowing.types = None;
    }
    let (source, tenant) = (record.command.source.as_str(), record.tenant.as_deref());
    visible::of(Collection::Commands, source, tenant, &narrowing).is_some()
}

fn key(headers: &HeaderMap) -> Result<Option<Text>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|text| {
        let visible = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ');
        visible && (1..=MAX_KEY).contains(&text.len())
    });
    let wrong = || {
        let detail = format!("`Idempotency-Key` is 1 to {MAX_KEY} visible ASCII characters");
        Problem::new(Kind::InvalidRequest, detail)
    };
    text.map(|text| Some(text.into())).ok_or_else(wrong)
}

/// The same for the same request, however its members are ordered.
fn fingerprint(source: &ConfiguredSource, body: &serde_json::Map<String, Value>) -> [u8; 32] {
    let text = json!([source.id, body]).to_string();
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

/// The command that was accepted under this key before.
async fn known(
    surface: &Arc<Surface>,
    principal: &Principal,
    key: Option<&IdempotencyKey>,
) -> Result<Option<Command>, Problem> {
    let Some(wanted) = key.cloned() else {
        return Ok(None);
    };
    let (owner, name) = (principal.name().to_owned(), Text::clone(&wanted.key));
    let record = surface
        .blocking(move |surface| {
            surface
                .backend
                .keyed_command(&owner, &name)
                .map_err(|error| Problem::of_history(&error))
        })
        .await?;
    match record.filter(|record| !is_forgotten(surface, record)) {
        Some(record) if record.key.as_ref() != Some(&wanted) => Err(reused()),
        record => Ok(record.map(|record| record.as_accepted())),
    }
}

/// What is older than is promised may still be there, because it is swept away now and then.
fn is_forgotten(surface: &Surface, record: &CommandRecord) -> bool {
    record.command.created_at.after(KEPT) <= surface.clock.now().wall
}

/// Whether a call has ended. A call that is not there, or not to be seen, or of another source, is not found.
async fn is_over(
    surface: &Arc<Surface>,
    principal: &Principal,
    source: &ConfiguredSource,
    target: &EntityId,
) -> Result<bool, Problem> {
    let open = surface
        .backend
        .view()
        .find(Collection::Calls, None, target.as_str());
    if let Some(item) = open {
        let theirs = *item.source == *source.id.as_str();
        let seen = visible::of_item(&item, principal.narrowing()).is_some();
        return if theirs && seen {
            Ok(false)
        } else {
            Err(Problem::not_found())
        };
    }
    if target.source() != source.id.as_str() {
        return Err(Problem::not_found());
    }
    let (principal, target) = (principal.clone(), target.clone());
    surface
        .blocking(move |surface| state::ended_call(surface, &principal, target.as_str()))
        .await
        .map(|_| true)
}

fn order(
    surface: &Surface,
    principal: &Principal,
    source: &ConfiguredSource,
    spec: &CommandSpec,
    wish: &Wish,
    key: Option<IdempotencyKey>,
) -> Result<Order, Problem> {
    let random = (surface.entropy)().map_err(|error| {
        tracing::error!(%error, "no randomness for the id of a command");
        Problem::new(Kind::Unavailable, "no command can be taken now").after(SOON)
    })?;
    let id: String = random[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tenants = principal.narrowing().tenants.clone();
    Ok(Order {
        request: hub::command::Request {
            id: id.into(),
            owner: principal.name().into(),
            tenants,
            source: source.id.clone(),
            kind: spec.name.into(),
            target: wish.target.clone(),
            if_version: wish.if_version,
            patience: spec.patience,
            key,
        },
        kind: spec.name,
        params: wish.params.clone(),
    })
}

fn accepted(command: &Command) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(command)).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/commands/{}", command.id)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

fn refused(error: &CommandError, wish: &Wish) -> Problem {
    match error {
        CommandError::Stopped => Problem::shutting_down(),
        CommandError::Rejected(rejected) => match rejected {
            Rejected::NotConnected => Problem::new(
                Kind::SourceNotConnected,
                "the source is not connected to its PBX: nothing was sent",
            )
            .after(SOON),
            Rejected::Hidden => Problem::not_found(),
            Rejected::TargetEnded => ended(wish),
            Rejected::Moved { version } => Problem::new(
                Kind::VersionMismatch,
                format!("the call is at version {version}"),
            ),
            Rejected::Busy => Problem::new(
                Kind::CommandsExhausted,
                "too many commands of this source have no outcome yet",
            )
            .after(SOON),
            Rejected::KeyReused => reused(),
            Rejected::Unavailable => Problem::new(
                Kind::LogUnavailable,
                "whether this was asked before cannot be read now",
            )
            .after(SOON),
        },
    }
}

fn ended(wish: &Wish) -> Problem {
    if wish.if_version.is_some() {
        Problem::new(Kind::VersionMismatch, "the call has ended")
    } else {
        Problem::new(Kind::CallEnded, "the call has ended")
    }
}

fn reused() -> Problem {
    Problem::new(
        Kind::IdempotencyKeyReused,
        "this `Idempotency-Key` was used for another request within 24 hours",
    )
}

/// A wrong member of the body.
fn wrong(pointer: &str, detail: impl Into<String>) -> Violation {
    Violation::pointer(pointer, detail)
}
