//! `switchhook tail`: events in the terminal, one line each. A plain client of the public API.

mod backoff;
mod dial;
mod line;
mod session;
mod show;

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use clap::Args;
use futures_util::StreamExt;
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio_tungstenite::tungstenite::{self, Message};

use self::{
    backoff::Backoff,
    dial::{DialError, Target},
    line::Style,
    session::{Session, Step},
};
use super::{Exit, Failure, wait};
use crate::config::Variables;

/// Watch events as they happen, one line each.
///
/// Begins with the next event, or after `--after`; goes on by itself after a lost connection, without a gap.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook tail --types 'call.*' --extensions 101,102
  switchhook tail --profile crm --json | jq .data.call.caller
  switchhook tail --after earliest

Certificates are checked against those of the system, or of SSL_CERT_FILE.")]
pub(super) struct Tail {
    /// The gateway.
    #[arg(long, env = "SWITCHHOOK_URL", default_value = "http://127.0.0.1:7575")]
    url: String,
    /// The access token.
    #[arg(long, env = "SWITCHHOOK_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// An event id, a time (RFC 3339), `earliest` or `latest`.
    #[arg(long, value_name = "POSITION")]
    after: Option<String>,
    /// Print each event as it came, as JSON.
    #[arg(long)]
    json: bool,
    /// Without colours, also on a terminal.
    #[arg(long)]
    no_color: bool,
    #[command(flatten)]
    filter: Filter,
}

/// An event passes that matches every list given.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
struct Filter {
    /// Event types, or globs such as `call.*`, with commas between.
    #[arg(long)]
    types: Option<String>,
    /// A named set of types: crm, wallboard, all.
    #[arg(long)]
    profile: Option<String>,
    /// Sources, by name.
    #[arg(long)]
    sources: Option<String>,
    /// Tenants.
    #[arg(long)]
    tenants: Option<String>,
    /// Extensions that ever took part, by number or id.
    #[arg(long)]
    extensions: Option<String>,
    /// Queues, by number or id.
    #[arg(long)]
    queues: Option<String>,
    /// Subjects, such as calls/hq:885337248273272832.
    #[arg(long)]
    subjects: Option<String>,
}

/// How long to wait for a connection.
const DIAL: Duration = Duration::from_secs(15);

impl Tail {
    pub(super) fn run(self, variables: &Variables) -> Result<(), Failure> {
        let target = Target::new(&self.url, self.token.as_deref(), &self.filter.parameters())?;
        let colour =
            !self.no_color && io::stdout().is_terminal() && !variables.contains_key("NO_COLOR");
        let mut printer = Printer {
            out: io::stdout(),
            style: Style {
                zone: TimeZone::system(),
                colour,
            },
            json: self.json,
            dim: io::stderr().is_terminal() && !variables.contains_key("NO_COLOR"),
        };
        let session = Session::new(self.after);
        wait(async {
            tokio::select! {
                // First, so that the handler stands before anything is printed.
                biased;
                // Where there can be no handler, the signal itself ends the program.
                Ok(()) = tokio::signal::ctrl_c() => Ok(()),
                ended = follow(&target, session, &mut printer) => ended,
            }
        })
    }
}

impl Filter {
    fn parameters(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("types", &self.types),
            ("profile", &self.profile),
            ("sources", &self.sources),
            ("tenants", &self.tenants),
            ("extensions", &self.extensions),
            ("queues", &self.queues),
            ("subjects", &self.subjects),
        ];
        let given = all
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)));
        given.collect()
    }
}

/// Prints events until the reader of stdout goes away, or the gateway says not to come back.
async fn follow(
    target: &Target,
    mut session: Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut backoff = Backoff::default();
    let mut ever = false;
    loop {
        let heard = session.frames();
        match listen(target, &mut session, printer).await? {
            End::ReaderGone => return Ok(()),
            End::Lost(reason) => {
                let worked = session.frames() > heard;
                ever |= worked;
                if !ever {
                    return Err(Failure::new(Exit::Unavailable, reason));
                }
                if worked {
                    backoff = Backoff::default();
                }
                let pause = backoff.next(random()?);
                let seconds = pause.as_secs_f32();
                printer.note(&format!(
                    "{reason}; again in {seconds:.1} s, from where it was"
                ));
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// Why one connection ended.
enum End {
    /// Nobody reads stdout any more.
    ReaderGone,
    /// The connection is gone, or could not be made.
    Lost(String),
}

/// One connection, from handshake to end.
async fn listen(
    target: &Target,
    session: &mut Session,
    printer: &mut Printer,
) -> Result<End, Failure> {
    let dialled = tokio::time::timeout(DIAL, target.dial(session.after())).await;
    let mut socket = match dialled {
        Ok(Ok(socket)) => socket,
        Ok(Err(DialError::Lost(reason))) => return Ok(End::Lost(reason)),
        Ok(Err(DialError::Refused(failure))) => return Err(failure),
        Err(_) => return Ok(End::Lost(format!("{target} does not answer"))),
    };
    session.connected();
    loop {
        let message = match tokio::time::timeout(session.patience(), socket.next()).await {
            Err(_) => return Ok(End::Lost("nothing was heard for too long".to_owned())),
            Ok(None) => return Ok(End::Lost("the connection is closed".to_owned())),
            Ok(Some(Err(error))) => return Ok(End::Lost(lost(&error))),
            Ok(Some(Ok(message))) => message,
        };
        let step = match &message {
            Message::Text(text) => session.frame(text),
            Message::Close(frame) => session.closed(frame.as_ref()),
            _ => Step::Nothing,
        };
        let printed = match step {
            Step::Nothing => Ok(()),
            Step::Event(event) => printer.event(&message, &event),
            Step::Note(note) => {
                printer.note(&note);
                Ok(())
            }
            Step::Alarm(alarm) => {
                printer.alarm(&alarm);
                Ok(())
            }
            Step::Lost(reason) => return Ok(End::Lost(reason)),
            Step::Stop(failure) => return Err(failure),
        };
        match printed {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(End::ReaderGone),
            Err(error) => {
                let message = format!("cannot write to stdout: {error}");
                return Err(Failure::new(Exit::Internal, message));
            }
        }
    }
}

fn lost(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
            "the connection is closed".to_owned()
        }
        error => format!("the connection is lost: {error}"),
    }
}

/// A number from 0 to 1, for the jitter of pauses.
fn random() -> Result<f64, Failure> {
    let mut byte = [0; 1];
    getrandom::fill(&mut byte)
        .map_err(|error| Failure::new(Exit::Internal, format!("no randomness: {error}")))?;
    Ok(f64::from(byte[0]) / 255.0)
}

/// Writes events to stdout and everything else to stderr.
struct Printer {
    out: io::Stdout,
    style: Style,
    json: bool,
    dim: bool,
}

impl Printer {
    fn event(&mut self, message: &Message, event: &Value) -> io::Result<()> {
        let mut out = self.out.lock();
        match message {
            Message::Text(text) if self.json => writeln!(out, "{text}")?,
            _ => writeln!(out, "{}", self.style.line(event))?,
        }
        out.flush()
    }

    /// Something that may be overlooked.
    fn note(&self, text: &str) {
        self.aside("\x1b[2m", text);
    }

    /// Something that may not: events are missing.
    fn alarm(&self, text: &str) {
        self.aside("\x1b[1;31m", text);
    }

    fn aside(&self, colour: &str, text: &str) {
        let text = show::clean(text);
        // There is nobody left to tell when stderr is closed.
        let _ = if self.dim {
            writeln!(io::stderr(), "{colour}-- {text}\x1b[0m")
        } else {
            writeln!(io::stderr(), "-- {text}")
        };
    }
}
