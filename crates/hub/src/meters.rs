//! What the hub counts and times. The writer counts, anybody reads.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use model::{EventType, SourceId};
use telemetry::{Counter, Histogram};

use crate::{block::Block, log::LoggedGap, state::check::Rule};

/// The figures of the hub since the start.
#[derive(Debug)]
pub struct Meters {
    /// How long commits took that succeeded, in nanoseconds.
    pub append: Histogram,
    /// From the receipt of the first message of a batch to the publication of its events, in nanoseconds.
    pub publish_lag: Histogram,
    /// Messages that were folded and committed together.
    pub batch: Histogram,
    violations: [Counter; Rule::ALL.len()],
    sources: RwLock<BTreeMap<SourceId, Arc<SourceMeters>>>,
}

/// The figures of one source.
#[derive(Debug)]
pub struct SourceMeters {
    /// By type, in the order of the catalogue.
    events: Box<[Counter]>,
    gap: Counter,
}

/// The writer's hand on the meters: it finds those of a source without a lock.
pub struct Tally {
    meters: Arc<Meters>,
    known: BTreeMap<SourceId, Arc<SourceMeters>>,
}

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000 * MICRO;
const SECOND: u64 = 1_000 * MILLI;

#[rustfmt::skip]
const APPEND: &[u64] = &[
    100 * MICRO, 250 * MICRO, 500 * MICRO, MILLI, 2_500 * MICRO, 5 * MILLI, 10 * MILLI, 25 * MILLI, 50 * MILLI, 100 * MILLI,
    250 * MILLI, 500 * MILLI, SECOND, 5 * SECOND,
];
#[rustfmt::skip]
const PUBLISH_LAG: &[u64] = &[
    250 * MICRO, 500 * MICRO, MILLI, 2_500 * MICRO, 5 * MILLI, 10 * MILLI, 25 * MILLI, 50 * MILLI, 100 * MILLI, 250 * MILLI,
    500 * MILLI, SECOND, 5 * SECOND, 15 * SECOND, 60 * SECOND,
];
const BATCH: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_023];

impl Default for Meters {
    fn default() -> Self {
        Self {
            append: Histogram::new(APPEND),
            publish_lag: Histogram::new(PUBLISH_LAG),
            batch: Histogram::new(BATCH),
            violations: Default::default(),
            sources: RwLock::default(),
        }
    }
}

impl Meters {
    /// How many events broke each of the rules.
    pub fn violations(&self) -> impl Iterator<Item = (Rule, u64)> {
        let counts = self.violations.iter().map(Counter::get);
        Rule::ALL.into_iter().zip(counts)
    }

    /// The figures of a source; none when it has published nothing.
    #[must_use]
    pub fn source(&self, id: &SourceId) -> Option<Arc<SourceMeters>> {
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        sources.get(id).cloned()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<SourceId, Arc<SourceMeters>>)) {
        change(&mut self.sources.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl SourceMeters {
    fn new() -> Self {
        Self {
            events: EventType::ALL.iter().map(|_| Counter::new()).collect(),
            gap: Counter::new(),
        }
    }

    /// Events published, by type, as far as there were any.
    pub fn events(&self) -> impl Iterator<Item = (EventType, u64)> {
        let counts = self.events.iter().map(Counter::get);
        let all = EventType::ALL.iter().copied().zip(counts);
        all.filter(|(_, count)| *count > 0)
    }

    /// How long the gaps were that were published.
    #[must_use]
    pub fn gap(&self) -> Duration {
        Duration::from_millis(self.gap.get())
    }
}

impl Tally {
    /// The hand of the only writer of these meters.
    #[must_use]
    pub fn new(meters: Arc<Meters>) -> Self {
        Self {
            meters,
            known: BTreeMap::new(),
        }
    }

    pub(crate) fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Takes over what the state has counted.
    pub(crate) fn violations(&self, counts: &[u64; Rule::ALL.len()]) {
        for (counter, count) in self.meters.violations.iter().zip(counts) {
            counter.set(*count);
        }
    }

    /// Counts what is published.
    pub fn published(&mut self, blocks: &[Arc<Block>], gaps: &[LoggedGap]) {
        for block in blocks {
            // Events of a source come in runs: it is looked up once for each.
            for run in block
                .entries
                .chunk_by(|one, next| one.source == next.source)
            {
                let Some(source) = run.first().and_then(|entry| entry.source.as_ref()) else {
                    continue;
                };
                let meters = self.of(source);
                for entry in run {
                    meters.events[entry.kind as usize].add(1);
                }
            }
        }
        for LoggedGap { source, gap } in gaps {
            self.of(source).gap.add(gap.to.millis_since(gap.from));
        }
    }

    /// Forgets sources that are configured no more.
    pub(crate) fn keep(&mut self, sources: &BTreeSet<SourceId>) {
        self.known.retain(|id, _| sources.contains(id));
        let known = self.known.clone();
        self.meters.change(|sources| *sources = known);
    }

    fn of(&mut self, source: &SourceId) -> &SourceMeters {
        if !self.known.contains_key(source) {
            let new = Arc::new(SourceMeters::new());
            self.meters.change(|sources| {
                sources.insert(source.clone(), Arc::clone(&new));
            });
            self.known.insert(source.clone(), new);
        }
        &self.known[source]
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::{Epoch, Gap, Timestamp};

    use super::*;
    use crate::{block::Entry, filter::fixture::entry};

    fn id(name: &str) -> SourceId {
        SourceId::new(name).unwrap()
    }

    fn block(events: &[(Option<&str>, EventType)]) -> Arc<Block> {
        let entries = events.iter().map(|(source, kind)| Entry {
            source: source.map(id),
            ..entry(*kind)
        });
        Arc::new(Block {
            epoch: Epoch::from_random([0; 8]),
            entries: entries.collect(),
            body: Bytes::new(),
        })
    }

    fn gap(source: &str, seconds: i64) -> LoggedGap {
        LoggedGap {
            source: id(source),
            gap: Gap {
                from: Timestamp::from_secs(10),
                to: Timestamp::from_secs(10 + seconds),
                reason: "lost".into(),
                reconciled: Vec::new(),
                unknown: Vec::new(),
                count: None,
            },
        }
    }

    #[test]
    fn events_are_counted_by_source_and_type() {
        let meters = Arc::new(Meters::default());
        let mut tally = Tally::new(Arc::clone(&meters));
        let events = block(&[
            (Some("hq"), EventType::CallStarted),
            (None, EventType::WebhookDisabled),
            (Some("hq"), EventType::CallStarted),
            (Some("hq"), EventType::SourceGap),
        ]);
        tally.published(&[events], &[gap("hq", 5), gap("cph", 2), gap("cph", 1)]);
        let hq = meters.source(&id("hq")).unwrap();
        let counted: Vec<_> = hq.events().collect();
        assert_eq!(
            counted,
            [(EventType::CallStarted, 2), (EventType::SourceGap, 1)]
        );
        let gaps = ["hq", "cph"].map(|name| meters.source(&id(name)).unwrap().gap().as_secs());
        assert_eq!(gaps, [5, 3]);
    }

    #[test]
    fn a_source_that_is_gone_is_forgotten_and_begins_anew() {
        let meters = Arc::new(Meters::default());
        let mut tally = Tally::new(Arc::clone(&meters));
        let events = [block(&[
            (Some("hq"), EventType::CallStarted),
            (Some("cph"), EventType::CallStarted),
        ])];
        tally.published(&events, &[]);
        tally.keep(&[id("cph")].into());
        assert!(meters.source(&id("hq")).is_none());
        tally.published(&events, &[]);
        let of = |name| meters.source(&id(name)).unwrap().events().next();
        assert_eq!(of("hq"), Some((EventType::CallStarted, 1)));
        assert_eq!(of("cph"), Some((EventType::CallStarted, 2)));
    }
}
