//! What is known of a source beside its entity.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use model::{Collection, Quality, SourceCounters, Text, Timestamp};

use super::{SourceSettings, clock::Skew, snapshot::Listing};
use crate::block::Key;

/// What the state knows of a source beside its entity.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) settings: Arc<SourceSettings>,
    pub(super) open_calls: usize,
    /// It was connected at least once, ever.
    pub(super) connected_before: bool,
    /// The last sign of the PBX.
    pub(super) heard: Option<Timestamp>,
    /// Why the connection was lost.
    pub(super) lost: Option<Text>,
    pub(super) listings: Vec<Listing>,
    pub(super) counters: SourceCounters,
    pub(super) quality: Option<Quality>,
    /// Unknown shapes, and how often each was heard.
    pub(super) shapes: BTreeMap<Text, u64>,
    /// Kinds of entities it ever told of.
    pub(super) told: BTreeSet<Collection>,
    pub(super) alerts: BTreeSet<(Key, Key)>,
    /// When each unknown shape, or exceeded limit, was last published.
    pub(super) published: HashMap<Text, Duration>,
    /// The last facts that change no entity, to tell repeats.
    pub(super) recent: VecDeque<Key>,
    pub(super) skew: Skew,
}

/// Between two events about the same unknown shape or the same limit.
const MINUTE: Duration = Duration::from_secs(60);
/// The most shapes and limits of a source that are told apart; those beyond share one place.
const MAX_SHAPES: usize = 1_024;
/// The most shapes that a source lists with their counts.
const MAX_LISTED: usize = 64;
/// How many facts of a source are remembered to tell repeats.
pub(super) const MAX_RECENT: usize = 256;

impl Track {
    pub(super) fn new(settings: Arc<SourceSettings>) -> Self {
        Self {
            settings,
            open_calls: 0,
            connected_before: false,
            heard: None,
            lost: None,
            listings: Vec::new(),
            counters: SourceCounters::default(),
            quality: None,
            shapes: BTreeMap::new(),
            told: BTreeSet::new(),
            alerts: BTreeSet::new(),
            published: HashMap::new(),
            recent: VecDeque::new(),
            skew: Skew::default(),
        }
    }

    /// Counts a message of an unknown shape.
    pub(super) fn count_shape(&mut self, shape: &Text) {
        let room = self.shapes.len() < MAX_LISTED || self.shapes.contains_key(shape);
        let shape = if room {
            Text::clone(shape)
        } else {
            "…".into()
        };
        *self.shapes.entry(shape).or_default() += 1;
    }

    /// Whether something is told for the first time, or for the first time in a minute.
    pub(super) fn is_due(&mut self, now: Duration, what: &Text) -> bool {
        let what = if self.published.len() >= MAX_SHAPES && !self.published.contains_key(what) {
            "…".into()
        } else {
            Text::clone(what)
        };
        match self.published.get(&what) {
            Some(last) if now < *last + MINUTE => false,
            _ => {
                self.published.insert(what, now);
                true
            }
        }
    }
}
