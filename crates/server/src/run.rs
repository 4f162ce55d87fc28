//! Puts the parts together and runs them: the gateway, the demo, the simulators.

use std::{net::SocketAddr, path::PathBuf};

use clap::ValueEnum;

use crate::{
    cli::Exit,
    config::{Config, ConfigFile},
};

/// Why something that runs until it is stopped ended by itself, or never began.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// This build lacks the part.
    #[error("this build of switchhook cannot run {0}")]
    NotIncluded(&'static str),
}

/// What a simulated PBX is to do.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The dialect it speaks, in the adapter's words.
    pub dialect: Option<String>,
    /// Calls begun in a second; none but the scenario's when zero.
    pub rate: f64,
    /// What is to happen, line by line.
    pub scenario: Option<PathBuf>,
    /// How it misbehaves.
    pub chaos: Vec<Chaos>,
}

/// A way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "each variant is the misbehaviour of that name")]
pub enum Chaos {
    Drop,
    Duplicate,
    Reorder,
    HalfOpen,
    Garbage,
    Slow,
    Restart,
    AuthFailure,
}

impl RunError {
    /// The exit code that tells of it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NotIncluded(_) => Exit::Unavailable,
        }
    }
}

/// Runs the gateway until a signal. `file` is read again on a reload.
///
/// # Errors
/// When it cannot start, or a part of it fails for good.
#[expect(
    clippy::unused_async,
    reason = "the parts that it waits for are not in this build"
)]
pub async fn serve(_config: Config, _file: ConfigFile) -> Result<(), RunError> {
    Err(RunError::NotIncluded("the gateway"))
}

/// Runs simulated PBXs, a gateway that listens to them, and prints what to open.
///
/// # Errors
/// As [`serve`].
#[expect(
    clippy::unused_async,
    reason = "the parts that it waits for are not in this build"
)]
pub async fn demo(_listen: SocketAddr) -> Result<(), RunError> {
    Err(RunError::NotIncluded("the demo"))
}

/// Runs a simulated PortSIP PBX until a signal.
///
/// # Errors
/// When it cannot listen, or the scenario cannot be read.
#[expect(
    clippy::unused_async,
    reason = "the parts that it waits for are not in this build"
)]
pub async fn simulate(_adapter: &'static str, _simulation: Simulation) -> Result<(), RunError> {
    Err(RunError::NotIncluded("a simulated PBX"))
}
