//! A simulated Basix PBX, as the command line wants one.

use std::hash::{BuildHasher as _, RandomState};

use basix::sim::{Listen, Scenario, Sim};

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
        let order = sim.profile().order.unwrap_or_default();
        let title = format!("a Basix PBX at {} (order of fields: {order})", sim.url());
        let source = source(&sim);
        let tenant = Some(sim.profile().domain.clone());
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
    if let Some(dialect) = &wish.dialect {
        return Err(SimulateError::Dialect(
            dialect.clone(),
            "a Basix PBX has none, leave it out",
        ));
    }
    let mut scenario: Scenario = simulation::scenario(wish)?;
    let profile = &mut scenario.profile;
    profile.seed = wish.seed.unwrap_or(profile.seed);
    // No client may get used to an order, unless somebody wants the same run again.
    let order = profile.order.or(wish.seed);
    profile.order = Some(order.unwrap_or_else(|| RandomState::new().hash_one(0) >> 32));
    profile.calls_per_s = wish.rate.unwrap_or(profile.calls_per_s);
    simulation::misbehave(&mut profile.chaos, &wish.chaos);
    Ok(scenario)
}

fn source(sim: &Sim) -> String {
    let profile = sim.profile();
    format!(
        r#"adapter = "basix"
url = "{url}"
domain = "{domain}"
token = "{token}"
app_name = "switchhook"
region = "JP"
"#,
        url = sim.url(),
        domain = profile.domain,
        token = profile.token,
    )
}
