//! A simulated Basix PBX, as the command line wants one.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
};

use basix::sim::{Listen, Profile, Scenario, Sim};

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
        let order = sim.profile().order.unwrap_or_default();
        let title = format!("a Basix PBX at {} (order of fields: {order})", sim.url());
        let source = source(&sim);
        let tenant = Some(sim.profile().domain.clone());
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
    if let Some(dialect) = &wish.dialect {
        return Err(SimulateError::Dialect(
            dialect.clone(),
            "a Basix PBX has none, leave it out",
        ));
    }
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
    profile.seed = wish.seed.unwrap_or(profile.seed);
    // No client may get used to an order, unless somebody wants the same run again.
    let order = profile.order.or(wish.seed);
    profile.order = Some(order.unwrap_or_else(|| RandomState::new().hash_one(0) >> 32));
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
