//! `switchhook sim`: a simulated PBX to develop against.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, ValueEnum, builder::PossibleValuesParser};

use super::{Exit, Failure, wait};
use crate::{
    adapters::{self, Chaos, Simulation, Trouble, Unit},
    run,
};

/// Run a simulated PBX, with people who call each other.
///
/// It speaks the protocol of the real one, and prints the lines of config that a source for it needs. What happens is up
/// to chance, or to a scenario file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook sim portsip                              calls begin by themselves, one every two seconds
  switchhook sim portsip --dialect v16.2 --rate 5
  switchhook sim basix --scenario busy_morning.jsonl
  switchhook sim telecomx --chaos drop=30,duplicate=0.2,garbage

Trouble, with what is usual where no strength is given:
  drop=20           all connections are cut, every so many seconds
  half-open=60      all connections go silent, every so many seconds
  restart=60        power off and on, every so many seconds
  duplicate=0.1     a frame is sent twice, with this probability
  reorder=0.1       a frame is overtaken by the next
  garbage=0.02      frames that cannot be read, and events and fields that nobody knows
  slow=50           each frame waits so many milliseconds
  auth-failure=0.5  a login is refused

The format of scenario files, with an example for each PBX, is in docs/simulators.md.")]
pub(super) struct Sim {
    /// Which PBX.
    #[arg(value_parser = PossibleValuesParser::new(adapters::ALL.iter().map(|entry| entry.name)))]
    pbx: String,
    /// Where it listens; port 0 is any free one.
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8887))]
    listen: SocketAddr,
    /// The dialect it speaks: v12, v16, v16.2, v22 or v22.3 of portsip, 4 or 3 (Engine.IO) of telecomx.
    #[arg(long)]
    dialect: Option<String>,
    /// Calls begun in a second, beside those of a scenario.
    #[arg(long, value_name = "CALLS", value_parser = rate)]
    rate: Option<f64>,
    /// The same seed tells the same story.
    #[arg(long)]
    seed: Option<u64>,
    /// A file that says what is to happen.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// How it misbehaves, and how much: a list with commas between.
    #[arg(long, value_name = "TROUBLE[=STRENGTH]", value_delimiter = ',', value_parser = trouble)]
    chaos: Vec<Trouble>,
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

fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok();
    rate.filter(|rate| (0.0..=10_000.0).contains(rate))
        .ok_or_else(|| "write a number of calls from 0 to 10000".to_owned())
}

/// `drop` or `drop=5`.
fn trouble(text: &str) -> Result<Trouble, String> {
    let (name, strength) = match text.split_once('=') {
        Some((name, strength)) => (name, Some(strength)),
        None => (text, None),
    };
    let chaos = Chaos::from_str(name, true).map_err(|_| {
        let known = Chaos::value_variants().iter();
        let known = known.filter_map(ValueEnum::to_possible_value);
        let known: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
        format!("no trouble is called {name:?}: write {}", known.join(", "))
    })?;
    let Some(strength) = strength else {
        let strength = chaos.usual();
        return Ok(Trouble { chaos, strength });
    };
    let (range, words) = match chaos.unit() {
        Unit::Seconds => (0.1..=1e6, "seconds, from 0.1 on"),
        Unit::Probability => (0.0..=1.0, "a probability from 0 to 1"),
        Unit::Milliseconds => (0.0..=60_000.0, "milliseconds, up to 60000"),
    };
    let strength: Option<f64> = strength.parse().ok();
    let strength = strength
        .filter(|strength| range.contains(strength))
        .ok_or_else(|| format!("the strength of {name} is {words}"))?;
    Ok(Trouble { chaos, strength })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_may_have_a_strength() {
        for (text, chaos, strength) in [
            ("drop", Chaos::Drop, 20.0),
            ("half-open=2.5", Chaos::HalfOpen, 2.5),
            ("auth-failure=1", Chaos::AuthFailure, 1.0),
        ] {
            assert_eq!(trouble(text), Ok(Trouble { chaos, strength }));
        }
        for text in ["rain", "drop=never", "duplicate=2", "slow=-1", "restart=0"] {
            assert!(trouble(text).is_err(), "{text}");
        }
    }
}
