//! Who connects, with what, and what they want to hear.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, Response, StatusCode, body::Incoming, header};
use serde_json::{Value, json};

use super::{Shared, connection::status};
use crate::sim::profile::Profile;

/// The longest request for a ticket.
const MAX_BODY: usize = 16 * 1024;

/// What a client may have.
pub(super) struct Wish {
    /// User and `app_name`.
    pub(super) account: (String, String),
    /// The user whose legs alone are told.
    pub(super) watched: Option<i64>,
    pub(super) force: bool,
}

/// Reads what a client wants, or says why it may not.
pub(super) fn wish(shared: &Shared, request: &Request<Incoming>) -> Result<Wish, StatusCode> {
    let uri = request
        .uri()
        .path_and_query()
        .map_or("", |uri| uri.as_str());
    let query = query(request.uri().query().unwrap_or_default());
    let get = |name: &str| {
        query
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    let mut state = shared.house.lock();
    if state.refuse_logins || state.mangler.refuses_login() {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let full = get("full_events") == Some("true");
    let (user, may_full) = match basic(request) {
        Some((user, secret)) if user == "ws_ticket" => {
            // Good for one connection, and for this very URI.
            let wanted = state
                .tickets
                .remove(&secret)
                .ok_or(StatusCode::UNAUTHORIZED)?;
            if wanted != uri {
                return Err(StatusCode::UNAUTHORIZED);
            }
            (shared.profile.domain.clone(), false)
        }
        Some((user, secret)) if user == shared.profile.domain && secret == shared.profile.token => {
            (user, true)
        }
        Some(_) => return Err(StatusCode::UNAUTHORIZED),
        None => {
            let cookie = request
                .headers()
                .get(header::COOKIE)
                .and_then(|cookie| cookie.to_str().ok());
            let session = cookie.and_then(|cookie| cookie.strip_prefix("session="));
            (session.ok_or(StatusCode::UNAUTHORIZED)?.to_owned(), true)
        }
    };
    if full && !may_full {
        return Err(StatusCode::FORBIDDEN);
    }
    let app = get("app_name")
        .filter(|app| !app.is_empty())
        .ok_or(StatusCode::BAD_REQUEST)?;
    let watched = if full {
        None
    } else {
        let named = query.iter().find(|(name, _)| name.starts_with("user_"));
        let found = match named {
            Some((by, value)) => state.world.find_user(by, value),
            None => state.world.find_user("user_name", &user),
        };
        Some(found.ok_or(StatusCode::NOT_FOUND)?)
    };
    Ok(Wish {
        account: (user, app.to_owned()),
        watched,
        force: [get("force"), get("forced")].contains(&Some("true")),
    })
}

/// Draws a ticket.
pub(super) async fn ticket(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let known = (shared.profile.domain.clone(), shared.profile.token.clone());
    if basic(&request) != Some(known) {
        shared.house.count(|counts| counts.refused += 1);
        return status(StatusCode::UNAUTHORIZED);
    }
    let Ok(body) = Limited::new(request.into_body(), MAX_BODY).collect().await else {
        return status(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    let uri = body["uri"].as_str().unwrap_or_default();
    let good = uri.starts_with(Profile::PATH) && !uri.contains("full_events=true");
    let answer = if good {
        let number = shared.house.counts().tickets;
        let ticket = format!("ticket-{}-{number}", shared.profile.seed);
        shared
            .house
            .lock()
            .tickets
            .insert(ticket.clone(), uri.to_owned());
        shared.house.count(|counts| counts.tickets += 1);
        json!({"result_code": 0, "ticket": ticket})
    } else {
        json!({"result_code": 1, "error": {"id": "not_allowed"}})
    };
    let mut response = Response::new(Full::from(answer.to_string()));
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn basic(request: &Request<Incoming>) -> Option<(String, String)> {
    let value = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let pair = BASE64_STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (user, secret) = pair.split_once(':')?;
    Some((user.to_owned(), secret.to_owned()))
}

fn query(query: &str) -> Vec<(String, String)> {
    let plain = |text: &str| crate::wire::percent_decode(text).into_owned();
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}
