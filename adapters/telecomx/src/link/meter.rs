//! What the links of a source count, for `/metrics`: one after another they go on where the last one stopped.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use adapter::Measure;
use tokio::time::Instant;

use super::{exit::Exit, queue::Queue};

/// Names of events that are counted each by itself; there is no bound to what a server may call one.
const NAMES: [&str; 12] = [
    "PBX",
    "CALL",
    "REGISTER",
    "CONFIG",
    "TRUNK",
    "REDIS",
    "REALTIME",
    "REQUEST",
    "REPLY",
    "authenticated",
    "subscribed",
    "unsubscribed",
];

/// The counters of one source.
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<Figures>);

#[derive(Debug, Default)]
struct Figures {
    exits: Tally,
    events: Tally,
    unreadable: Tally,
    late_acks: u64,
    /// Of the session that stands.
    queue: Weak<Queue>,
    beat: Option<Instant>,
    round_trip: Option<Duration>,
}

/// How often, by word.
pub(super) type Tally = BTreeMap<&'static str, u64>;

impl Meter {
    /// The word that an event is counted under.
    pub(super) fn word(name: &str) -> &'static str {
        let known = NAMES.iter().find(|known| **known == name);
        known.copied().unwrap_or("other")
    }

    /// A session begins.
    pub(super) fn session(&self, queue: &Arc<Queue>, now: Instant) {
        let mut figures = self.lock();
        figures.queue = Arc::downgrade(queue);
        figures.beat = Some(now);
        figures.round_trip = None;
    }

    /// A session, or the attempt to begin one, has ended.
    pub(super) fn exit(&self, exit: &Exit) {
        let mut figures = self.lock();
        *figures.exits.entry(exit.word()).or_default() += 1;
        figures.beat = None;
    }

    /// Events that were heard, which are taken out.
    pub(super) fn events(&self, heard: &mut Tally) {
        let mut figures = self.lock();
        while let Some((word, times)) = heard.pop_first() {
            *figures.events.entry(word).or_default() += times;
        }
    }

    pub(super) fn unreadable(&self, kind: &'static str) {
        *self.lock().unreadable.entry(kind).or_default() += 1;
    }

    pub(super) fn late_ack(&self) {
        self.lock().late_acks += 1;
    }

    /// A heartbeat. Whoever pinged knows how long the answer took.
    pub(super) fn beat(&self, now: Instant, round_trip: Option<Duration>) {
        let mut figures = self.lock();
        figures.beat = Some(now);
        figures.round_trip = round_trip.or(figures.round_trip);
    }

    /// All of it, as it is now.
    pub(super) fn measures(&self, now: Instant) -> Vec<Measure> {
        let figures = self.lock();
        let tally = |name, tally: &Tally| {
            let each = tally.iter();
            each.map(|(word, times)| Measure::counter(name, *times).of(*word))
                .collect::<Vec<_>>()
        };
        let mut all = [
            tally("exits", &figures.exits),
            tally("events", &figures.events),
            tally("bad_packets", &figures.unreadable),
        ]
        .concat();
        all.push(Measure::counter("late_acks", figures.late_acks));
        if let Some(queue) = figures.queue.upgrade() {
            let (frames, most) = queue.depth();
            all.push(Measure::gauge("queue_frames", count(frames)));
            all.push(Measure::gauge("queue_frames_most", count(most)));
        }
        let age = figures.beat.map(|beat| now.saturating_duration_since(beat));
        for (name, span) in [
            ("heartbeat_age_seconds", age),
            ("heartbeat_round_trip_seconds", figures.round_trip),
        ] {
            all.extend(span.map(|span| Measure::gauge(name, span.as_secs_f64())));
        }
        all
    }

    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queue holds far fewer than are told apart here.
fn count(frames: usize) -> f64 {
    u32::try_from(frames).unwrap_or(u32::MAX).into()
}

#[cfg(test)]
mod tests {
    use adapter::Figure;

    use super::*;

    #[test]
    fn a_source_goes_on_counting_from_one_link_to_the_next() {
        let meter = Meter::default();
        let start = Instant::now();
        for _ in 0..2 {
            let queue = Arc::new(Queue::default());
            meter.session(&queue, start);
            meter.events(&mut Tally::from([("PBX", 3), (Meter::word("hiccup"), 1)]));
            meter.unreadable("empty");
            meter.beat(start, Some(Duration::from_millis(250)));
            meter.exit(&Exit::EngineClose);
        }
        let all = meter.measures(start);
        let of = |name: &str, word: &str| {
            let fits = |measure: &&Measure| {
                measure.name == name && measure.of.as_deref().unwrap_or("") == word
            };
            all.iter().find(fits).map(|measure| measure.figure)
        };
        assert_eq!(of("events", "PBX"), Some(Figure::Counter(6)));
        assert_eq!(of("events", "other"), Some(Figure::Counter(2)));
        assert_eq!(of("bad_packets", "empty"), Some(Figure::Counter(2)));
        assert_eq!(of("exits", "engine_close"), Some(Figure::Counter(2)));
        assert_eq!(
            of("heartbeat_round_trip_seconds", ""),
            Some(Figure::Gauge(0.25))
        );
        // Without a session there is no queue, and nothing beats.
        assert_eq!(of("queue_frames", ""), None);
        assert_eq!(of("heartbeat_age_seconds", ""), None);
    }
}
