//! A simulated Telecom X, as the command line wants one.

use std::time::{SystemTime, UNIX_EPOCH};

use telecomx::{
    link::packet::Engine,
    sim::{Level, Listen, Office, Profile, Scenario, Sim},
};

use crate::adapters::{SimulateError, Simulated, Simulation, Starting, simulation};

pub(super) fn start(wish: Simulation) -> Starting {
    Box::pin(async move {
        let scenario = scenario(&wish)?;
        let listen = Listen {
            address: wish.listen,
            ..Listen::default()
        };
        let profile = scenario.profile.clone();
        let office = Office::new(&profile, now());
        let sim = Sim::listen(profile, office, listen)
            .await
            .map_err(SimulateError::Start)?;
        let engine = sim.profile().engine_io.as_str();
        let title = format!("a Telecom X (Engine.IO {engine}) at {}", sim.url());
        let source = source(&sim);
        let tenant = Some(sim.profile().customer.clone());
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

/// Unix milliseconds.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(0)
}

fn scenario(wish: &Simulation) -> Result<Scenario, SimulateError> {
    let mut scenario: Scenario = simulation::scenario(wish)?;
    let profile = &mut scenario.profile;
    if let Some(name) = &wish.dialect {
        const KNOWN: &str = "write 4 or 3, the version of Engine.IO";
        let engine = match name.as_str() {
            "4" => Engine::V4,
            "3" => Engine::V3,
            _ => return Err(SimulateError::Dialect(name.clone(), KNOWN)),
        };
        let timeout = Profile::of(engine).ping_timeout_ms;
        profile.engine_io = engine;
        profile.ping_timeout_ms = timeout;
    }
    profile.seed = wish.seed.unwrap_or(profile.seed);
    profile.calls_per_s = wish.rate.unwrap_or(profile.calls_per_s);
    simulation::misbehave(&mut profile.chaos, &wish.chaos);
    Ok(scenario)
}

fn source(sim: &Sim<Office>) -> String {
    let profile = sim.profile();
    let token = profile
        .account(Level::Viewer)
        .and_then(|account| account.token.as_deref());
    format!(
        r#"adapter = "telecomx"
url = "{url}"
token = "{token}"
customer = "{customer}"
channels = ["PBX", "CALL", "REGISTER", "CONFIG"]
region = "DK"
"#,
        url = sim.url(),
        token = token.unwrap_or_default(),
        customer = profile.customer,
    )
}
