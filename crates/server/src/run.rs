//! Runs what the command line asks for: the gateway, the demo, a simulator.

mod demo;
mod files;
mod signals;

use std::io;

use thiserror::Error;

pub use self::demo::demo;
use crate::{
    adapters::{Entry, SimulateError, Simulation},
    cli::{self, Exit},
    config::{Config, ConfigFile, Mistakes},
    gateway::{Gateway, GatewayError},
};

/// Why something that runs until it is stopped ended by itself, or never began.
#[derive(Debug, Error)]
pub enum RunError {
    /// The gateway.
    #[error("the gateway cannot run")]
    Gateway(#[from] GatewayError),
    /// Signals cannot be listened to, a temporary folder cannot be made, and the like.
    #[error("cannot {doing}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A simulated PBX.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// The demo's own config.
    #[error("the demo's config is wrong")]
    Demo(#[source] Mistakes),
}

impl RunError {
    /// The exit code that tells of it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Gateway(GatewayError::Listen { .. }) => Exit::Unavailable,
            Self::Gateway(GatewayError::Tls(_)) => Exit::Config,
            Self::Gateway(
                GatewayError::Folder { .. }
                | GatewayError::System { .. }
                | GatewayError::Trust(_)
                | GatewayError::Hub(_),
            ) => Exit::Internal,
            Self::System { .. } => Exit::Unavailable,
            Self::Simulate(SimulateError::Start(_)) => Exit::Unavailable,
            Self::Simulate(SimulateError::Scenario(_) | SimulateError::Dialect(..)) => Exit::Usage,
            Self::Demo(_) => Exit::Internal,
        }
    }
}

/// Runs the gateway until a signal. `file` is read again on a reload.
///
/// # Errors
/// When it cannot start, or a part of it fails for good.
pub async fn serve(config: Config, file: ConfigFile) -> Result<(), RunError> {
    let stop = signals::stop()?;
    files::allow(&config.limits);
    let gateway = Gateway::start(config).await?;
    Ok(gateway.run(Some(file), stop).await?)
}

/// A token that the first signal cancels. The second ends the process.
///
/// # Errors
/// When signals cannot be listened to.
pub(crate) fn stop_on_signals() -> Result<tokio_util::sync::CancellationToken, RunError> {
    signals::stop()
}

/// Runs a simulated PBX until a signal.
///
/// # Errors
/// When it cannot listen, or the scenario cannot be read.
pub async fn simulate(entry: &Entry, wish: Simulation) -> Result<(), RunError> {
    let stop = signals::stop()?;
    let pbx = (entry.simulate)(wish).await?;
    let source = &pbx.source;
    cli::tell(&format!(
        "Simulates {}. ^C ends it. To listen to it, in switchhook.toml:\n\n[sources.hq]\n{source}",
        pbx.title
    ));
    stop.cancelled().await;
    Ok(())
}
