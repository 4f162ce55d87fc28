//! Scenario files: JSON lines that say what happens when.
//!
//! ```text
//! {"profile": {"engine_io": "4", "calls_per_s": 0}}
//! {"at": 0.5, "call": {"plot": "queue", "caller": "+4520304050", "queue": "7001"}}
//! {"at": 3, "event": ["PBX", {"event": "MOON_PHASE_CHANGED"}]}
//! {"at": 9, "lever": "drop"}
//! ```

use std::time::Duration;

use adapter::sim::{self, Setting};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::{Lever, Office, Order, Profile, Sim};

/// What happens when, and in which service.
pub type Scenario = sim::Scenario<Profile, Act>;

/// Something that happens at a certain time.
pub type Moment = sim::Moment<Act>;

/// Something a scenario can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A call begins.
    Call(Order),
    /// An event is sent to everybody who is known: its name and its arguments.
    Event(Vec<Value>),
    /// A text frame, an event or not, is sent to everybody who is known.
    Text(String),
    /// A lever is pulled.
    Lever(Lever),
}

impl Sim<Office> {
    /// Lets everything in a scenario happen at its time.
    pub async fn play(&self, scenario: &Scenario) {
        let begun = Instant::now();
        let pace = self.profile().pace.max(0.001);
        for moment in &scenario.moments {
            let due = Duration::from_secs_f64((moment.at / pace).clamp(0.0, 1e7));
            sleep_until(begun + due).await;
            match &moment.act {
                Act::Call(order) => {
                    if self.call(order).await.is_none() {
                        tracing::warn!(?order, "nobody is free for this call");
                    }
                }
                Act::Event(event) => self.send(format!("42{}", Value::from(event.clone()))).await,
                Act::Text(text) => self.send(text.as_str()).await,
                Act::Lever(lever) => self.pull(*lever),
            }
        }
    }

    /// Begins a call, unless nobody is free to take part. Yields its session.
    pub async fn call(&self, order: &Order) -> Option<String> {
        self.with(|office| office.begin(order)).await
    }
}

impl Setting for Profile {
    fn calm(self) -> Self {
        self.quiet()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Plot;

    #[test]
    fn lines_are_read_in_the_order_of_time() {
        let scenario = Scenario::parse(
            r#"
            # a demo
            {"profile": {"extensions": 6, "chaos": {"duplicate": 0.5}}}
            {"at": 9, "lever": "half_open"}
            {"at": 0.5, "call": {"plot": "blind_transfer", "caller": "+4520304050"}}
            {"at": 3, "event": ["PBX", {"event": "X"}]}
            "#,
        )
        .unwrap();
        assert_eq!(scenario.profile.extensions, 6);
        assert_eq!(scenario.profile.chaos.duplicate, 0.5);
        let times: Vec<f64> = scenario.moments.iter().map(|m| m.at).collect();
        assert_eq!(times, [0.5, 3.0, 9.0]);
        let Act::Call(order) = &scenario.moments[0].act else {
            panic!("{scenario:?}");
        };
        assert_eq!(order.plot, Plot::BlindTransfer);
    }

    #[test]
    fn a_wrong_line_is_named() {
        for wrong in [
            r#"{"at": 1, "call": {"plot": "sing"}}"#,
            r#"{"profile": {"extenshuns": 2}}"#,
            r#"{"at": 1}"#,
            "{",
        ] {
            let error = Scenario::parse(&format!("\n{wrong}")).unwrap_err();
            assert!(error.to_string().contains("line 2"), "{wrong}: {error}");
        }
    }
}
