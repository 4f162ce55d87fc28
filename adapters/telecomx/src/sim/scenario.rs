//! Scenario files: JSON lines that say what happens when.
//!
//! ```text
//! {"profile": {"engine_io": "4", "calls_per_s": 0}}
//! {"at": 0.5, "call": {"plot": "queue", "caller": "+4520304050", "queue": "7001"}}
//! {"at": 3, "event": ["PBX", {"event": "MOON_PHASE_CHANGED"}]}
//! {"at": 9, "lever": "drop"}
//! ```

use std::{cmp::Ordering, io, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until};

use super::{Lever, Office, Order, Profile, Sim};

/// What happens when, and to which service.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The service.
    pub profile: Profile,
    /// What happens, by time.
    pub moments: Vec<Moment>,
}

/// Something that happens at a certain time.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Seconds of the service after the start.
    pub at: f64,
    /// What.
    pub act: Act,
}

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

/// Why a scenario cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read the scenario")]
    Read(#[from] io::Error),
    /// A line is wrong.
    #[error("cannot read line {line} of the scenario")]
    Line {
        /// Counted from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

impl Scenario {
    /// Reads the lines of a scenario. Empty lines and lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// When a line is wrong.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let mut profile = Profile::default().quiet();
        let mut moments = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            let wrong = |source| ScenarioError::Line {
                line: index + 1,
                source,
            };
            match serde_json::from_str::<Line>(line).map_err(wrong)? {
                Line::Profile { profile: given } => {
                    profile = merged(given).map_err(wrong)?;
                }
                Line::Moment(moment) => moments.push(moment.into_moment().map_err(wrong)?),
            }
        }
        moments.sort_by(|a, b| a.at.partial_cmp(&b.at).unwrap_or(Ordering::Equal));
        Ok(Self { profile, moments })
    }
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

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Profile { profile: Map<String, Value> },
    Moment(WrittenMoment),
}

#[derive(Deserialize)]
struct WrittenMoment {
    at: f64,
    #[serde(flatten)]
    act: Map<String, Value>,
}

impl WrittenMoment {
    fn into_moment(self) -> Result<Moment, serde_json::Error> {
        let act = serde_json::from_value(Value::Object(self.act))?;
        Ok(Moment { at: self.at, act })
    }
}

/// A quiet service, then what is written.
fn merged(written: Map<String, Value>) -> Result<Profile, serde_json::Error> {
    let mut whole = serde_json::to_value(Profile::default().quiet())?;
    if let Value::Object(whole) = &mut whole {
        whole.extend(written);
    }
    serde_json::from_value(whole)
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
