//! Request bodies: JSON of known members, within bounds of size and time.

use axum::body::Body;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use super::Limits;
use crate::problem::{Kind, Problem, Violation};

/// Reads a body that must be empty; an object without members counts as empty.
///
/// # Errors
/// When it is not.
pub(crate) async fn empty(request: Request<Body>, limits: Limits) -> Result<(), Problem> {
    let typed = request.headers().contains_key(header::CONTENT_TYPE);
    let json = is_json(&request);
    let bytes = read(request, limits).await?;
    if bytes.is_empty() {
        return Ok(());
    }
    if typed && !json {
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            "the content type is not `application/json`",
        ));
    }
    match serde_json::from_slice::<Map<String, Value>>(&bytes) {
        Ok(members) if members.is_empty() => Ok(()),
        Ok(members) => Err(Problem::body(
            members
                .keys()
                .map(|name| Violation::unknown_member(name))
                .collect(),
        )),
        Err(error) => Err(Problem::body(vec![Violation::pointer(
            "",
            format!("an empty body is expected: {error}"),
        )])),
    }
}

/// Reads a body that must be a JSON object.
///
/// # Errors
/// When it is not.
pub(crate) async fn object(
    request: Request<Body>,
    limits: Limits,
) -> Result<Map<String, Value>, Problem> {
    let json = is_json(&request);
    let bytes = read(request, limits).await?;
    if !json {
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            "the content type is not `application/json`",
        ));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        let detail = format!("a JSON object is expected: {error}");
        Problem::body(vec![Violation::pointer("", detail)])
    })
}

async fn read(request: Request<Body>, limits: Limits) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Kind::BodyTooLarge, format!("at most {} bytes", limits.body));
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.body) {
        return Err(too_large());
    }
    let body = Limited::new(request.into_body(), limits.body).collect();
    match tokio::time::timeout(limits.patience, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(Kind::InvalidRequest, "the body broke off")),
        Err(_) => Err(Problem::new(
            Kind::RequestTimeout,
            "the body did not arrive in time",
        )),
    }
}

fn is_json(request: &Request<Body>) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}
