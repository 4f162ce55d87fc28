//! Chaos on the way out: events doubled, overtaken, or joined by things nobody knows.

use serde_json::json;

use super::{profile::Chaos, rng::Rng, server::Told};

/// What is sent: an event to whom it concerns, or a bare frame to everybody who is known.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    Event(Told),
    Raw(String),
}

/// Applies the troubles of a profile.
#[derive(Debug)]
pub(super) struct Mangler {
    chaos: Chaos,
    rng: Rng,
    /// An event that waits to be overtaken by one of another type.
    held: Option<Told>,
}

impl Mangler {
    pub(super) fn new(chaos: Chaos, seed: u64) -> Self {
        Self {
            chaos,
            rng: Rng::new(seed ^ 0xC4A0_5C4A_05C4_A05C),
            held: None,
        }
    }

    pub(super) fn mangle(&mut self, told: Vec<Told>) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(told.len());
        for mut event in told {
            if self.rng.chance(self.chaos.garbage) {
                frames.push(Frame::Raw(self.garbage()));
            }
            if self.rng.chance(self.chaos.unknown_event) {
                let unknown = r#"42["PBX",{"event":"MOON_PHASE_CHANGED","phase":"waxing"}]"#;
                frames.push(Frame::Raw(unknown.to_owned()));
            }
            if self.rng.chance(self.chaos.unknown_field) {
                event.body["zzNovelty"] = json!({"since": 22.9});
            }
            if let Some(held) = self.held.take() {
                if held.kind == event.kind {
                    frames.push(Frame::Event(held));
                } else {
                    frames.push(Frame::Event(event));
                    frames.push(Frame::Event(held));
                    continue;
                }
            }
            if self.rng.chance(self.chaos.duplicate) {
                frames.push(Frame::Event(event.clone()));
            }
            if self.rng.chance(self.chaos.reorder) {
                self.held = Some(event);
            } else {
                frames.push(Frame::Event(event));
            }
        }
        frames
    }

    /// A connection is lost, and what waits with it.
    pub(super) fn drop_held(&mut self) {
        self.held = None;
    }

    /// Whether a frame waits to be overtaken.
    pub(super) fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// Lets the frame go that waits to be overtaken: nothing comes that could.
    pub(super) fn release(&mut self) -> Vec<Frame> {
        let held = self.held.take().into_iter();
        held.map(Frame::Event).collect()
    }

    /// Whether a login is refused for no reason.
    pub(super) fn refuses_login(&mut self) -> bool {
        self.rng.chance(self.chaos.refuse_login)
    }

    fn garbage(&mut self) -> String {
        let garbage = self.rng.pick(&GARBAGE).copied();
        garbage.unwrap_or_default().to_owned()
    }
}

/// Frames that end no session, and mean nothing.
pub(super) const GARBAGE: [&str; 12] = [
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_type_overtakes() {
        let chaos = Chaos {
            reorder: 0.4,
            duplicate: 0.1,
            ..Chaos::default()
        };
        let mut mangler = Mangler::new(chaos, 3);
        let mut heard: Vec<(&str, u64)> = Vec::new();
        for n in 0..2000_u64 {
            let event = Told {
                kind: if n % 3 == 0 { "CALL" } else { "PBX" },
                customer: None,
                event: "X".to_owned(),
                admin: false,
                body: json!({"n": n}),
            };
            for frame in mangler.mangle(vec![event]) {
                if let Frame::Event(event) = frame {
                    heard.push((event.kind, event.body["n"].as_u64().unwrap()));
                }
            }
        }
        assert!(
            !heard.is_sorted_by_key(|(_, n)| *n),
            "nothing was overtaken"
        );
        assert!(heard.len() > 2100, "nothing was doubled");
        for kind in ["CALL", "PBX"] {
            let of_kind: Vec<u64> = heard
                .iter()
                .filter(|(k, _)| *k == kind)
                .map(|(_, n)| *n)
                .collect();
            assert!(of_kind.is_sorted(), "{kind}");
        }
    }
}
