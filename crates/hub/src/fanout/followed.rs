//! The last stage of a frame that is followed: its events are with the streams of a shard.

use telemetry::{Span, Stage, Tracer, Value};

use super::core::Delivered;

/// Tells it for one shard.
pub(super) struct Teller {
    pub(super) tracer: Tracer,
    pub(super) shard: u64,
}

impl Teller {
    pub(super) fn tell(&self, delivered: &Delivered) {
        let number = |n: u64| Value::Number(i64::try_from(n).unwrap_or(i64::MAX));
        let mut attributes = vec![
            ("switchhook.shard", number(self.shard)),
            ("switchhook.deliveries", number(delivered.deliveries)),
        ];
        if delivered.behind > 0 {
            attributes.push(("switchhook.streams.behind", number(delivered.behind)));
        }
        let whole = delivered.context;
        self.tracer.tell(Span {
            stage: Stage::Send,
            context: whole.below(Stage::Send, self.shard),
            parent: Some(whole.span),
            begin: delivered.begun.wall,
            took: delivered.took,
            attributes,
            failed: None,
        });
    }
}
