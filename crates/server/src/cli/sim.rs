//! `switchhook sim`: a simulated PBX to develop against.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, builder::PossibleValuesParser};

use super::{Exit, Failure, wait};
use crate::{
    adapters::{self, Chaos, Simulation},
    run,
};

/// Speaks the protocol of a PBX, with people who call each other.
#[derive(Debug, Args)]
pub(super) struct Sim {
    /// Which PBX.
    #[arg(value_parser = PossibleValuesParser::new(adapters::ALL.iter().map(|entry| entry.name)))]
    pbx: String,
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8887))]
    listen: SocketAddr,
    /// The dialect it speaks, such as v22.3.
    #[arg(long)]
    dialect: Option<String>,
    /// Calls begun in a second, beside those of a scenario.
    #[arg(long, value_name = "CALLS")]
    rate: Option<f64>,
    /// The same seed tells the same story.
    #[arg(long)]
    seed: Option<u64>,
    /// A file that says what is to happen.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// How it misbehaves; may be given several times.
    #[arg(long, value_delimiter = ',')]
    chaos: Vec<Chaos>,
}

impl Sim {
    pub(super) fn run(self) -> Result<(), Failure> {
        let entry =
            adapters::find(&self.pbx).ok_or_else(|| Failure::new(Exit::Usage, "no such PBX"))?;
        let wish = Simulation {
            listen: Some(self.listen),
            dialect: self.dialect,
            rate: self.rate,
            seed: self.seed,
            scenario: self.scenario,
            chaos: self.chaos,
        };
        wait(async { Ok(run::simulate(entry, wish).await?) })
    }
}
