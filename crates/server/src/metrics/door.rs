//! Who was turned away, and why.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use telemetry::Counter;

use super::{families, text::Page};
use crate::{api::Surface, problem::Kind};

/// Counts what is refused to somebody for who he is, or for how much he asks: not what is merely asked wrongly.
#[derive(Debug, Default)]
pub(crate) struct Door([Counter; REASONS.len()]);

const REASONS: [Kind; 9] = [
    Kind::Unauthenticated,
    Kind::MissingScope,
    Kind::NotLocal,
    Kind::ForeignOrigin,
    Kind::TooManyAttempts,
    Kind::RateLimited,
    Kind::TooManyStreams,
    Kind::TooManyConnections,
    Kind::StreamsExhausted,
];

impl Door {
    /// Counts a problem that somebody was answered with, if it is a refusal.
    pub(crate) fn answered(&self, kind: Kind) {
        let reason = REASONS.iter().position(|reason| *reason == kind);
        if let Some(reason) = reason {
            self.0[reason].add(1);
        }
    }

    pub(super) fn write(&self, page: &mut Page) {
        let mut samples = page.family(&families::DOOR_REFUSED);
        for (reason, count) in REASONS.iter().zip(&self.0) {
            samples.value(&[reason.facts().slug], count.get());
        }
    }
}

/// The layer that counts answers. What is refused on a WebSocket is counted where it is said.
pub(crate) async fn count(
    State(surface): State<Arc<Surface>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    if let Some(kind) = response.extensions().get::<Kind>() {
        surface.door.answered(*kind);
    }
    response
}
