//! A frame that is followed, from its receipt until the hub has taken what it says.

use std::time::Duration;

use model::{FrameId, Timestamp};
use telemetry::{Context, Span, Stage, Value};

use super::Supervisor;

/// A frame whose way is told.
pub(super) struct Followed {
    context: Context,
    received: Timestamp,
    attributes: Vec<(&'static str, Value)>,
}

impl Supervisor {
    /// Begins to follow a frame that was received at a time; none when it is not to be followed.
    pub(super) fn follow(
        &self,
        id: &FrameId,
        bytes: usize,
        received: Timestamp,
    ) -> Option<Followed> {
        let context = self.tracer.of(id)?;
        let attributes = vec![
            ("switchhook.source", Value::Text(id.source.to_string())),
            ("switchhook.frame", Value::Text(id.to_string())),
            (
                "switchhook.frame.size",
                Value::Number(i64::try_from(bytes).unwrap_or(i64::MAX)),
            ),
        ];
        Some(Followed {
            context,
            received,
            attributes,
        })
    }

    /// It has been decoded and mapped.
    pub(super) fn decoded(&self, followed: &Followed, took: Duration) {
        self.tracer.tell(Span {
            stage: Stage::Decode,
            context: followed.context.below(Stage::Decode, 0),
            parent: Some(followed.context.span),
            begin: self.clock.now().wall.before(took),
            took,
            attributes: Vec::new(),
            failed: None,
        });
    }

    /// The hub has taken it, or never will.
    pub(super) fn taken(&self, followed: Followed) {
        let took = self.clock.now().wall.micros() - followed.received.micros();
        self.tracer.tell(Span {
            stage: Stage::Link,
            context: followed.context,
            parent: None,
            begin: followed.received,
            took: Duration::from_micros(u64::try_from(took).unwrap_or(0)),
            attributes: followed.attributes,
            failed: None,
        });
    }
}
