//! `switchhook sim`: a simulated PBX to develop against.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, Subcommand};

use super::{Failure, wait};
use crate::run::{self, Chaos, Simulation};

/// Speaks the protocol of a PBX, with people who call each other.
#[derive(Debug, Args)]
pub(super) struct Sim {
    #[command(subcommand)]
    pbx: Pbx,
}

#[derive(Debug, Subcommand)]
enum Pbx {
    /// A PortSIP PBX.
    Portsip(Wishes),
}

#[derive(Debug, Args)]
struct Wishes {
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8887))]
    listen: SocketAddr,
    /// The dialect it speaks, such as v22.3.
    #[arg(long)]
    dialect: Option<String>,
    /// Calls begun in a second.
    #[arg(long, value_name = "CALLS", default_value_t = 1.0)]
    rate: f64,
    /// A file that says what is to happen.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// How it misbehaves; may be given several times.
    #[arg(long, value_delimiter = ',')]
    chaos: Vec<Chaos>,
}

impl Sim {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Pbx::Portsip(wishes) = self.pbx;
        let simulation = Simulation {
            listen: wishes.listen,
            dialect: wishes.dialect,
            rate: wishes.rate,
            scenario: wishes.scenario,
            chaos: wishes.chaos,
        };
        wait(async { Ok(run::simulate("portsip", simulation).await?) })
    }
}
