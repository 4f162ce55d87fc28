//! What a running gateway tells of itself.

use std::{
    collections::BTreeMap,
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::json;
use tests::{Client, Gateway, Pbx, Setup, pbx::Manners, peers, wait};

use crate::support::{calls, synced};

/// Samples by name and labels, as they are written.
pub(crate) type Samples = BTreeMap<String, f64>;

pub(crate) async fn page(client: &Client) -> String {
    let answer = client.get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

pub(crate) fn samples(page: &str) -> Samples {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    samples.map(sample).collect()
}

/// A gateway that has met everything there are figures about, as far as a PBX can bring it about.
pub(crate) async fn busy() -> (Pbx, Gateway) {
    let pbx = Pbx::start().await;
    let gateway = Gateway::start(&Setup::with(&pbx)).await;
    let client = gateway.client();
    synced(&client, "hq").await;
    calls(&pbx, &client, 2).await;
    pbx.say(&json!({"event_type": "weather_changed", "sky": "grey"}))
        .await;
    pbx.hang_up().await;
    let mut stream = client.stream("types=source.*&after=earliest").await;
    stream
        .events_until(|event| event.kind() == "source.gap")
        .await;
    stream
        .events_until(|event| event.kind() == "source.synced")
        .await;
    (pbx, gateway)
}

#[tokio::test]
async fn the_figures_are_those_of_what_happened() {
    let (pbx, gateway) = busy().await;
    let client = gateway.client();
    let mut counted: BTreeMap<String, f64> = BTreeMap::new();
    for event in client.history("").await {
        if let Some(source) = event.word("source").strip_prefix("/sources/") {
            let kind = event.kind();
            let sample =
                format!("switchhook_source_events_total{{source=\"{source}\",type=\"{kind}\"}}");
            *counted.entry(sample).or_default() += 1.0;
        }
    }
    let told = samples(&page(&client).await);
    let events: BTreeMap<_, _> = told
        .iter()
        .filter(|(name, _)| name.starts_with("switchhook_source_events_total"))
        .map(|(name, value)| (name.clone(), *value))
        .collect();
    assert_eq!(events, counted);

    let of_hq = |name: &str| told[&format!("switchhook_source_{name}{{source=\"hq\"}}")];
    assert_eq!(of_hq("connected"), 1.0);
    assert_eq!(of_hq("reconnects_total"), 1.0);
    assert!(of_hq("gap_seconds_total") > 0.0);
    assert!(of_hq("last_event_age_seconds") < 60.0);
    assert_eq!(of_hq("decode_seconds_count"), of_hq("frames_total"));
    assert!(of_hq("decode_seconds_sum") > 0.0);
    assert_eq!(of_hq("calls_compared_total"), 2.0);
    assert_eq!(of_hq("calls_agreed_total"), 2.0);
    let unknown: f64 = told
        .iter()
        .filter(|(name, _)| name.starts_with("switchhook_source_unrecognized_total"))
        .map(|(_, value)| value)
        .sum();
    assert_eq!(unknown, 1.0);

    for name in ["append_seconds", "publish_lag_seconds", "batch_size"] {
        assert!(
            told[&format!("switchhook_hub_{name}_count")] > 0.0,
            "{name}"
        );
    }
    // All that was published lies between the least and the most that a batch can take.
    assert!(told["switchhook_hub_publish_lag_seconds_sum"] > 0.0);
    assert!(told["switchhook_streams_sent_total{transport=\"websocket\"}"] > 0.0);
    let broken = told
        .iter()
        .filter(|(name, _)| name.contains("invariant_violations"));
    assert!(broken.clone().count() > 3 && broken.clone().all(|(_, count)| *count == 0.0));
    pbx.behave(Manners::SlamTheDoor);
    pbx.hang_up().await;
    wait::until("the source is known to be lost", async || {
        let told = samples(&page(&client).await);
        (told["switchhook_source_connected{source=\"hq\"}"] == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn prometheus_reads_the_page_and_finds_nothing_to_say() {
    let (_pbx, gateway) = busy().await;
    let page = page(&gateway.client()).await;
    let mut promtool = Command::new(peers::promtool())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(page.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// Metrics take a token of their own, and a gateway with tokens asks for it.
#[tokio::test]
async fn a_scraper_needs_no_more_than_its_scope() {
    let pbx = Pbx::start().await;
    let setup = Setup::with(&pbx).token("prometheus", &["metrics:read"], "");
    let gateway = Gateway::start(&setup).await;
    assert_eq!(gateway.client().get("/metrics").await.status, 401);
    let scraper = gateway.client().bearer("prometheus");
    let told = wait::until("the source is connected", async || {
        let told = samples(&page(&scraper).await);
        (told["switchhook_source_connected{source=\"hq\"}"] == 1.0).then_some(told)
    })
    .await;
    assert_eq!(
        told["switchhook_door_refused_total{reason=\"unauthenticated\"}"],
        1.0
    );
    assert_eq!(scraper.get("/v1/events").await.status, 403);
}
