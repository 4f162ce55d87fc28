//! What `/metrics` tells of deliveries.

use serde_json::json;

use super::receiver::Receiver;
use crate::world::World;

impl World {
    async fn figure(&self, sample: &str) -> f64 {
        let reply = self.client("boss").get("/metrics").await;
        let text = String::from_utf8(reply.body).unwrap();
        let line = text.lines().find(|line| {
            line.strip_prefix(sample)
                .is_some_and(|rest| rest.starts_with(' '))
        });
        let line = line.unwrap_or_else(|| panic!("no {sample} in {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    async fn until_figure(&self, sample: &str, wanted: impl Fn(f64) -> bool) {
        let waiting = async {
            while !wanted(self.figure(sample).await) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(crate::client::PATIENCE, waiting).await;
        assert!(in_time.is_ok(), "{sample}");
    }
}

const DELIVERED: &str = "switchhook_webhooks_attempts_total{result=\"2xx\"}";
const FAILED: &str = "switchhook_webhooks_attempts_total{result=\"5xx\"}";
const LAG: &str = "switchhook_webhooks_lag_seconds";
const LANES: &str = "switchhook_webhooks_lanes";

#[tokio::test]
async fn attempts_lag_and_lanes_are_told() {
    let mut world = World::start().await;
    let mut well = Receiver::start(|_| 200).await;
    world.hook(&well, json!({})).await;
    for call in ["c2", "c3", "c4"] {
        world.pbx.say(&format!("call {call} t-acme")).await;
    }
    well.until("three calls", |all| all.len() == 3).await;
    world.until_figure(DELIVERED, |count| count == 3.0).await;
    world.until_figure(LANES, |lanes| lanes == 0.0).await;
    assert_eq!(world.figure(LAG).await, 0.0);

    let failing = Receiver::start(|_| 503).await;
    let (id, _) = world.hook(&failing, json!({})).await;
    for call in ["c5", "c6"] {
        world.pbx.say(&format!("call {call} t-acme")).await;
    }
    world.until_figure(FAILED, |count| count >= 2.0).await;
    world.until_figure(LANES, |lanes| lanes == 2.0).await;
    world.until_figure(LAG, |lag| lag > 0.0).await;
    let before = world.figure(LAG).await;
    world.until_figure(LAG, |lag| lag > before).await;

    // It survives a restart, and ends with the webhook.
    let world = world.restart().await;
    world.until_figure(LAG, |lag| lag > before).await;
    world.until_figure(LANES, |lanes| lanes == 2.0).await;
    let gone = world
        .ask(
            "boss",
            "DELETE",
            &format!("/{id}"),
            &serde_json::Value::Null,
        )
        .await;
    assert_eq!(gone.status, 204);
    world.until_figure(LAG, |lag| lag == 0.0).await;
    world.running.stop().await;
}
