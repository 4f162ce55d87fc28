//! Which lists are due after connecting, and what came before it could be read.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use model::Now;

use crate::wire::Element;

/// How long lists are waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a PBX may be silent after the lists that every one has, before there are no others.
const QUIET: Duration = Duration::from_secs(1);
/// Frames, and their bytes, that may wait for the fields of their element.
const MAX_EARLY: usize = 1_024;
const MAX_EARLY_BYTES: usize = 4 << 20;

pub(super) struct Sync {
    /// The elements that every PBX lists.
    needed: &'static [Element],
    connected: bool,
    /// Elements whose fields were told, but not yet their entities.
    announced: BTreeSet<Element>,
    listed: BTreeSet<Element>,
    /// When it is said that lists are missing.
    deadline: Option<Duration>,
    /// When it is said that all have come.
    quiet: Option<Duration>,
    synced: bool,
    early: Vec<(Element, Bytes)>,
    early_bytes: usize,
}

/// What the time says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All lists have come.
    Synced,
    /// These have not.
    Late(Vec<Element>),
}

const OF_ALL: &[Element] = &[
    Element::User,
    Element::Group,
    Element::GroupMember,
    Element::Channel,
];
const OF_ONE: &[Element] = &[Element::Channel];

impl Sync {
    /// For a source that sees everything, or the channels of one user.
    pub(super) fn new(full: bool) -> Self {
        Self {
            needed: if full { OF_ALL } else { OF_ONE },
            connected: false,
            announced: BTreeSet::new(),
            listed: BTreeSet::new(),
            deadline: None,
            quiet: None,
            synced: false,
            early: Vec::new(),
            early_bytes: 0,
        }
    }

    pub(super) fn connected(&mut self, now: Now) {
        self.disconnected();
        self.connected = true;
        self.deadline = Some(now.mono + PATIENCE);
    }

    pub(super) fn disconnected(&mut self) {
        self.connected = false;
        self.announced.clear();
        self.listed.clear();
        self.deadline = None;
        self.quiet = None;
        self.synced = false;
        self.early.clear();
        self.early_bytes = 0;
    }

    /// The fields of an element were told; its list follows.
    pub(super) fn announced(&mut self, element: &Element) {
        if !self.listed.contains(element) && !matches!(element, Element::Other(_)) {
            self.announced.insert(element.clone());
            self.quiet = None;
        }
    }

    /// The list of an element has come.
    pub(super) fn listed(&mut self, element: &Element, now: Now) {
        self.announced.remove(element);
        if self.listed.len() < crate::wire::MAX_ELEMENTS {
            self.listed.insert(element.clone());
        }
        let all = self
            .needed
            .iter()
            .all(|element| self.listed.contains(element));
        if all && self.announced.is_empty() && !self.synced {
            self.quiet = Some(now.mono + QUIET);
        }
    }

    pub(super) fn calls_are_listed(&self) -> bool {
        self.listed.contains(&Element::Channel)
    }

    /// Nobody need wait for the silence: those who wait are listed last.
    pub(super) fn is_complete(&self) -> bool {
        self.quiet.is_some() && self.listed.contains(&Element::ChannelWaiting)
    }

    pub(super) fn due(&self) -> Option<Duration> {
        [self.deadline, self.quiet].into_iter().flatten().min()
    }

    /// What is to be said now.
    pub(super) fn verdict(&mut self, now: Now) -> Option<Verdict> {
        if self.is_complete() || self.quiet.is_some_and(|due| due <= now.mono) {
            self.quiet = None;
            self.deadline = None;
            self.synced = true;
            return Some(Verdict::Synced);
        }
        self.deadline.take_if(|due| *due <= now.mono)?;
        let unlisted = self
            .needed
            .iter()
            .filter(|element| !self.listed.contains(*element));
        let mut missing: Vec<Element> = unlisted.chain(&self.announced).cloned().collect();
        missing.sort();
        missing.dedup();
        Some(Verdict::Late(missing))
    }

    /// Keeps a frame until the fields of its element are told; false when there is no room.
    pub(super) fn keep(&mut self, element: Element, frame: &Bytes) -> bool {
        let room =
            self.early.len() < MAX_EARLY && self.early_bytes + frame.len() <= MAX_EARLY_BYTES;
        if room && self.connected {
            self.early_bytes += frame.len();
            self.early.push((element, frame.clone()));
        }
        room && self.connected
    }

    /// Frames that waited for the fields of an element, in order.
    pub(super) fn take_early(&mut self, element: &Element) -> Vec<Bytes> {
        let (theirs, others) = std::mem::take(&mut self.early)
            .into_iter()
            .partition(|(of, _)| of == element);
        self.early = others;
        let theirs: Vec<(Element, Bytes)> = theirs;
        self.early_bytes = self.early.iter().map(|(_, frame)| frame.len()).sum();
        theirs.into_iter().map(|(_, frame)| frame).collect()
    }

    /// Frames whose elements' fields never came.
    pub(super) fn take_all_early(&mut self) -> Vec<(Element, Bytes)> {
        self.early_bytes = 0;
        std::mem::take(&mut self.early)
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    fn at(secs: u64) -> Now {
        Now {
            mono: Duration::from_secs(secs),
            wall: Timestamp::default(),
        }
    }

    #[test]
    fn all_lists_and_a_silence_make_a_source_synced() {
        let mut sync = Sync::new(true);
        sync.connected(at(0));
        for element in OF_ALL {
            assert_eq!(sync.verdict(at(0)), None);
            sync.announced(element);
            sync.listed(element, at(0));
        }
        assert_eq!(sync.verdict(at(0)), None);
        sync.announced(&Element::Terminal);
        assert_eq!(sync.verdict(at(2)), None, "another list is on its way");
        sync.listed(&Element::Terminal, at(2));
        assert_eq!(sync.verdict(at(3)), Some(Verdict::Synced));
        assert_eq!(sync.due(), None);
        sync.listed(&Element::User, at(4));
        assert_eq!(sync.due(), None, "once is enough");
    }

    #[test]
    fn who_waits_is_listed_last() {
        let mut sync = Sync::new(false);
        sync.connected(at(0));
        sync.listed(&Element::Channel, at(0));
        sync.listed(&Element::ChannelWaiting, at(0));
        assert_eq!(sync.verdict(at(0)), Some(Verdict::Synced));
    }

    #[test]
    fn what_is_late_is_named() {
        let mut sync = Sync::new(true);
        sync.connected(at(0));
        for element in [Element::User, Element::Group, Element::Channel] {
            sync.listed(&element, at(0));
        }
        sync.announced(&Element::Terminal);
        assert_eq!(sync.verdict(at(29)), None);
        let late = vec![Element::GroupMember, Element::Terminal];
        assert_eq!(sync.verdict(at(30)), Some(Verdict::Late(late)));
        sync.listed(&Element::GroupMember, at(40));
        sync.listed(&Element::Terminal, at(40));
        assert_eq!(sync.verdict(at(41)), Some(Verdict::Synced));
    }

    #[test]
    fn what_comes_early_waits_within_bounds() {
        let mut sync = Sync::new(true);
        assert!(
            !sync.keep(Element::Channel, &Bytes::from_static(b"x")),
            "no connection"
        );
        sync.connected(at(0));
        for n in 0..MAX_EARLY {
            let element = if n % 2 == 0 {
                Element::Channel
            } else {
                Element::User
            };
            assert!(sync.keep(element, &Bytes::from(vec![0; 8])));
        }
        assert!(!sync.keep(Element::User, &Bytes::from_static(b"x")));
        assert_eq!(sync.take_early(&Element::User).len(), MAX_EARLY / 2);
        assert!(!sync.keep(Element::User, &Bytes::from(vec![0; MAX_EARLY_BYTES])));
        assert!(sync.keep(Element::User, &Bytes::from(vec![0; 1 << 20])));
        assert_eq!(sync.take_all_early().len(), MAX_EARLY / 2 + 1);
        assert_eq!(sync.early_bytes, 0);
    }
}
