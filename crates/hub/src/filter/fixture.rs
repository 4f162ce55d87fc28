//! Index entries and wishes for tests.

use model::{EventType, Position, SourceId, Timestamp};

use super::FilterSpec;
use crate::block::{Entry, Key};

/// An event of the source `hq` that involves nobody.
pub(crate) fn entry(kind: EventType) -> Entry {
    Entry {
        position: Position(1),
        kind,
        start: 0,
        end: 0,
        payload: None,
        source: Some(SourceId::new("hq").unwrap()),
        tenant: None,
        subject: Key::of("calls/hq:1"),
        extensions: Default::default(),
        queues: Default::default(),
        recorded: Timestamp::from_secs(1_700_000_000),
        private: false,
        mixed: false,
        reconstructed: false,
    }
}

/// The wish of these query parameters.
pub(crate) fn spec(parameters: &[(&str, &str)]) -> FilterSpec {
    let mut spec = FilterSpec::default();
    for (parameter, value) in parameters {
        assert_eq!(spec.set(parameter, value), Ok(true));
    }
    spec
}
