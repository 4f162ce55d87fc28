//! `switchhook replay`: native frames of a recording, and the events that come of them.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::{Args, builder::PossibleValuesParser};

use super::{Exit, Failure, print};
use crate::{
    adapters::{self, Entry},
    replay::{self, Account, ReplayError, diff},
};

/// Make events of a recording, offline.
///
/// Prints the canonical events, one JSON object a line, as the gateway would have published them. The only clock is
/// that of the recording: the same file yields the same bytes, on any machine. Reads the `native.jsonl` of a case, too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook replay monday.jsonl | jq -r '[.time, .type, .subject] | @tsv'
  switchhook replay monday.jsonl > before.jsonl
  switchhook replay monday.jsonl --diff before.jsonl      with another version of the program: what has changed?
  switchhook replay monday.jsonl --diff tuesday.jsonl     did the same calls go the same way?
  switchhook replay adapters/portsip/cases/v22_transfer/native.jsonl --adapter portsip

Exit codes: 0 no difference, 1 differences, 2 usage, 78 the file cannot be read as a recording.")]
pub(super) struct Replay {
    /// The recording.
    file: PathBuf,
    /// Whose frames they are, where the file does not say so or is to be read differently.
    #[arg(long, value_parser = PossibleValuesParser::new(adapters::ALL.iter().map(|entry| entry.name)))]
    adapter: Option<String>,
    /// Print no events, but how they differ from these: a file of events, or another recording.
    ///
    /// Compared is what events mean: which calls and other entities are there, how they end up, and which events led
    /// there. Ids are compared within one PBX and otherwise ignored; so are times, unless both are of one recording.
    #[arg(long, value_name = "OTHER")]
    diff: Option<PathBuf>,
}

impl Replay {
    pub(super) fn run(self) -> Result<(), Failure> {
        let adapter = self.adapter.as_deref().and_then(adapters::find);
        let Some(other) = &self.diff else {
            return show(&self.file, adapter);
        };
        let before = account(other, adapter)?;
        let after = account(&self.file, adapter)?;
        let differences = diff(&before, &after);
        if differences.is_empty() {
            return print("no difference\n");
        }
        let text: String = differences.iter().map(ToString::to_string).collect();
        print(&text)?;
        Err(Failure::silent(Exit::Different))
    }
}

fn show(file: &Path, adapter: Option<&'static Entry>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let played = replay::play(file, adapter, |event| {
        out.write_all(event)?;
        out.write_all(b"\n")
    });
    match played.and_then(|()| out.flush().map_err(ReplayError::Sink)) {
        // Nobody reads any more: that is no failure.
        Err(ReplayError::Sink(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        ended => Ok(ended?),
    }
}

/// What a file says in the end: events as they are, a recording played.
fn account(file: &Path, adapter: Option<&'static Entry>) -> Result<Account, Failure> {
    let unreadable = |source| ReplayError::Unreadable {
        path: file.to_owned(),
        source,
    };
    if Account::is_events(file).map_err(unreadable)? {
        return Ok(Account::read(file)?);
    }
    let mut account = Account::default();
    replay::play(file, adapter, |event| {
        let event = serde_json::from_slice(event)?;
        account.hear(&event);
        Ok(())
    })?;
    Ok(account)
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        let exit = match &error {
            ReplayError::Unreadable { .. } | ReplayError::Adapter { .. } => Exit::Usage,
            ReplayError::Line { .. } | ReplayError::Source { .. } => Exit::Config,
            ReplayError::Stuck(_) | ReplayError::Sink(_) => Exit::Internal,
        };
        Self::of(exit, &error)
    }
}
