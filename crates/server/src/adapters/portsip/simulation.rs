//! A simulated PortSIP PBX, as the command line wants one.

use std::fs;

use portsip::{
    sim::{Listen, Profile, Scenario, Sim},
    wire::Dialect,
};

use crate::adapters::{Chaos, SimulateError, Simulated, Simulation, Starting, Trouble, whole};

pub(super) fn start(wish: Simulation) -> Starting {
    Box::pin(async move {
        let scenario = scenario(&wish)?;
        let listen = Listen {
            address: wish.listen,
            ..Listen::default()
        };
        let sim = Sim::listen(scenario.profile.clone(), listen)
            .await
            .map_err(SimulateError::Start)?;
        let (title, source) = (title(&sim), source(&sim));
        let tenant = Some(sim.profile().tenant_id.to_string());
        let play = tokio::spawn(async move {
            sim.play(&scenario).await;
            // It lives on by itself until it is dropped.
            std::future::pending::<()>().await;
        });
        Ok(Simulated {
            title,
            source,
            tenant,
            alive: Box::new(Playing(play)),
        })
    })
}

/// Ends the simulator with itself.
struct Playing(tokio::task::JoinHandle<()>);

impl Drop for Playing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn scenario(wish: &Simulation) -> Result<Scenario, SimulateError> {
    let mut scenario = match &wish.scenario {
        Some(path) => {
            let text =
                fs::read_to_string(path).map_err(|error| SimulateError::Scenario(error.into()))?;
            Scenario::parse(&text).map_err(|error| SimulateError::Scenario(error.into()))?
        }
        None => Scenario {
            profile: Profile::default(),
            moments: Vec::new(),
        },
    };
    let profile = &mut scenario.profile;
    if let Some(name) = &wish.dialect {
        const KNOWN: &str = "write v12, v16, v16.2, v22 or v22.3";
        let dialect =
            Dialect::parse(name).ok_or_else(|| SimulateError::Dialect(name.clone(), KNOWN))?;
        *profile = profile.clone().spoken(dialect);
    }
    profile.seed = wish.seed.unwrap_or(profile.seed);
    profile.calls_per_s = wish.rate.unwrap_or(profile.calls_per_s);
    for trouble in &wish.chaos {
        misbehave(profile, *trouble);
    }
    Ok(scenario)
}

fn misbehave(profile: &mut Profile, trouble: Trouble) {
    let (much, chaos) = (trouble.strength, &mut profile.chaos);
    match trouble.chaos {
        Chaos::Drop => chaos.drop_every_s = much,
        Chaos::Duplicate => chaos.duplicate = much,
        Chaos::Reorder => chaos.reorder = much,
        Chaos::HalfOpen => chaos.half_open_every_s = much,
        Chaos::Garbage => {
            chaos.garbage = much;
            chaos.unknown_event = much;
            chaos.unknown_field = much;
        }
        Chaos::Slow => chaos.slow_ms = whole(much),
        Chaos::Restart => {
            chaos.restart_every_s = much;
            chaos.restart_takes_s = f64::min(much / 2.0, 5.0);
        }
        Chaos::AuthFailure => chaos.refuse_login = much,
    }
}

fn title(sim: &Sim) -> String {
    format!(
        "a PortSIP PBX ({}) at {}",
        sim.profile().dialect.as_str(),
        sim.url()
    )
}

fn source(sim: &Sim) -> String {
    let profile = sim.profile();
    // v12 takes a user name alone as that of a tenant.
    let domain = match profile.dialect {
        Dialect::V12 => String::new(),
        _ => format!("domain = \"{}\"\n", profile.domain),
    };
    format!(
        r#"adapter = "portsip"
url = "{url}"
dialect = "{dialect}"
username = "supervisor"
password = "{password}"
{domain}topics = ["extension_events", "cdr_events", "queue_events"]
extensions = {extensions:?}
queues = {queues:?}
service_numbers = ["{ivr}"]
voicemail_numbers = ["{voicemail}"]
region = "GB"
"#,
        url = sim.url(),
        dialect = profile.dialect.as_str(),
        password = profile.password,
        extensions = profile.extension_numbers().collect::<Vec<_>>(),
        queues = profile.queue_numbers().collect::<Vec<_>>(),
        ivr = Profile::IVR,
        voicemail = Profile::VOICEMAIL,
    )
}
