//! What goes wrong with messages on the way out, as this PBX words it.

use adapter::sim::{self, Rng, Told};
use serde_json::json;

use super::voice::Emission;

/// What is sent: a message to whom it concerns, or bare text to everybody who is logged in.
pub(super) type Frame = sim::Frame<Emission>;

impl Told for Emission {
    type Raw = String;

    fn keeps_order_with(&self, other: &Self) -> bool {
        self.topic == other.topic
    }

    fn add_novelty(&mut self) {
        self.body.insert("zz_novelty", json!({"since": 22.9}));
    }

    fn novelty() -> String {
        r#"{"event_type":"moon_phase_changed","phase":"waxing"}"#.to_owned()
    }

    fn garbage(rng: &mut Rng) -> String {
        const GARBAGE: [&str; 5] = [
            "",
            "not json",
            r#"{"event_type":"call_start","session_id":"#,
            r#"{"event_type":"queue_status","waiting_list":[]，"agents":[]}"#,
            "[[[[[[[[[[[[[[[[",
        ];
        let garbage = rng.pick(&GARBAGE).copied();
        garbage.unwrap_or_default().to_owned()
    }
}
