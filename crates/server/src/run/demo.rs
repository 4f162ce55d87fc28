//! `switchhook demo`: simulated PBXs with lively traffic, and a gateway that listens to them.

use std::{fmt::Write as _, net::SocketAddr, path::Path};

use portsip::sim::{Profile, Sim};
use tempfile::TempDir;

use super::{RunError, signals};
use crate::{
    adapters, cli,
    config::{Config, Outside, Variables},
    gateway::Gateway,
};

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
    let profile = Profile {
        calls_per_s: 0.6,
        seed: u64::from(std::process::id()),
        ..Profile::default()
    };
    let sim = Sim::start(profile)
        .await
        .map_err(|source| RunError::System {
            doing: "start the simulated PortSIP PBX",
            source,
        })?;
    let config = config(listen, folder.path(), &sim)?;
    let gateway = Gateway::start(config).await?;
    cli::print(&welcome(gateway.address()));
    gateway.run(None, stop).await?;
    Ok(())
}

fn config(listen: SocketAddr, folder: &Path, sim: &Sim) -> Result<Config, RunError> {
    let profile = sim.profile();
    let mut text = format!(
        "[server]\nlisten = \"{listen}\"\n\n[log]\npath = {:?}\n\n",
        folder.join("switchhook.db")
    );
    let list = |items: &mut dyn Iterator<Item = String>| {
        items
            .map(|item| format!("{item:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        r#"[sources.hq]
adapter = "portsip"
url = {url:?}
dialect = "{dialect}"
username = "supervisor"
password = {password:?}
domain = {domain:?}
topics = ["extension_events", "cdr_events", "queue_events", "queue_management_events"]
extensions = [{extensions}]
queues = [{queues}]
service_numbers = ["{ivr}", "{voicemail}"]
region = "GB"

[tenants]
acme = {{ hq = "{tenant}" }}
"#,
        url = sim.url(),
        dialect = profile.dialect.as_str(),
        password = profile.password,
        domain = profile.domain,
        extensions = list(&mut profile.extension_numbers()),
        queues = list(&mut profile.queue_numbers()),
        ivr = Profile::IVR,
        voicemail = Profile::VOICEMAIL,
        tenant = profile.tenant_id,
    );
    let variables = Variables::new();
    let outside = Outside {
        variables: &variables,
        read_file: &std::fs::read_to_string,
    };
    Config::read(Path::new("demo.toml"), &text, outside, adapters::ALL).map_err(RunError::Demo)
}

fn welcome(address: SocketAddr) -> String {
    format!(
        "\
Switchhook listens to a simulated PortSIP PBX (source `hq`). Try, in another terminal:

  curl -N -H 'Accept: text/event-stream' 'http://{address}/v1/events?types=call.*&payload=false'
  curl 'http://{address}/v1/calls'
  switchhook tail --url http://{address} --types 'call.*,queue.*'

WebSocket: ws://{address}/v1/events?snapshot=true
^C ends it.
"
    )
}
