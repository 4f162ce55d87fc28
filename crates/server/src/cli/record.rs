//! `switchhook record`: the flight recorder.

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{ConfigArg, Exit, Failure, print, private_file, units, wait};
use crate::{
    adapters,
    config::{Config, Size, Source, Variables},
    gateway::SystemClock,
    record::{Ending, Progress, Recorder, header},
    run,
};

/// Record what a PBX sends, with times.
///
/// Connects to the source as the gateway does, in a connection of its own, and writes every native frame to a file until
/// SIGINT. Secrets are redacted before they are written; telephone numbers and names are not, so only the file's owner
/// may read it. `switchhook replay` makes events of it; copied to `cases/<name>/native.jsonl` of the adapter's folder it
/// is a test case.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook record hq -o monday.jsonl
  switchhook record hq -o short.jsonl --for 30s
  switchhook record hq -o - --frames 100 | grep call_start

A PBX may allow few connections: stop the gateway first where it has the only one (Basix: two for each app_name).")]
pub(super) struct Record {
    /// The source, as it is called in the config. May be left out where there is only one.
    source: Option<String>,
    /// The file to write; `-` for stdout.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Stop after so long, such as 30s or 2h.
    #[arg(long = "for", value_name = "DURATION", value_parser = units::period)]
    period: Option<Duration>,
    /// Stop after so many frames.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,
    /// Stop when the file is this large.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = units::size)]
    size: Size,
    /// Overwrite a file that is already there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    config: ConfigArg,
}

impl Record {
    pub(super) fn run(self, variables: Variables) -> Result<(), Failure> {
        let colour = !variables.contains_key("NO_COLOR");
        let config = self.config.clone().file(variables).load()?;
        let source = choose(&config, self.source.as_deref())?;
        let adapter = adapters::build(source)
            .ok_or_else(|| Failure::new(Exit::Internal, "the adapter is gone"))?;
        let mut out = open(&self.output, self.force)?;
        let ending = Ending {
            after: self.period,
            frames: self.frames,
            bytes: Some(self.size.bytes()),
        };
        let line = StatusLine::new(&source.id.to_string(), colour);
        let header = header(source, &config.tenants);
        let progress = wait(async {
            let stop: CancellationToken = run::stop_on_signals()?;
            let clock = Arc::new(SystemClock::start());
            let recorder = Recorder {
                source,
                header,
                adapter: adapter.into(),
                ending,
                clock,
            };
            let show = |progress: &Progress| line.show(progress);
            Ok(recorder.run(&mut *out, &stop, show).await)
        })?;
        line.clear();
        match progress {
            Ok(progress) => finish(&self.output, &progress),
            // Nobody reads stdout any more: what was wanted of it has been read.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => {
                let path = self.output.display();
                let message =
                    format!("cannot write to {path}: {error}; what is there can be replayed");
                Err(Failure::new(Exit::Internal, message))
            }
        }
    }
}

/// The source of that name, or the only one.
///
/// # Errors
/// When there is none of that name, or there are several to choose from.
pub(super) fn choose<'a>(config: &'a Config, name: Option<&str>) -> Result<&'a Source, Failure> {
    let names: Vec<&str> = config.sources.keys().map(|id| id.as_str()).collect();
    let known = if names.is_empty() {
        "the config has no source".to_owned()
    } else {
        format!("the config has {}", names.join(", "))
    };
    let mut sources = config.sources.values();
    match (name, sources.next(), sources.next()) {
        (Some(name), ..) => config
            .sources
            .values()
            .find(|source| source.id.as_str() == name)
            .ok_or_else(|| {
                Failure::new(Exit::Usage, format!("there is no source {name:?}: {known}"))
            }),
        (None, Some(only), None) => Ok(only),
        (None, ..) => Err(Failure::new(
            Exit::Usage,
            format!("say which source: {known}"),
        )),
    }
}

fn open(path: &Path, force: bool) -> Result<Box<dyn Write>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    }
    let shown = path.display();
    match private_file::create(path, force) {
        Ok(file) => Ok(Box::new(BufWriter::new(file))),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let message = format!("{shown} is already there; --force overwrites it");
            Err(Failure::new(Exit::Usage, message))
        }
        Err(error) => {
            let message = format!("cannot write {shown}: {error}");
            Err(Failure::new(Exit::Unavailable, message))
        }
    }
}

fn finish(path: &Path, progress: &Progress) -> Result<(), Failure> {
    let seconds = progress.since.as_secs_f32();
    if !progress.ever_connected {
        let message = format!(
            "nothing was recorded in {seconds:.1} s, there was no connection: {}; `switchhook doctor` looks for the reason",
            progress.trouble.as_ref().unwrap_or(&progress.link)
        );
        return Err(Failure::new(Exit::Unavailable, message));
    }
    let mut text = format!(
        "{} frames in {seconds:.1} s: {}\n",
        progress.frames,
        path.display()
    );
    if progress.left_out > 0 {
        text.push_str(&format!(
            "{} frames that were sent are not noted: they came too fast\n",
            progress.left_out
        ));
    }
    if path == Path::new("-") {
        // There is nobody left to tell when stderr is closed.
        let _ = io::stderr().write_all(text.as_bytes());
        return Ok(());
    }
    print(&text)
}

/// One line on a terminal that is written anew; nothing elsewhere.
struct StatusLine {
    name: String,
    terminal: bool,
    colour: bool,
}

impl StatusLine {
    fn new(name: &str, colour: bool) -> Self {
        Self {
            name: name.to_owned(),
            terminal: io::stderr().is_terminal(),
            colour,
        }
    }

    fn show(&self, progress: &Progress) {
        const WIDTH: usize = 100;
        if !self.terminal {
            return;
        }
        let seconds = progress.since.as_secs();
        let text = format!(
            "recording {} · {:02}:{:02}:{:02} · {} frames · {} · {}",
            self.name,
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60,
            progress.frames,
            size(progress.bytes),
            progress.link
        );
        let text: String = text
            .chars()
            .filter(|c| !c.is_control())
            .take(WIDTH)
            .collect();
        let (on, off) = if self.colour {
            ("\x1b[2m", "\x1b[0m")
        } else {
            ("", "")
        };
        let mut out = io::stderr().lock();
        // There is nobody left to tell when stderr is closed.
        let _ = write!(out, "\r\x1b[K{on}{text}{off}");
        let _ = out.flush();
    }

    fn clear(&self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Bytes for people: `1.2 MiB`.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
