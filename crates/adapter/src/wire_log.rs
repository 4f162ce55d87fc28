//! The wire log: raw traffic as log events under the targets `wire::<source>::recv` and `wire::<source>::send`.
//!
//! The names of sources are known only at run time, but the macros of `tracing` fix a target at compile time. So each
//! source and direction gets a callsite of its own when it is first used. Filters see them like any other:
//! `RUST_LOG=wire::hq::recv=trace`. A callsite lives for ever, hence they are kept by name and made once.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use model::SourceId;
use tracing_core::{
    Callsite, Event, Interest, Kind, Level, LevelFilter, Metadata,
    callsite::{self, Identifier},
    dispatcher,
    field::{FieldSet, Value},
};

use crate::{Direction, Tap};

/// Logs the traffic of one source at level `TRACE`. Costs a load and a branch while nobody listens.
#[derive(Clone, Copy)]
pub struct WireLog {
    received: &'static Site,
    sent: &'static Site,
}

impl WireLog {
    /// The wire log of a source.
    #[must_use]
    pub fn new(source: &SourceId) -> Self {
        static SITES: Mutex<BTreeMap<SourceId, WireLog>> = Mutex::new(BTreeMap::new());
        let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
        *sites.entry(source.clone()).or_insert_with(|| Self {
            received: Site::new(format!("wire::{source}::recv")),
            sent: Site::new(format!("wire::{source}::send")),
        })
    }
}

impl Tap for WireLog {
    fn frame(&self, direction: Direction, bytes: &[u8]) {
        match direction {
            Direction::Received => self.received.log(bytes),
            Direction::Sent => self.sent.log(bytes),
        }
    }
}

struct Site {
    wanted: AtomicBool,
    metadata: OnceLock<Metadata<'static>>,
}

impl Site {
    fn new(target: String) -> &'static Self {
        let target: &'static str = target.leak();
        let site: &'static Self = Box::leak(Box::new(Self {
            wanted: AtomicBool::new(false),
            metadata: OnceLock::new(),
        }));
        site.metadata.get_or_init(|| {
            let fields = FieldSet::new(&["message"], Identifier(site));
            Metadata::new(
                "frame",
                target,
                Level::TRACE,
                None,
                None,
                None,
                fields,
                Kind::EVENT,
            )
        });
        callsite::register(site);
        site
    }

    fn log(&'static self, bytes: &[u8]) {
        if LevelFilter::current() < LevelFilter::TRACE || !self.wanted.load(Relaxed) {
            return;
        }
        let Some(metadata) = self.metadata.get() else {
            return;
        };
        if !dispatcher::get_default(|dispatch| dispatch.enabled(metadata)) {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        let message = format_args!("{text}");
        Event::dispatch(
            metadata,
            &metadata
                .fields()
                .value_set_all(&[Some(&message as &dyn Value)]),
        );
    }
}

impl Callsite for Site {
    fn set_interest(&self, interest: Interest) {
        self.wanted.store(!interest.is_never(), Relaxed);
    }

    #[expect(
        clippy::expect_used,
        reason = "a site is registered after its metadata is set, and nobody meets it before"
    )]
    fn metadata(&self) -> &Metadata<'_> {
        self.metadata.get().expect("a registered site")
    }
}

impl fmt::Debug for WireLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WireLog")
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::EnvFilter;

    use super::*;

    #[test]
    fn filters_pick_a_source_and_a_direction() {
        let written = written("wire::hq::recv=trace", |hq, tokyo| {
            hq.frame(Direction::Received, br#"{"event_type":"call_start"}"#);
            hq.frame(Direction::Sent, b"not this one");
            tokyo.frame(Direction::Received, b"nor that one");
        });
        assert!(
            written.contains(r#"wire::hq::recv: {"event_type":"call_start"}"#),
            "{written}"
        );
        assert_eq!(written.lines().count(), 1, "{written}");
    }

    #[test]
    fn silent_by_default() {
        let written = written("info", |hq, _| hq.frame(Direction::Received, b"a number"));
        assert_eq!(written, "");
    }

    fn written(filter: &str, act: impl FnOnce(WireLog, WireLog)) -> String {
        let source = |name| WireLog::new(&SourceId::new(name).unwrap());
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(filter))
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || act(source("hq"), source("tokyo")));
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
