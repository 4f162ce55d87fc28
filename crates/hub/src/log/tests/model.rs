//! The log against the simplest thing that could be right: a list.

use std::sync::Arc;

use ::model::Position;
use proptest::{collection::vec, prelude::*};

use super::support::{ALL, Place, block, second};
use crate::{
    block::Block,
    log::{Commit, Limit, Log, LogError, Reader, Reason, Resume, Retention},
};

#[derive(Clone, Debug)]
enum Step {
    Append {
        blocks: Vec<(u64, usize)>,
        later: i64,
    },
    Maintain {
        later: i64,
    },
    Checkpoint {
        back: u64,
    },
    Kill,
    PowerCut,
    Close,
    Page {
        after: u64,
        events: usize,
    },
    Back {
        before: u64,
        events: usize,
    },
    Resume {
        at: u64,
    },
    Time {
        at: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let blocks = vec((1..40_u64, 0..3_000_usize), 1..4);
    prop_oneof![
        6 => (blocks, -50..20_000_i64).prop_map(|(blocks, later)| Step::Append { blocks, later }),
        1 => (0..100_000_i64).prop_map(|later| Step::Maintain { later }),
        2 => (0..50_u64).prop_map(|back| Step::Checkpoint { back }),
        1 => Just(Step::Kill),
        1 => Just(Step::PowerCut),
        1 => Just(Step::Close),
        3 => (0..1_200_u64, 1..300_usize).prop_map(|(after, events)| Step::Page { after, events }),
        3 => (0..1_200_u64, 1..300_usize).prop_map(|(before, events)| Step::Back { before, events }),
        3 => (0..1_500_u64).prop_map(|at| Step::Resume { at }),
        3 => (0..200_000_i64).prop_map(|at| Step::Time { at }),
    ]
}

/// The log as a list of blocks.
struct Model {
    place: Place,
    log: Option<Log>,
    reader: Reader,
    /// All that were ever appended; those before `gone` are deleted.
    blocks: Vec<Arc<Block>>,
    gone: usize,
    lost: Vec<(u64, u64)>,
    checkpoint: u64,
    runs: u32,
    now: i64,
}

impl Model {
    fn new() -> Self {
        let mut place = Place::new();
        place.options.reserve = 100;
        place.options.retention.bytes = Retention::LEAST / 4;
        let (log, reader) = place.open();
        Self {
            place,
            log: Some(log),
            reader,
            blocks: Vec::new(),
            gone: 0,
            lost: Vec::new(),
            checkpoint: 0,
            runs: 1,
            now: 0,
        }
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    fn kept(&self) -> &[Arc<Block>] {
        &self.blocks[self.gone..]
    }

    fn head(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.last().0)
    }

    fn floor(&self) -> u64 {
        let last = self.gone.checked_sub(1).map(|last| &self.blocks[last]);
        last.map_or(0, |block| block.last().0)
    }

    fn reopen(&mut self) {
        let (log, reader) = self.place.open();
        self.log = Some(log);
        self.reader = reader;
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Append { blocks, later } => self.append(blocks, *later),
            Step::Maintain { later } => {
                self.now += later;
                let now = self.now;
                while self.log().maintain(second(now)).unwrap() {}
                self.trim();
                let due =
                    |block: &&Arc<Block>| block.entries[0].recorded < second(now - 72 * 3_600);
                let checkpoint = self.checkpoint;
                let deletable = |block: &&Arc<Block>| block.last().0 <= checkpoint;
                assert!(
                    !self
                        .kept()
                        .first()
                        .is_some_and(|b| due(&b) && deletable(&b))
                );
            }
            Step::Checkpoint { back } => {
                self.checkpoint = self.checkpoint.max(self.head().saturating_sub(*back));
                let checkpoint = Some(Position(self.checkpoint));
                self.log()
                    .append(&Commit {
                        checkpoint,
                        ..Commit::default()
                    })
                    .unwrap();
                self.trim();
            }
            Step::Kill => {
                self.log = None;
                self.reopen();
            }
            Step::PowerCut => self.power_cut(),
            Step::Close => {
                self.log.take().unwrap().close().unwrap();
                self.reopen();
            }
            Step::Page { after, events } => self.page(*after, *events),
            Step::Back { before, events } => self.back(*before, *events),
            Step::Resume { at } => self.resume(*at),
            Step::Time { at } => self.time(*at),
        }
        let reader = &self.reader;
        assert_eq!(reader.head(), Position(self.head()));
        assert_eq!(reader.earliest(), Position(self.floor()));
        let oldest = self
            .kept()
            .first()
            .map_or(self.head(), |block| block.first().0);
        assert_eq!(reader.oldest(), Position(oldest));
    }

    fn append(&mut self, sizes: &[(u64, usize)], later: i64) {
        self.now += later;
        let (epoch, mut next, now) = (self.log().epoch(), self.log().next().0, self.now);
        assert!(next > self.head());
        let blocks: Vec<_> = sizes
            .iter()
            .map(|(count, size)| {
                let block = block(epoch, next, *count, *size, now);
                next += count;
                block
            })
            .collect();
        self.log()
            .append(&Commit {
                blocks: &blocks,
                ..Commit::default()
            })
            .unwrap();
        self.blocks.extend(blocks);
        self.trim();
    }

    /// Follows what retention did, which may do it in its own time, but must not do too much.
    fn trim(&mut self) {
        let oldest = self.reader.earliest().0;
        let before = self.gone;
        while self.gone < self.blocks.len() && self.blocks[self.gone].last().0 <= oldest {
            self.gone += 1;
        }
        let newest = self.blocks[..]
            .iter()
            .map(|block| block.entries[0].recorded)
            .max();
        for n in before..self.gone {
            let block = &self.blocks[n];
            assert!(
                block.last().0 <= self.checkpoint,
                "deleted beyond the checkpoint"
            );
            let rest: usize = self.blocks[n..]
                .iter()
                .map(|block| block.body.len() * 2 + 4_000)
                .sum();
            let now = newest.unwrap().max(second(self.now));
            let old = block.entries[0].recorded < now.before(self.place.options.retention.age);
            assert!(
                old || rest as u64 > Retention::LEAST,
                "deleted without need"
            );
        }
    }

    fn power_cut(&mut self) {
        let next = self.log().next().0;
        self.log = None;
        self.runs += 1;
        self.place.options.machine = Some(format!("run {}", self.runs));
        self.reopen();
        let (head, after) = (self.head(), self.log().next().0);
        assert!(after >= next);
        if after > head + 1 {
            self.lost.push((head + 1, after - 1));
        }
    }

    fn page(&self, after: u64, events: usize) {
        let limit = Limit { events, ..ALL };
        if after < self.floor() {
            let result = self.reader.page(Position(after), &limit, &|_| true);
            assert!(matches!(result, Err(LogError::Expired { .. })));
            return;
        }
        let (mut at, mut found) = (Position(after), Vec::new());
        loop {
            let page = self.reader.page(at, &limit, &|_| true).unwrap();
            assert!(page.scanned_to > at || page.end);
            at = page.scanned_to;
            found.extend(page.blocks);
            if page.end {
                break;
            }
        }
        let expected: Vec<_> = self
            .kept()
            .iter()
            .filter(|b| b.last().0 > after)
            .cloned()
            .collect();
        assert_eq!(found, expected);
    }

    fn back(&self, before: u64, events: usize) {
        let limit = Limit { events, ..ALL };
        let (mut at, mut found) = (Position(before), Vec::new());
        loop {
            let page = self.reader.page_back(at, &limit, &|_| true).unwrap();
            assert!(page.scanned_to < at || page.end);
            at = page.scanned_to;
            found.extend(page.blocks);
            if page.end {
                break;
            }
        }
        found.reverse();
        let expected: Vec<_> = self
            .kept()
            .iter()
            .filter(|b| b.first().0 < before)
            .cloned()
            .collect();
        assert_eq!(found, expected);
        let holds = |block: &&Arc<Block>| (block.first().0..=block.last().0).contains(&before);
        let holder = self.kept().iter().find(holds);
        assert_eq!(
            self.reader.block_at(Position(before)).unwrap().as_ref(),
            holder
        );
    }

    fn resume(&self, at: u64) {
        let lost = self
            .lost
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&at));
        let expected = match at {
            _ if at < self.floor() => Some(Reason::Expired),
            _ if lost => Some(Reason::Lost),
            _ if at > self.head() => Some(Reason::Ahead),
            _ => None,
        };
        let reason = match self.reader.resume(self.reader.epoch().at(Position(at))) {
            Resume::At(_) => None,
            // A lost position below what retention took is either: both are true.
            Resume::Reset {
                reason: Reason::Lost,
                ..
            } if lost => expected,
            Resume::Reset { reason, .. } => Some(reason),
        };
        assert_eq!(reason, expected, "{at}");
    }

    fn time(&self, at: i64) {
        let entries = self.kept().iter().flat_map(|block| &block.entries);
        let mut before = Position(self.floor());
        for entry in entries {
            if entry.recorded >= second(at) {
                break;
            }
            before = entry.position;
        }
        assert_eq!(
            self.reader.resolve_time(second(at)).unwrap(),
            before,
            "{at}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_log_is_a_list_that_forgets_its_beginning(steps in vec(step(), 1..60)) {
        let mut model = Model::new();
        for step in &steps {
            model.run(step);
        }
        let floor = model.floor();
        model.page(floor, usize::MAX);
    }
}
