//! What goes wrong with events on the way out, as this service words it.

use adapter::sim::{self, Rng};
use serde_json::json;

use super::Told;

/// What is sent: an event to whom it concerns, or a bare frame to everybody who is known.
pub(super) type Frame = sim::Frame<Told>;

/// Frames that end no session, and mean nothing.
const GARBAGE: [&str; 12] = [
    "",
    "4",
    r#"49["x"]"#,
    "7foo",
    "hello",
    r#"42["PBX",{"event":"CALL_RI"#,
    r#"42{"a":1}"#,
    "42[]",
    "42[17,{}]",
    "43999999999999[]",
    r#"45999-["x"]"#,
    "41/other",
];

impl sim::Told for Told {
    type Raw = String;

    fn keeps_order_with(&self, other: &Self) -> bool {
        self.kind == other.kind
    }

    fn add_novelty(&mut self) {
        self.body["zzNovelty"] = json!({"since": 22.9});
    }

    fn novelty() -> String {
        r#"42["PBX",{"event":"MOON_PHASE_CHANGED","phase":"waxing"}]"#.to_owned()
    }

    fn garbage(rng: &mut Rng) -> String {
        let garbage = rng.pick(&GARBAGE).copied();
        garbage.unwrap_or_default().to_owned()
    }
}
