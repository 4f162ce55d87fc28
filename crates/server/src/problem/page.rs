//! `/problems/<slug>`: what a problem means and what to do, for people and for programs.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};

use super::{Kind, Problem};
use crate::api::extract::Named;

/// The page of one kind: HTML when that is what is asked for, else JSON.
pub(crate) async fn show(Named(slug): Named<String>, headers: HeaderMap) -> Response {
    let Some(kind) = Kind::from_slug(&slug) else {
        return Problem::not_found().into_response();
    };
    let wants_html = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"));
    let (content_type, body) = if wants_html {
        ("text/html; charset=utf-8", html(kind))
    } else {
        ("application/json", json(kind))
    };
    let content_type = HeaderValue::from_static(content_type);
    let csp = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    );
    (
        [
            (header::CONTENT_TYPE, content_type),
            (header::CONTENT_SECURITY_POLICY, csp),
        ],
        body,
    )
        .into_response()
}

fn json(kind: Kind) -> String {
    let facts = kind.facts();
    serde_json::json!({
        "type": format!("/problems/{}", facts.slug),
        "title": facts.title,
        "status": facts.status.as_u16(),
        "retryable": facts.retryable,
        "close_code": facts.close,
        "advice": facts.advice,
    })
    .to_string()
}

fn html(kind: Kind) -> String {
    let facts = kind.facts();
    let again = if facts.retryable {
        "The same request may succeed later."
    } else {
        "The same request will fail again."
    };
    // Every text here is our own: nothing needs escaping but what we write ourselves.
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>body{{font:16px/1.5 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}}</style>\
         <h1>{title}</h1><p>HTTP {status}, WebSocket close code {close}.</p><p>{advice}</p><p>{again}</p></html>",
        title = escaped(facts.title),
        status = facts.status.as_u16(),
        close = facts.close,
        advice = escaped(facts.advice),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
