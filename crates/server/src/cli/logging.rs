//! Log lines on stderr.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use super::{Exit, Failure};
use crate::config::Variables;

/// How log lines are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// One JSON object a line, for log collectors.
    Json,
    /// For people.
    Pretty,
}

/// Starts logging; `level` is used where RUST_LOG does not say.
pub(super) fn start(format: Format, level: &str, variables: &Variables) -> Result<(), Failure> {
    let wish = variables.get("RUST_LOG").filter(|text| !text.is_empty());
    let filter = EnvFilter::try_new(wish.map_or(level, String::as_str))
        .map_err(|error| Failure::new(Exit::Usage, format!("RUST_LOG is wrong: {error}")))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let colour =
        std::io::IsTerminal::is_terminal(&std::io::stderr()) && !variables.contains_key("NO_COLOR");
    let started = match format {
        Format::Json => lines.json().try_init(),
        Format::Pretty => lines.with_ansi(colour).try_init(),
    };
    started.map_err(|error| Failure::new(Exit::Internal, format!("cannot start logging: {error}")))
}
