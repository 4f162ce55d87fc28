//! `switchhook serve` and `switchhook demo`.

use std::net::SocketAddr;

use clap::Args;

use super::{ConfigArg, Failure, wait};
use crate::{
    config::{Server, Variables},
    run,
};

/// Run the gateway.
///
/// Runs until SIGINT or SIGTERM: the first signal lets clients finish, the second does not. SIGHUP, or a change of the
/// file, reloads sources, tokens, TLS and the settings of webhooks.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook serve
  switchhook serve -c /etc/switchhook/switchhook.toml --log-format json
  SWITCHHOOK_SERVER__LISTEN=127.0.0.1:9000 switchhook serve
  RUST_LOG=info,wire::hq::recv=trace switchhook serve      with what the source hq sends (telephone numbers!)

Exit codes: 0 stopped by a signal, 69 the address is taken, 70 the log or this machine fails, 78 the config is wrong.")]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigArg,
}

/// Run simulated PBXs with lively traffic, and a gateway.
///
/// Needs no config and no network. Prints what to open and a `tail` to try. Data is kept in a temporary folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook demo
  switchhook demo --listen 127.0.0.1:8000")]
pub(super) struct Demo {
    /// Where the gateway listens.
    #[arg(long, value_name = "ADDRESS", default_value_t = Server::LISTEN)]
    listen: SocketAddr,
}

impl Serve {
    pub(super) fn run(self, variables: Variables) -> Result<(), Failure> {
        let file = self.config.file(variables);
        let config = file.load()?;
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        wait(async { Ok(run::serve(config, file).await?) })
    }
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        wait(async { Ok(run::demo(self.listen).await?) })
    }
}
