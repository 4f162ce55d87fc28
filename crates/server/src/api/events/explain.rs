//! `GET /v1/events/{id}/explain`: why an event says what it says.
//!
//! From the event back to the native frame: the frame as it was received (secrets redacted), what it says decoded, the
//! rule of the mapping that made the event of it, and the subject before and after.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hub::{
    block::{Block, Entry, Key},
    fanout::HistoryError,
    filter::{Filter, FilterSpec, Variant},
};
use model::{Cursor, EventType, FrameId, Position, Text};
use serde_json::{Map, Value, json};

use super::one;
use crate::{
    api::{Surface, extract::Named},
    auth::{Principal, Scope},
    http::query::Query,
    problem::Problem,
};

/// About how many bytes of blocks are read at a time while the version before is looked for.
const READ: usize = 512 * 1024;

pub(super) async fn show(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    query: Query,
) -> Result<Response, Problem> {
    principal.require(Scope::Admin)?;
    query.finish()?;
    let cursor = one::cursor(&surface, &id)?;
    let explained = surface
        .blocking(move |surface| {
            let reader = Reader {
                surface,
                narrowing: principal.narrowing(),
            };
            reader.explain(cursor)
        })
        .await?;
    Ok(Json(explained).into_response())
}

/// Reads the log as somebody who may see only so much of it.
struct Reader<'a> {
    surface: &'a Surface,
    narrowing: &'a hub::filter::Narrowing,
}

impl Reader<'_> {
    fn explain(&self, cursor: Cursor) -> Result<Value, Problem> {
        let spec = FilterSpec::default();
        let (block, entry) = one::find(self.surface, self.narrowing, cursor)?;
        let event = self.event(&spec, &block, &entry);
        let origin = &event["data"]["origin"];
        // A frame may speak of other tenants, too.
        let withheld = entry.mixed && self.narrowing.tenants.is_some();
        let (frame, decoded) = if withheld {
            (
                json!({"id": origin["frame"], "state": "withheld"}),
                Value::Null,
            )
        } else {
            self.frame(&entry, origin)?
        };
        let before = self.before(&entry, &event)?;
        Ok(json!({
            "frame": frame,
            "decoded": decoded,
            "mapping": {
                "name": origin["mapping"],
                "rule": origin["rule"],
                "event": origin["event"],
                "kind": origin["kind"],
                "precision": origin["precision"],
            },
            "subject": {
                "name": event["subject"],
                "version": event["subjectversion"],
                "before": before.entity,
                "before_state": before.state,
                "after": entity(entry.kind, &event),
                "change": event["data"]["change"],
            },
            "event": event,
        }))
    }

    /// An event as this reader may see it.
    fn event(&self, spec: &FilterSpec, block: &Block, entry: &Entry) -> Value {
        let variant = Variant::of(spec, self.narrowing);
        serde_json::from_slice(&variant.render(block, entry).to_vec()).unwrap_or_default()
    }

    /// The native frame, and what it says.
    fn frame(&self, entry: &Entry, origin: &Value) -> Result<(Value, Value), Problem> {
        let carried = carried(origin);
        let Some(id) = origin["frame"].as_str() else {
            // The gateway itself, a timer, or a batch of frames.
            return Ok((json!({"state": "none"}), carried.unwrap_or_default()));
        };
        let parsed: Option<FrameId> = id.parse().ok();
        let kept = match &parsed {
            Some(id) => self.surface.backend.frame(id).map_err(unreadable)?,
            None => None,
        };
        let state = match (&kept, &carried) {
            (Some(_), _) => "kept",
            (None, Some(_)) => "carried",
            (None, None) => "evicted",
        };
        let mut frame = Map::from_iter([("id".into(), json!(id)), ("state".into(), json!(state))]);
        let mut decoded = carried;
        if let Some(bytes) = kept {
            match std::str::from_utf8(&bytes) {
                Ok(text) => frame.insert("text".into(), json!(text)),
                Err(_) => frame.insert("base64".into(), json!(STANDARD.encode(&bytes))),
            };
            let source = entry.source.as_ref();
            decoded = decoded.or_else(|| self.surface.backend.decode(source?, &bytes));
        }
        Ok((Value::Object(frame), decoded.unwrap_or_default()))
    }

    /// The subject as the event before left it.
    fn before(&self, entry: &Entry, event: &Value) -> Result<Before, Problem> {
        if event["subjectversion"] == 1 {
            return Ok(Before::without("none"));
        }
        let subject: Text = event["subject"].as_str().unwrap_or_default().into();
        let spec = FilterSpec {
            subjects: Some(vec![Text::clone(&subject)]),
            payload: false,
            ..FilterSpec::default()
        };
        let filter = Filter::compile(&spec, self.narrowing);
        let started = self.surface.clock.now().mono;
        let mut at = entry.position;
        loop {
            let page = match self.surface.backend.page_back(at, &filter, READ) {
                Err(HistoryError::Expired(_)) => return Ok(Before::without("expired")),
                page => page.map_err(unreadable)?,
            };
            for block in &page.blocks {
                let older = block.entries.partition_point(|known| known.position < at);
                let candidates = block.entries[..older].iter().rev();
                for known in candidates
                    .filter(|known| known.subject == Key::of(&subject) && filter.passes(known))
                {
                    let event = self.event(&spec, block, known);
                    // Subjects are indexed by a hash, which another may share.
                    let entity = entity(known.kind, &event);
                    if event["subject"] == *subject && !entity.is_null() {
                        return Ok(Before {
                            entity,
                            state: "known",
                        });
                    }
                }
            }
            if page.scanned_to >= at || page.scanned_to == Position(0) {
                return Ok(Before::without("expired"));
            }
            at = page.scanned_to;
            if self.is_late(started) {
                return Ok(Before::without("not_found_in_time"));
            }
        }
    }

    fn is_late(&self, started: Duration) -> bool {
        self.surface.clock.now().mono.saturating_sub(started) > self.surface.pace.page_time
    }
}

/// A subject before an event.
struct Before {
    entity: Value,
    /// `known`, `none` (this is its first event), `expired` (no longer in the log) or `not_found_in_time`.
    state: &'static str,
}

impl Before {
    const fn without(state: &'static str) -> Self {
        Self {
            entity: Value::Null,
            state,
        }
    }
}

/// The entity that an event is about.
fn entity(kind: EventType, event: &Value) -> Value {
    let name = match kind.schema() {
        "leg" => "call",
        // Events of other schemas with this subject (`alert`, `directory` …) are about no entity.
        other => other,
    };
    event["data"][name].clone()
}

/// The native body that an event carries itself.
fn carried(origin: &Value) -> Option<Value> {
    let body = |name: &str| origin.get(name).cloned();
    body("payload").or_else(|| body("payload_base64"))
}

#[expect(clippy::needless_pass_by_value, reason = "the form of `map_err`")]
fn unreadable(error: HistoryError) -> Problem {
    Problem::of_history(&error)
}
