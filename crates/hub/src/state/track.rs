//! What is known of a source beside its entity.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use model::{Collection, SourceCounters, Text, Timestamp};

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
            told: BTreeSet::new(),
            alerts: BTreeSet::new(),
            published: HashMap::new(),
            recent: VecDeque::new(),
            skew: Skew::default(),
        }
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
