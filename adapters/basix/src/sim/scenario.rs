//! Scenario files: JSON lines that say what happens when.
//!
//! ```text
//! {"profile": {"users": 12, "calls_per_s": 0}}
//! {"at": 0.5, "call": {"plot": "queue", "caller": "0312341234", "group": "2001"}}
//! {"at": 3, "raw": {"term": [":msg", "hello"]}}
//! {"at": 9, "lever": "drop"}
//! ```

use std::{cmp::Ordering, io};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{profile::Profile, world::Order};

/// What happens when, and in which PBX.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The PBX.
    pub profile: Profile,
    /// What happens, by time.
    pub moments: Vec<Moment>,
}

/// Something that happens at a certain time.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Seconds of the PBX after the start.
    pub at: f64,
    /// What.
    pub act: Act,
}

/// Something a scenario can do.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A call begins.
    Call(Order),
    /// A frame is sent to everybody, in the notation of [`super::Notation`].
    Raw(Value),
    /// A lever is pulled.
    Lever(Lever),
}

/// What can be done to a simulated PBX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lever {
    /// All connections are cut without a close frame.
    Drop,
    /// All connections are closed properly.
    Close,
    /// All connections go silent and stay open.
    HalfOpen,
    /// Connections and calls are gone; new connections are refused for the restart time.
    Restart,
    /// Logins are refused from now on.
    RefuseLogins,
    /// Logins are accepted again.
    AcceptLogins,
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

/// A quiet PBX, then what is written.
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
    use crate::sim::plot::Plot;

    #[test]
    fn lines_are_read_in_the_order_of_time() {
        let scenario = Scenario::parse(
            r#"
            # a demo
            {"profile": {"users": 7, "chaos": {"duplicate": 0.5}}}
            {"at": 9, "lever": "half_open"}
            {"at": 0.5, "call": {"plot": "blind_transfer", "caller": "0312341234"}}
            {"at": 3, "raw": {"hex": "83"}}
            "#,
        )
        .unwrap();
        assert_eq!(scenario.profile.users, 7);
        assert_eq!(scenario.profile.calls_per_s, 0.0, "quiet");
        assert_eq!(scenario.profile.chaos.duplicate, 0.5);
        let times: Vec<f64> = scenario.moments.iter().map(|m| m.at).collect();
        assert_eq!(times, [0.5, 3.0, 9.0]);
        let Act::Call(order) = &scenario.moments[0].act else {
            panic!("{scenario:?}");
        };
        assert_eq!(order.plot, Plot::BlindTransfer);
    }

    #[test]
    fn the_example_is_one() {
        let scenario = Scenario::parse(include_str!("../../examples/busy_morning.jsonl")).unwrap();
        assert_eq!(scenario.profile.users, 12);
        assert!(scenario.moments.len() > 8);
    }

    #[test]
    fn a_wrong_line_is_named() {
        for wrong in [
            r#"{"at": 1, "call": {"plot": "sing"}}"#,
            r#"{"profile": {"usrs": 3}}"#,
            r#"{"at": 1}"#,
            "{",
        ] {
            let error = Scenario::parse(&format!("\n{wrong}")).unwrap_err();
            assert!(error.to_string().contains("line 2"), "{wrong}: {error}");
        }
    }
}
