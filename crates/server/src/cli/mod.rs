//! The command line: one file for each command, and what they share.

mod check;
mod completions;
mod doctor;
mod exit;
mod init;
mod logging;
mod man;
mod private_file;
mod record;
mod replay;
mod schema;
mod serve;
mod sim;
mod tail;
mod token;
mod units;
mod webhook;

use std::{future::Future, io, path::PathBuf};

use clap::{Args, Parser, Subcommand};

pub use exit::{Exit, Failure};

use crate::config::{ConfigFile, Variables};

/// Connects to the PBXs of a mixed fleet and publishes what they tell as one stream of events.
#[derive(Debug, Parser)]
#[command(
    name = "switchhook",
    version,
    arg_required_else_help = true,
    after_help = "\
Begin with:
  switchhook init                  write a commented switchhook.toml
  switchhook check                 see what is wrong with it
  switchhook doctor                see whether the PBXs can be heard, and if not, why
  switchhook serve                 run it
  switchhook tail                  watch the events

Without a PBX:
  switchhook demo                  three simulated PBXs and a gateway
  switchhook sim portsip           one simulated PBX to develop against

Exit codes: 0 ok, 1 differences (replay --diff), 2 usage, 69 unavailable, 70 internal error, 78 bad config.
Colours appear on terminals only, and not where NO_COLOR is set."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines on stderr are written. What is logged is chosen by RUST_LOG, such as `info,hub=debug`.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "pretty")]
    log_format: logging::Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Check(check::Check),
    Doctor(doctor::Doctor),
    Init(init::Init),
    Demo(serve::Demo),
    Tail(tail::Tail),
    Record(record::Record),
    Replay(replay::Replay),
    Sim(sim::Sim),
    Token(token::Token),
    Schema(schema::Schema),
    Webhook(webhook::Webhook),
    Completions(completions::Completions),
    Man(man::ManPage),
}

/// Which config file.
#[derive(Clone, Debug, Args)]
struct ConfigArg {
    /// The config file.
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "SWITCHHOOK_CONFIG",
        default_value = "switchhook.toml"
    )]
    config: PathBuf,
}

/// Does what the command line asks. `variables` is the environment.
///
/// # Errors
/// With the exit code and what to tell on stderr.
pub fn run(cli: Cli, variables: Variables) -> Result<(), Failure> {
    logging::start(cli.log_format, cli.command.log_level(), &variables)?;
    match cli.command {
        Command::Serve(command) => command.run(variables),
        Command::Check(command) => command.run(variables),
        Command::Doctor(command) => command.run(variables),
        Command::Init(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Tail(command) => command.run(&variables),
        Command::Record(command) => command.run(variables),
        Command::Replay(command) => command.run(),
        Command::Sim(command) => command.run(),
        Command::Token(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Webhook(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
    }
}

impl Command {
    /// What is logged where RUST_LOG does not say.
    fn log_level(&self) -> &'static str {
        match self {
            Self::Serve(_) | Self::Demo(_) | Self::Sim(_) => "info",
            // What it finds it tells itself.
            Self::Doctor(_) => "error",
            _ => "warn",
        }
    }
}

impl ConfigArg {
    fn file(self, variables: Variables) -> ConfigFile {
        ConfigFile {
            path: self.config,
            variables,
        }
    }
}

/// Waits for a task on a runtime of its own.
fn wait<T>(task: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, format!("cannot start threads: {error}")))?;
    runtime.block_on(task)
}

/// Tells something that the program can do without: nobody may be reading.
pub(crate) fn tell(text: &str) {
    let _ = print(text);
}

/// Writes to stdout. That nobody reads any more is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written =
        io::Write::write_all(&mut out, text.as_bytes()).and_then(|()| io::Write::flush(&mut out));
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            Exit::Internal,
            format!("cannot write to stdout: {error}"),
        )),
        _ => Ok(()),
    }
}
