//! The polling transport, as far as it goes here: a handshake by which versions are told apart. Events need a WebSocket.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Response, header::CONTENT_TYPE};
use serde_json::json;

use super::{Shared, World, front::said};
use crate::link::packet::Engine;

/// Answers a polling request: the first with a handshake, one that ends that session with `ok`, all others as if the
/// session had ended.
pub(super) fn answer<W: World>(
    shared: &Arc<Shared<W>>,
    method: &Method,
    query: &[(String, String)],
) -> Response<Full<Bytes>> {
    let engine = shared.profile.engine_io;
    if let Some(refused) = refusal(engine, query) {
        return refused;
    }
    if has(query, "sid") {
        return match *method {
            Method::POST => text("ok".to_owned()),
            _ => said(400, &json!({"code": 1, "message": "Session ID unknown"})),
        };
    }
    shared.house.count(|counts| counts.probes += 1);
    let sid = format!("sim{}", shared.house.counts().probes);
    let open = format!("0{}", handshake(shared, &sid, true));
    text(match engine {
        Engine::V4 => open,
        Engine::V3 => format!("{}:{open}2:40", open.chars().count()),
    })
}

/// What the server says when a session begins.
pub(super) fn handshake<W: World>(shared: &Shared<W>, sid: &str, polling: bool) -> String {
    let profile = &shared.profile;
    let mut open = json!({
        "sid": sid,
        "upgrades": if polling { vec!["websocket"] } else { Vec::new() },
        "pingInterval": profile.ping_interval_ms,
        "pingTimeout": profile.ping_timeout_ms,
    });
    if profile.engine_io == Engine::V4 {
        open["maxPayload"] = profile.max_payload.into();
    }
    open.to_string()
}

/// A server of Engine.IO 4 refuses other versions; one of 3 does not look.
pub(super) fn refusal(engine: Engine, query: &[(String, String)]) -> Option<Response<Full<Bytes>>> {
    let asked = query
        .iter()
        .find(|(name, _)| name == "EIO")
        .map(|(_, value)| value.as_str());
    let unsupported = json!({"code": 5, "message": "Unsupported protocol version"});
    (engine == Engine::V4 && asked != Some("4")).then(|| said(400, &unsupported))
}

fn has(query: &[(String, String)], key: &str) -> bool {
    query.iter().any(|(name, _)| name == key)
}

fn text(body: String) -> Response<Full<Bytes>> {
    let response = Response::builder().header(CONTENT_TYPE, "text/plain; charset=UTF-8");
    response.body(Full::new(body.into())).unwrap_or_default()
}
