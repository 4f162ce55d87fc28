//! The flight recorder: a source is connected as the gateway does it, and what its translator would hear is written
//! down, with times. What was sent, and what was said before the connection stood, is noted beside it for people.

use std::{
    io::{self, Write},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use adapter::{
    Adapter, Closed, Direction, Reconnect, Resume, Setup, Sink, Supervisor, Tap,
    recording::{self, FORMAT, Header, Loss, Step},
    redact::redact,
};
use async_trait::async_trait;
use bytes::Bytes;
use model::{Clock, Fact, Heard, Now, observation::SourceFact};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::config::{Source, Tenants};

/// When a recording ends by itself. What is not set has no end but the stop token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// After so long.
    pub after: Option<Duration>,
    /// After so many frames.
    pub frames: Option<u64>,
    /// When the file has so many bytes; what is larger by one line is still written.
    pub bytes: Option<u64>,
}

/// A recording that has not begun.
pub struct Recorder<'a> {
    /// What is recorded.
    pub source: &'a Source,
    /// What the recording says of it: see [`header`].
    pub header: Header,
    /// What speaks to it.
    pub adapter: Arc<dyn Adapter>,
    /// When it ends.
    pub ending: Ending,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// How a recording stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// For how long it has run.
    pub since: Duration,
    /// Frames written.
    pub frames: u64,
    /// Bytes written.
    pub bytes: u64,
    /// How the connection is: `connected (v22)`, or why it is not.
    pub link: String,
    /// Why the last attempt, or the last connection, failed.
    pub trouble: Option<String>,
    /// Whether it ever stood.
    pub ever_connected: bool,
    /// Notes for people that were left out, because they came faster than they could be written.
    pub left_out: u64,
}

/// What waits to be written. Frames wait rather than get lost: then the PBX is not read.
const WAITING: usize = 4_096;
/// How often progress is shown.
const SHOWN_EVERY: Duration = Duration::from_millis(250);
/// Longer than anybody records.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What a recording says of a source.
#[must_use]
pub fn header(source: &Source, tenants: &Tenants) -> Header {
    let names = tenants.of(&source.id).into_iter().flatten();
    Header {
        recording: FORMAT,
        adapter: source.adapter.to_owned(),
        source: source.id.clone(),
        config: source.without_secrets(),
        tenants: names
            .map(|(native, name)| (native.clone(), name.to_string()))
            .collect(),
    }
}

impl Recorder<'_> {
    /// Records until `stop`, or the end that was set. `show` is called a few times a second.
    ///
    /// # Errors
    /// When the file cannot be written. What was written before is a recording.
    pub async fn run(
        self,
        out: &mut dyn Write,
        stop: &CancellationToken,
        mut show: impl FnMut(&Progress),
    ) -> io::Result<Progress> {
        let (sender, mut waiting) = mpsc::channel(WAITING);
        let tap = Arc::new(Wiretap {
            sender: sender.clone(),
            clock: Arc::clone(&self.clock),
            up: AtomicBool::new(false),
            left_out: AtomicU64::new(0),
        });
        let clock = Arc::clone(&self.clock);
        let start = clock.now();
        let mut writer = Writer::new(out, start, self.ending);
        writer.line(&json!(self.header))?;
        writer.line(&recording::line(None, &Step::Wall(start.wall)))?;
        let quit = CancellationToken::new();
        let end = self.ending.after.unwrap_or(FOR_EVER);
        let supervisor = self.supervisor(sender, Arc::clone(&tap), start);
        let running = tokio::spawn(supervisor.run(quit.clone()));

        let mut ticks = tokio::time::interval(SHOWN_EVERY);
        let mut end = pin!(sleep(end));
        while !writer.is_full() {
            let item = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = &mut end => break,
                _ = ticks.tick() => {
                    writer.at(clock.now());
                    show(&writer.progress);
                    continue;
                }
                item = waiting.recv() => item,
            };
            let Some(item) = item else { break };
            writer.item(item)?;
            if waiting.is_empty() {
                // Who looks at the file sees what there is, and a kill loses little.
                writer.out.flush()?;
            }
        }
        quit.cancel();
        // The last words. The supervisor says them within seconds, and hangs up.
        let mut running = pin!(running);
        loop {
            tokio::select! {
                biased;
                Some(item) = waiting.recv() => writer.item(item)?,
                _ = &mut running => break,
            }
        }
        while let Ok(item) = waiting.try_recv() {
            writer.item(item)?;
        }
        let now = clock.now();
        writer.at(now);
        writer.line(&recording::line(None, &Step::Until(writer.since(now))))?;
        writer.out.flush()?;
        writer.progress.left_out = tap.left_out.load(Relaxed);
        Ok(writer.progress)
    }

    fn supervisor(self, sender: mpsc::Sender<Item>, tap: Arc<Wiretap>, start: Now) -> Supervisor {
        let reconnect = &self.source.reconnect;
        Supervisor::new(Setup {
            source: self.source.id.clone(),
            boot: 1,
            adapter: self.adapter,
            resume: Resume::default(),
            reconnect: Reconnect {
                initial: reconnect.initial,
                max: reconnect.max,
                budget_per_min: reconnect.budget_per_min,
            },
            connect_timeout: Setup::CONNECT_TIMEOUT,
            clock: self.clock,
            seed: start.wall.micros().unsigned_abs(),
            tap: Arc::clone(&tap) as Arc<dyn Tap>,
            sink: Arc::new(Intake { sender, tap }),
        })
    }
}

/// Something to write.
enum Item {
    Heard(Heard),
    Noted(Now, Direction, Bytes),
}

/// The recorder as a supervisor sees it.
struct Intake {
    sender: mpsc::Sender<Item>,
    tap: Arc<Wiretap>,
}

#[async_trait]
impl Sink for Intake {
    async fn deliver(&self, heard: Heard) -> Result<(), Closed> {
        if let Some(up) = facts(&heard).filter_map(stands).last() {
            self.tap.up.store(up, Relaxed);
        }
        self.sender
            .send(Item::Heard(heard))
            .await
            .map_err(|_| Closed)
    }
}

/// Notes what is sent, and what is received while no translator hears it yet.
struct Wiretap {
    sender: mpsc::Sender<Item>,
    clock: Arc<dyn Clock>,
    up: AtomicBool,
    left_out: AtomicU64,
}

impl Tap for Wiretap {
    fn frame(&self, direction: Direction, bytes: &[u8]) {
        if direction == Direction::Received && self.up.load(Relaxed) {
            return;
        }
        let bytes = Bytes::copy_from_slice(bytes);
        let noted = Item::Noted(self.clock.now(), direction, bytes);
        if self.sender.try_send(noted).is_err() {
            self.left_out.fetch_add(1, Relaxed);
        }
    }
}

/// Writes lines, with times since the start.
struct Writer<'a> {
    out: &'a mut dyn Write,
    start: Now,
    ending: Ending,
    up: bool,
    progress: Progress,
}

impl<'a> Writer<'a> {
    fn new(out: &'a mut dyn Write, start: Now, ending: Ending) -> Self {
        Self {
            out,
            start,
            ending,
            up: false,
            progress: Progress {
                link: "connecting".to_owned(),
                ..Progress::default()
            },
        }
    }

    fn item(&mut self, item: Item) -> io::Result<()> {
        match item {
            Item::Heard(heard) => self.heard(&heard),
            Item::Noted(now, direction, bytes) => {
                let name = match direction {
                    Direction::Sent => "sent",
                    Direction::Received => "received",
                };
                let line = recording::frame(name, self.since(now), &redact(bytes));
                self.line(&line)
            }
        }
    }

    fn heard(&mut self, heard: &Heard) -> io::Result<()> {
        let at = self.since(heard.now);
        for fact in facts(heard) {
            self.link(at, fact)?;
        }
        if let Some(frame) = &heard.frame
            && !self.is_full()
        {
            self.progress.frames += 1;
            let step = Step::Frame(at, redact(frame.bytes.clone()));
            self.line(&recording::line(None, &step))?;
        }
        Ok(())
    }

    fn link(&mut self, at: Duration, fact: &SourceFact) -> io::Result<()> {
        if let Some((loss, reason)) = Loss::of(fact) {
            let line = self.lost(at, loss, reason);
            return self.line(&line);
        }
        match fact {
            SourceFact::Connected {
                dialect,
                reconciles,
            } => {
                self.up = true;
                self.progress.ever_connected = true;
                self.progress.link = match dialect {
                    Some(dialect) => format!("connected ({dialect})"),
                    None => "connected".to_owned(),
                };
                let step = Step::Connected {
                    dialect: dialect.as_deref().map(str::to_owned),
                    reconciles: reconciles.clone(),
                };
                self.line(&recording::line(Some(at), &step))
            }
            SourceFact::Connecting => {
                self.progress.link = "connecting".to_owned();
                Ok(())
            }
            // The translator says the others, and says them again when it is played.
            _ => Ok(()),
        }
    }

    fn lost(&mut self, at: Duration, loss: Loss, reason: &str) -> Value {
        self.progress.link = reason.to_owned();
        self.progress.trouble = Some(reason.to_owned());
        if std::mem::take(&mut self.up) {
            let reason = Some(reason.to_owned());
            recording::line(Some(at), &Step::Disconnected { loss, reason })
        } else {
            json!({"at": at.as_secs_f64(), "failed": reason})
        }
    }

    fn line(&mut self, line: &Value) -> io::Result<()> {
        let text = format!("{line}\n");
        self.out.write_all(text.as_bytes())?;
        self.progress.bytes += u64::try_from(text.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    fn is_full(&self) -> bool {
        let Ending { frames, bytes, .. } = self.ending;
        frames.is_some_and(|most| self.progress.frames >= most)
            || bytes.is_some_and(|most| self.progress.bytes >= most)
    }

    fn at(&mut self, now: Now) {
        self.progress.since = self.since(now);
    }

    /// In whole microseconds, as everything here is.
    fn since(&self, now: Now) -> Duration {
        let since = now.mono.saturating_sub(self.start.mono);
        Duration::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

/// What is said of the connection.
fn facts(heard: &Heard) -> impl Iterator<Item = &SourceFact> {
    let told = heard.reports.iter().flat_map(|report| &report.observations);
    told.filter_map(|observation| match &observation.fact {
        Fact::Source(fact) => Some(fact),
        _ => None,
    })
}

/// Whether a fact says that the connection stands, or that it does not.
fn stands(fact: &SourceFact) -> Option<bool> {
    match fact {
        SourceFact::Connected { .. } => Some(true),
        SourceFact::Disconnected { .. }
        | SourceFact::AuthFailed { .. }
        | SourceFact::LimitReached { .. }
        | SourceFact::Replaced { .. }
        | SourceFact::Connecting => Some(false),
        SourceFact::Synced | SourceFact::Degraded { .. } => None,
    }
}
