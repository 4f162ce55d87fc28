//! Recordings played again: native frames in, canonical events out. Offline and deterministic: the same file yields the
//! same bytes, and the only clock is that of the recording.

mod account;
mod archive;
mod diff;
mod origin;

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use adapter::{
    Output, Resume,
    recording::{self, Encode, Link, Moment, Player, Step, Stuck},
};
use hub::{block::Block, draft::Draft, seal::Sealer, state::State};
use model::{
    Epoch, Fact, FrameId, Heard, Now, Observation, Position, RawFrame, Report, SourceId, Text,
    observation::SourceFact,
};

pub use self::{
    account::Account,
    diff::{Difference, diff},
};
use self::{archive::Closed, origin::Origin};
use crate::{adapters::Entry, config::Mistakes};

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line makes no sense.
    #[error("{}:{line}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// Nothing says whose frames they are.
    #[error(
        "{} does not say which adapter wrote it: tell it with --adapter",
        path.display()
    )]
    Adapter {
        /// The file.
        path: PathBuf,
    },
    /// What the recording says of its source is no config.
    #[error("what {} says of its source is wrong\n{mistakes}", path.display())]
    Source {
        /// The file.
        path: PathBuf,
        /// The mistakes.
        mistakes: Mistakes,
    },
    /// The adapter makes time stand still.
    #[error("the adapter does not go on")]
    Stuck(#[from] Stuck),
    /// Nobody takes the events.
    #[error("cannot hand on the events")]
    Sink(#[source] io::Error),
}

/// The longest line that is read, in bytes: a frame of the largest `max_frame`, as base64, with its time.
const LONGEST: u64 = 400 << 20;

/// Every replay is the same log.
const EPOCH: [u8; 8] = [0; 8];

/// Plays a recording, or the `native.jsonl` of a case, and hands over each event as JSON.
///
/// # Errors
/// When the file cannot be read to its end, or `see` fails.
pub fn play(
    path: &Path,
    adapter: Option<&'static Entry>,
    mut see: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), ReplayError> {
    let mut lines = Lines::open(path)?;
    let first = lines.next()?.unwrap_or_default();
    let Origin {
        source,
        adapter,
        settings,
        mut encode,
    } = Origin::of(path, &first, adapter)?;
    let mut translator = adapter.translator(Resume::default());
    let mut player = Player::new(&mut *translator);
    let mut gateway = Gateway {
        state: State::new(settings),
        sealer: Sealer::new(Epoch::from_random(EPOCH), Position(1)),
        archive: Closed::default(),
        source,
        frames: 0,
        sealed: Vec::new(),
    };
    let mut line = Some(first);
    while let Some(text) = line {
        for step in lines.parse(&text, &mut encode)? {
            player.step(&step, |moment| gateway.hear(moment))?;
            // What the translator said on the way has already let the state's timers come up to it.
            if let Step::Until(_) | Step::Advance(_) = step {
                gateway.pass(player.now());
            }
            for block in gateway.sealed.drain(..) {
                for entry in &block.entries {
                    see(block.json(entry)).map_err(ReplayError::Sink)?;
                }
            }
        }
        line = lines.next()?;
    }
    Ok(())
}

/// A gateway without sockets and disk, in the time of the recording.
struct Gateway {
    source: SourceId,
    state: State,
    sealer: Sealer,
    archive: Closed,
    frames: u64,
    /// Events that nobody has seen yet.
    sealed: Vec<Arc<Block>>,
}

impl Gateway {
    /// What a translator says at a moment, after all that was due before.
    fn hear(&mut self, moment: Moment) {
        let Moment {
            now,
            frame,
            link,
            output,
        } = moment;
        self.pass(now);
        // A supervisor tells that the link stands together with what the translator says to that, and that it is gone
        // after it.
        let (before, after) = match link {
            Some(Link::Connected(dialect, reconciles)) => {
                let dialect = dialect.as_deref().map(Text::from);
                let fact = SourceFact::Connected {
                    dialect,
                    reconciles,
                };
                (Some(report("link.connected", fact)), None)
            }
            Some(Link::Disconnected(loss, reason)) => {
                let reason = reason.as_deref().unwrap_or("the recording says so");
                (
                    None,
                    Some(report("link.disconnected", loss.fact(reason.into()))),
                )
            }
            None => (None, None),
        };
        let frame = frame.map(|bytes| {
            self.frames += 1;
            let id = FrameId {
                source: self.source.clone(),
                boot: 1,
                n: self.frames,
            };
            RawFrame { id, bytes }
        });
        let Output { reports, .. } = output;
        self.fold(
            frame,
            before.into_iter().chain(reports).chain(after).collect(),
            now,
        );
    }

    /// Time goes on.
    fn pass(&mut self, now: Now) {
        while let Some(due) = self.state.poll_timeout().filter(|due| *due <= now.mono) {
            let late = now.mono.saturating_sub(due);
            let then = Now {
                mono: due,
                wall: now.wall.before(late),
            };
            let mut drafts = Vec::new();
            self.state
                .handle_timeout(then, &mut self.archive, &mut drafts);
            self.publish(&drafts);
        }
    }

    fn fold(&mut self, frame: Option<RawFrame>, reports: Vec<Report>, now: Now) {
        if frame.is_none() && reports.is_empty() {
            return;
        }
        let heard = Heard {
            source: self.source.clone(),
            frame,
            now,
            reports,
            memo: Vec::new(),
        };
        let mut drafts = Vec::new();
        self.state.handle(&heard, &mut self.archive, &mut drafts);
        self.publish(&drafts);
    }

    fn publish(&mut self, drafts: &[Draft]) {
        self.archive.keep(drafts);
        self.sealed.extend(self.sealer.seal(drafts));
        // There is no disk that wants them.
        self.state.take_memo();
        self.state.take_changed();
    }
}

fn report(rule: &'static str, fact: SourceFact) -> Report {
    let mut report = Report::new("link");
    let told = Observation::native(rule, Fact::Source(fact));
    report.observations.push(told);
    report
}

/// A file, line by line, none of them too long.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    line: usize,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, ReplayError> {
        let file = File::open(path).map_err(|source| ReplayError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            reader: BufReader::new(file),
            line: 0,
        })
    }

    fn next(&mut self) -> Result<Option<String>, ReplayError> {
        let mut text = String::new();
        let mut limited = io::Read::take(&mut self.reader, LONGEST);
        let read = limited.read_line(&mut text);
        let read = read.map_err(|source| ReplayError::Unreadable {
            path: self.path.clone(),
            source,
        })?;
        self.line += 1;
        if u64::try_from(read).unwrap_or(u64::MAX) >= LONGEST {
            return Err(self.wrong("the line is too long"));
        }
        Ok((read > 0).then_some(text))
    }

    fn parse(&self, line: &str, encode: &mut Encode) -> Result<Vec<Step>, ReplayError> {
        recording::parse(line, encode).map_err(|what| self.wrong(what))
    }

    fn wrong(&self, what: impl Into<String>) -> ReplayError {
        ReplayError::Line {
            path: self.path.clone(),
            line: self.line,
            what: what.into(),
        }
    }
}
