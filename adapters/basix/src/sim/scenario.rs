//! Scenario files: JSON lines that say what happens when.
//!
//! ```text
//! {"profile": {"users": 12, "calls_per_s": 0}}
//! {"at": 0.5, "call": {"plot": "queue", "caller": "0312341234", "group": "2001"}}
//! {"at": 3, "raw": {"term": [":msg", "hello"]}}
//! {"at": 9, "lever": "drop"}
//! ```

use adapter::sim::{self, Lever, Setting};
use serde::Deserialize;
use serde_json::Value;

use super::{profile::Profile, world::Order};

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
    /// A frame is sent to everybody, in the notation of [`super::Notation`].
    Raw(Value),
    /// A lever is pulled.
    Lever(Lever),
}

impl Setting for Profile {
    fn calm(self) -> Self {
        self.quiet()
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
