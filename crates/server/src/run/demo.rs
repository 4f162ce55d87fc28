//! `switchhook demo`: simulated PBXs with lively traffic, and a gateway that listens to them.

use std::{fmt::Write as _, net::SocketAddr, path::Path};

use tempfile::TempDir;

use super::{RunError, signals};
use crate::{
    adapters::{self, Simulated, Simulation},
    cli,
    config::{Config, Outside, Variables},
    gateway::Gateway,
};

/// Calls that each PBX begins in a second.
const RATE: f64 = 0.6;
/// Tells the same story each time: one with a call of every kind in its first minute or so.
const SEED: u64 = 289;

/// Runs simulated PBXs, a gateway that listens to them, and prints what to open.
///
/// # Errors
/// As [`super::serve`].
pub async fn demo(listen: SocketAddr) -> Result<(), RunError> {
    let stop = signals::stop()?;
    let folder = TempDir::with_prefix("switchhook-demo-").map_err(|source| RunError::System {
        doing: "make a temporary folder",
        source,
    })?;
    let mut pbxs = Vec::new();
    for entry in adapters::ALL {
        let wish = Simulation {
            rate: Some(RATE),
            seed: Some(SEED),
            ..Simulation::default()
        };
        pbxs.push((entry.place, (entry.simulate)(wish).await?));
    }
    let gateway = Gateway::start(config(listen, folder.path(), &pbxs)?).await?;
    cli::tell(&welcome(gateway.address(), &pbxs));
    gateway.run(None, stop).await?;
    Ok(())
}

fn config(
    listen: SocketAddr,
    folder: &Path,
    pbxs: &[(&str, Simulated)],
) -> Result<Config, RunError> {
    let mut text = format!(
        "[server]\nlisten = \"{listen}\"\n\n[log]\npath = {:?}\n",
        folder.join("switchhook.db")
    );
    let mut tenant = Vec::new();
    for (name, pbx) in pbxs {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n[sources.{name}]\n{}", pbx.source);
        tenant.extend(pbx.tenant.as_ref().map(|id| format!("{name} = {id:?}")));
    }
    let _ = write!(text, "\n[tenants]\nacme = {{ {} }}\n", tenant.join(", "));
    let variables = Variables::new();
    let outside = Outside {
        variables: &variables,
        read_file: &|path: &Path| std::fs::read_to_string(path),
    };
    Config::read(Path::new("demo.toml"), &text, outside, adapters::ALL).map_err(RunError::Demo)
}

fn welcome(address: SocketAddr, pbxs: &[(&str, Simulated)]) -> String {
    let mut text = "Switchhook listens to simulated PBXs:\n\n".to_owned();
    for (name, pbx) in pbxs {
        let _ = writeln!(text, "  {name:<9} {}", pbx.title);
    }
    let _ = write!(
        text,
        "
Open:

  http://{address}/

Try, in another terminal:

  curl -N -H 'Accept: text/event-stream' 'http://{address}/v1/events?types=call.*&payload=false'
  curl 'http://{address}/v1/calls'
  switchhook tail --url http://{address} --types 'call.*,queue.*'

WebSocket: ws://{address}/v1/events?snapshot=true
^C ends it.
"
    );
    text
}
