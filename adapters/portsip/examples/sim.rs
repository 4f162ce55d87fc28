//! A simulated PortSIP PBX to develop against: `cargo run -p portsip --example sim -- v22 127.0.0.1:8887`.
//!
//! Arguments: a dialect (`v12`, `v16`, `v16.2`, `v22`, `v22.3`) or a scenario file, then an address to listen on.

use std::{env, error::Error, fs};

use portsip::{
    sim::{Listen, Profile, Scenario, Sim},
    wire::Dialect,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let mut arguments = env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "v22".to_owned());
    let address = arguments
        .next()
        .map(|address| address.parse())
        .transpose()?;
    let scenario = match Dialect::parse(&what) {
        Some(dialect) => Scenario {
            profile: Profile::of(dialect),
            moments: Vec::new(),
        },
        None => Scenario::parse(&fs::read_to_string(&what)?)?,
    };
    let listen = Listen {
        address,
        ..Listen::default()
    };
    let sim = Sim::listen(scenario.profile.clone(), listen).await?;
    tracing::info!(
        url = sim.url(),
        username = "supervisor",
        password = sim.profile().password,
        domain = sim.profile().domain,
        "a PortSIP PBX is simulated; ^C ends it"
    );
    tokio::select! {
        () = async {
            sim.play(&scenario).await;
            std::future::pending::<()>().await;
        } => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    tracing::info!(counts = ?sim.counts(), calls = sim.truth().len(), "ends");
    Ok(())
}
