//! Scenario files: JSON lines that say what happens when.
//!
//! ```text
//! {"profile": {"calls_per_s": 0}}
//! {"at": 0.5, "call": {"plot": "queue"}}
//! {"at": 9, "lever": "drop"}
//! ```

use std::{cmp::Ordering, io};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// What happens when, and in which PBX: `P` says what kind of PBX, `A` what can happen.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario<P, A> {
    /// The PBX.
    pub profile: P,
    /// What happens, by time.
    pub moments: Vec<Moment<A>>,
}

/// Something that happens at a certain time.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment<A> {
    /// Seconds of the PBX after the start.
    pub at: f64,
    /// What.
    pub act: A,
}

/// What kind of PBX is simulated, as a scenario may say: every field has a default.
pub trait Setting: Default + Serialize + DeserializeOwned {
    /// The same without traffic of its own: nothing happens but what a scenario asks for.
    #[must_use]
    fn calm(self) -> Self;

    /// The one whose fields hold where this does not write others.
    ///
    /// # Errors
    /// When it writes one that there is not.
    fn beneath(_written: &Map<String, Value>) -> Result<Self, serde_json::Error> {
        Ok(Self::default())
    }
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

impl<P: Setting, A: DeserializeOwned> Scenario<P, A> {
    /// Reads the lines of a scenario. Empty lines and lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// When a line is wrong.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let mut profile = P::default().calm();
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
                Line::Profile { profile: given } => profile = laid_over(given).map_err(wrong)?,
                Line::Moment { at, act } => {
                    let act = serde_json::from_value(Value::Object(act)).map_err(wrong)?;
                    moments.push(Moment { at, act });
                }
            }
        }
        moments.sort_by(|a, b| a.at.partial_cmp(&b.at).unwrap_or(Ordering::Equal));
        Ok(Self { profile, moments })
    }
}

fn laid_over<P: Setting>(written: Map<String, Value>) -> Result<P, serde_json::Error> {
    let mut whole = serde_json::to_value(P::beneath(&written)?.calm())?;
    if let Value::Object(whole) = &mut whole {
        whole.extend(written);
    }
    serde_json::from_value(whole)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Profile {
        profile: Map<String, Value>,
    },
    Moment {
        at: f64,
        #[serde(flatten)]
        act: Map<String, Value>,
    },
}
