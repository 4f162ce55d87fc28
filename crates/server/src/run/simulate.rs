//! `switchhook sim`: a simulated PBX, until a signal.

use std::{net::SocketAddr, path::PathBuf};

use clap::ValueEnum;
use portsip::{
    sim::{Listen, Profile, Scenario, Sim},
    wire::Dialect,
};

use super::{RunError, signals};
use crate::cli;

/// What a simulated PBX is to do.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The dialect it speaks, in the adapter's words; that of the scenario, or the latest but one, when none is told.
    pub dialect: Option<String>,
    /// Calls begun in a second, beside the scenario's; none told: the scenario's wish, or a few.
    pub rate: Option<f64>,
    /// What is to happen.
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

/// Runs a simulated PortSIP PBX until a signal.
///
/// # Errors
/// When it cannot listen, or the scenario cannot be read.
pub async fn simulate(simulation: Simulation) -> Result<(), RunError> {
    let stop = signals::stop()?;
    let scenario = scenario(&simulation)?;
    let listen = Listen {
        address: Some(simulation.listen),
        ..Listen::default()
    };
    let sim = Sim::listen(scenario.profile.clone(), listen)
        .await
        .map_err(|source| RunError::System {
            doing: "start the simulated PBX",
            source,
        })?;
    cli::print(&welcome(&sim));
    tokio::select! {
        () = stop.cancelled() => {}
        () = async { sim.play(&scenario).await; std::future::pending().await } => {}
    }
    Ok(())
}

fn scenario(simulation: &Simulation) -> Result<Scenario, RunError> {
    let mut scenario = match &simulation.scenario {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|error| RunError::Scenario(error.into()))?;
            Scenario::parse(&text).map_err(|error| RunError::Scenario(error.into()))?
        }
        None => Scenario {
            profile: Profile::default(),
            moments: Vec::new(),
        },
    };
    if let Some(name) = &simulation.dialect {
        let dialect = Dialect::parse(name).ok_or_else(|| RunError::Dialect(name.clone()))?;
        scenario.profile = Profile {
            seed: scenario.profile.seed,
            ..Profile::of(dialect)
        };
    }
    if let Some(rate) = simulation.rate {
        scenario.profile.calls_per_s = rate;
    }
    for chaos in &simulation.chaos {
        misbehave(&mut scenario.profile, *chaos);
    }
    Ok(scenario)
}

fn misbehave(profile: &mut Profile, chaos: Chaos) {
    let trouble = &mut profile.chaos;
    match chaos {
        Chaos::Drop => trouble.drop_every_s = 20.0,
        Chaos::Duplicate => trouble.duplicate = 0.1,
        Chaos::Reorder => trouble.reorder = 0.1,
        Chaos::HalfOpen => trouble.half_open_every_s = 60.0,
        Chaos::Garbage => {
            trouble.garbage = 0.02;
            trouble.unknown_event = 0.02;
            trouble.unknown_field = 0.02;
        }
        Chaos::Slow => trouble.slow_ms = 50,
        Chaos::Restart => {
            trouble.restart_every_s = 60.0;
            trouble.restart_takes_s = 5.0;
        }
        Chaos::AuthFailure => trouble.refuse_login = 0.5,
    }
}

fn welcome(sim: &Sim) -> String {
    let profile = sim.profile();
    let list = |numbers: Vec<String>| {
        numbers
            .iter()
            .map(|number| format!("{number:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    format!(
        "\
A PortSIP PBX ({dialect}) is simulated at {url}. ^C ends it. To listen to it, in switchhook.toml:

[sources.hq]
adapter = \"portsip\"
url = \"{url}\"
dialect = \"{dialect}\"
username = \"supervisor\"
password = \"{password}\"
domain = \"{domain}\"
topics = [\"extension_events\", \"cdr_events\", \"queue_events\"]
extensions = [{extensions}]
queues = [{queues}]
service_numbers = [\"{ivr}\", \"{voicemail}\"]
",
        dialect = profile.dialect.as_str(),
        url = sim.url(),
        password = profile.password,
        domain = profile.domain,
        extensions = list(profile.extension_numbers().collect()),
        queues = list(profile.queue_numbers().collect()),
        ivr = Profile::IVR,
        voicemail = Profile::VOICEMAIL,
    )
}
