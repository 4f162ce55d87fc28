//! Scenario files: JSON lines that say what happens when.
//!
//! ```text
//! {"profile": {"dialect": "v22", "calls_per_s": 0}}
//! {"at": 0.5, "call": {"plot": "queue", "caller": "07700900123", "queue": "8001"}}
//! {"at": 3, "raw": {"event_type": "moon_phase_changed"}}
//! {"at": 9, "lever": "drop"}
//! ```

use adapter::sim::{self, Lever, Setting};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{profile::Profile, world::Order};
use crate::wire::Dialect;

/// What happens when, and in which PBX.
pub type Scenario = sim::Scenario<Profile, Act>;

/// Something that happens at a certain time.
pub type Moment = sim::Moment<Act>;

/// Something a scenario can do.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A call begins.
    Call(Order),
    /// A message is sent to everybody who is logged in.
    Raw(Value),
    /// A text, JSON or not, is sent to everybody who is logged in.
    Text(String),
    /// A lever is pulled.
    Lever(Lever),
}

impl Setting for Profile {
    fn calm(self) -> Self {
        self.quiet()
    }

    fn beneath(written: &Map<String, Value>) -> Result<Self, serde_json::Error> {
        let dialect = match written.get("dialect") {
            Some(dialect) => serde_json::from_value(dialect.clone())?,
            None => Dialect::V22,
        };
        Ok(Self::of(dialect))
    }
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
            {"profile": {"dialect": "v12", "chaos": {"duplicate": 0.5}}}
            {"at": 9, "lever": "half_open"}
            {"at": 0.5, "call": {"plot": "blind_transfer", "caller": "07700900123"}}
            {"at": 3, "raw": {"event_type": "x"}}
            "#,
        )
        .unwrap();
        assert_eq!(scenario.profile.dialect, Dialect::V12);
        assert!(scenario.profile.topic_objects, "as v12 has it");
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
        assert_eq!(scenario.profile.extensions, 12);
        assert!(scenario.moments.len() > 8);
    }

    #[test]
    fn a_wrong_line_is_named() {
        for wrong in [
            r#"{"at": 1, "call": {"plot": "sing"}}"#,
            r#"{"profile": {"dialekt": "v22"}}"#,
            r#"{"at": 1}"#,
            "{",
        ] {
            let error = Scenario::parse(&format!("\n{wrong}")).unwrap_err();
            assert!(error.to_string().contains("line 2"), "{wrong}: {error}");
        }
    }
}
