//! `switchhook sim`: each PBX in the box prints how to listen to it, and whoever does hears calls that begin and end.

use std::{fs, net::SocketAddr, path::Path};

use tests::{
    Gateway, Setup,
    gateway::{Process, free_port},
    wait,
};

use crate::support::{check_log, synced};

/// Two minutes of a PBX in four seconds.
const BRISK: &str = r#"{"profile": {"pace": 30, "calls_per_s": 0.5}}"#;

#[tokio::test]
async fn every_simulated_pbx_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let (mut running, mut setup) = (Vec::new(), Setup::new());
    for (adapter, id) in [("portsip", "hq"), ("basix", "tokyo"), ("telecomx", "cph")] {
        let (sim, lines) = simulated(folder.path(), adapter).await;
        setup = setup.sources(&format!("[sources.{id}]\n{lines}"));
        running.push(sim);
    }
    let gateway = Gateway::start(&setup).await;
    let client = gateway.client();
    for id in ["hq", "tokyo", "cph"] {
        synced(&client, id).await;
        let query = format!("types=call.ended&sources={id}&after=earliest");
        let mut stream = client.stream(&query).await;
        for _ in 0..3 {
            stream.event().await;
        }
        let strange = format!("types=source.unrecognized&sources={id}");
        let strange = client.history(&strange).await;
        assert!(strange.is_empty(), "{}", strange[0].text());
    }
    check_log(&client.history("").await);
}

/// No client may get used to an order of fields: it is another one each time, unless a seed is given.
#[tokio::test]
async fn basix_tells_its_fields_in_another_order_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let order = |sim: Process| {
        let said = sim.stdout() + &sim.stderr();
        let (_, order) = said.split_once("order of fields: ").unwrap();
        order.split(')').next().unwrap().to_owned()
    };
    let (first, _) = simulated(folder.path(), "basix").await;
    let (second, _) = simulated(folder.path(), "basix").await;
    assert_ne!(order(first), order(second));
}

/// Starts one, and yields the lines that it says to write.
async fn simulated(folder: &Path, adapter: &str) -> (Process, String) {
    fs::write(folder.join("brisk.jsonl"), BRISK).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port())).to_string();
    let arguments = [
        "sim",
        adapter,
        "--listen",
        &address,
        "--scenario",
        "brisk.jsonl",
    ];
    let sim = Process::switchhook(folder, &arguments);
    let lines = wait::until("it says how to listen to it", || {
        let said = sim.stdout() + &sim.stderr();
        async move {
            let (_, lines) = said.split_once("[sources.hq]\n")?;
            lines.contains("region").then(|| lines.to_owned())
        }
    })
    .await;
    (sim, lines)
}
