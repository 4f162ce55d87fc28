//! A simulated PortSIP PBX, as the command line wants one.

use portsip::{
    sim::{Listen, Profile, Scenario, Sim},
    wire::Dialect,
};

use crate::adapters::{SimulateError, Simulated, Simulation, Starting, simulation};

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
        let alive = simulation::play(async move {
            sim.play(&scenario).await;
            // It lives on by itself until it is dropped.
            std::future::pending::<()>().await;
        });
        Ok(Simulated {
            title,
            source,
            tenant,
            alive,
        })
    })
}

fn scenario(wish: &Simulation) -> Result<Scenario, SimulateError> {
    let mut scenario: Scenario = simulation::scenario(wish)?;
    let profile = &mut scenario.profile;
    if let Some(name) = &wish.dialect {
        const KNOWN: &str = "write v12, v16, v16.2, v22 or v22.3";
        let dialect =
            Dialect::parse(name).ok_or_else(|| SimulateError::Dialect(name.clone(), KNOWN))?;
        *profile = profile.clone().spoken(dialect);
    }
    profile.seed = wish.seed.unwrap_or(profile.seed);
    profile.calls_per_s = wish.rate.unwrap_or(profile.calls_per_s);
    simulation::misbehave(&mut profile.chaos, &wish.chaos);
    Ok(scenario)
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
