//! The stages, each as a step over one batch.

use std::{hint::black_box, str::FromStr};

use adapter::Output;
use hub::{
    draft::Draft,
    filter::{Filter, FilterSpec, Narrowing, Profile, Variant},
    log::{Commit, Log, Options, open},
    seal::Sealer,
    state::State,
};
use portsip::{Translator, wire};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Batch, Failure, Prepared,
    prepare::{SEED, fold, sealer, translate},
};

/// A part of the way of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// What nobody could do without: the frame read as plain JSON, its events written as JSON.
    Floor,
    /// Bytes to native types.
    Decode,
    /// Bytes to observations: decoding, and what it means.
    Map,
    /// Observations to drafts of events.
    Fold,
    /// Drafts to a block.
    Encode,
    /// A block to the log, one commit.
    Append,
    /// A block to the bytes for three kinds of subscribers.
    Render,
}

/// A stage about to run.
pub struct Bench {
    batches: Vec<Batch>,
    work: Work,
}

enum Work {
    Floor(Vec<u8>),
    Decode,
    Map(Box<Translator>, Output),
    Fold(Box<State>, Vec<Draft>),
    Encode(Sealer),
    Append { log: Box<Log>, _folder: TempDir },
    Render(Vec<(Filter, Variant)>, Vec<u8>),
}

impl Stage {
    /// All stages, the floor first.
    pub const ALL: [Self; 7] = [
        Self::Floor,
        Self::Decode,
        Self::Map,
        Self::Fold,
        Self::Encode,
        Self::Append,
        Self::Render,
    ];

    /// Its name on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Decode => "decode",
            Self::Map => "map",
            Self::Fold => "fold",
            Self::Encode => "encode",
            Self::Append => "append",
            Self::Render => "render",
        }
    }
}

impl FromStr for Stage {
    type Err = Failure;

    fn from_str(name: &str) -> Result<Self, Failure> {
        let found = Self::ALL.into_iter().find(|stage| stage.name() == name);
        found.ok_or_else(|| format!("no such stage: `{name}`").into())
    }
}

impl Bench {
    /// The stage before the first batch.
    ///
    /// # Errors
    /// When there is no place for a log.
    pub fn new(stage: Stage, prepared: Prepared) -> Result<Self, Failure> {
        let work = match stage {
            Stage::Floor => Work::Floor(Vec::new()),
            Stage::Decode => Work::Decode,
            Stage::Map => Work::Map(Box::new(prepared.translator), Output::default()),
            Stage::Fold => Work::Fold(Box::new(prepared.state), Vec::new()),
            Stage::Encode => Work::Encode(sealer()),
            Stage::Append => {
                let folder = tempfile::tempdir()?;
                let (log, _) = open(&Options::new(folder.path().join("log")), SEED)?;
                Work::Append {
                    log: Box::new(log),
                    _folder: folder,
                }
            }
            Stage::Render => Work::Render(subscribers(), Vec::new()),
        };
        Ok(Self {
            batches: prepared.batches,
            work,
        })
    }

    /// Does the work of these batches. Those before them must have been run, in order, once.
    ///
    /// # Errors
    /// When a frame cannot be read or the log refuses.
    pub fn run(&mut self, batches: std::ops::Range<usize>) -> Result<(), Failure> {
        for batch in &self.batches[batches] {
            self.work.step(batch)?;
        }
        Ok(())
    }

    /// The batches.
    #[must_use]
    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }
}

impl Work {
    fn step(&mut self, batch: &Batch) -> Result<(), Failure> {
        match self {
            Self::Floor(bytes) => {
                for (_, frame) in &batch.frames {
                    black_box(serde_json::from_slice::<Value>(frame)?);
                }
                bytes.clear();
                for event in &batch.events {
                    serde_json::to_writer(&mut *bytes, event)?;
                }
                black_box(bytes);
            }
            Self::Decode => {
                for (_, frame) in &batch.frames {
                    black_box(wire::decode(frame)?);
                }
            }
            Self::Map(translator, out) => {
                for (now, frame) in &batch.frames {
                    translate(translator, frame, *now, out);
                    black_box(&out);
                    out.reports.clear();
                    out.memo.clear();
                    out.requests.clear();
                }
            }
            Self::Fold(state, drafts) => {
                for heard in &batch.heard {
                    fold(state, heard, drafts);
                }
                // The writer takes these with every commit.
                black_box((state.take_memo(), state.take_changed()));
                black_box(&drafts);
                drafts.clear();
            }
            Self::Encode(sealer) => {
                black_box(sealer.seal(&batch.drafts));
            }
            Self::Append { log, .. } => log.append(&Commit {
                blocks: &batch.blocks,
                ..Commit::default()
            })?,
            Self::Render(subscribers, bytes) => {
                for (filter, variant) in subscribers {
                    bytes.clear();
                    for block in &batch.blocks {
                        for entry in block.entries.iter().filter(|entry| filter.passes(entry)) {
                            variant.render(block, entry).write_to(bytes);
                        }
                    }
                    black_box(&bytes);
                }
            }
        }
        Ok(())
    }
}

/// One who sees all, a wallboard, and the CRM of one agent.
fn subscribers() -> Vec<(Filter, Variant)> {
    let wallboard = FilterSpec {
        profile: Some(Profile::Wallboard),
        payload: false,
        ..FilterSpec::default()
    };
    let crm = FilterSpec {
        profile: Some(Profile::Crm),
        extensions: Some(vec!["102".into()]),
        ..FilterSpec::default()
    };
    let narrowing = Narrowing::none();
    [FilterSpec::default(), wallboard, crm]
        .iter()
        .map(|spec| {
            (
                Filter::compile(spec, &narrowing),
                Variant::of(spec, &narrowing),
            )
        })
        .collect()
}
