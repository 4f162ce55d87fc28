//! Chaos on the way out: frames doubled, overtaken, or joined by things nobody knows.

use serde_json::json;

use super::{profile::Chaos, rng::Rng, voice::Emission};

/// What is sent: a message to whom it concerns, or bare text to everybody who is logged in.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    Event(Emission),
    Raw(String),
}

/// Applies the troubles of a profile.
#[derive(Debug)]
pub(super) struct Mangler {
    chaos: Chaos,
    rng: Rng,
    /// A message that waits to be overtaken by one of another topic.
    held: Option<Emission>,
}

impl Mangler {
    pub(super) fn new(chaos: Chaos, seed: u64) -> Self {
        Self {
            chaos,
            rng: Rng::new(seed ^ 0xC4A0_5C4A_05C4_A05C),
            held: None,
        }
    }

    pub(super) fn mangle(&mut self, emissions: Vec<Emission>) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(emissions.len());
        for mut emission in emissions {
            if self.rng.chance(self.chaos.garbage) {
                frames.push(Frame::Raw(self.garbage()));
            }
            if self.rng.chance(self.chaos.unknown_event) {
                frames.push(Frame::Raw(
                    r#"{"event_type":"moon_phase_changed","phase":"waxing"}"#.to_owned(),
                ));
            }
            if self.rng.chance(self.chaos.unknown_field) {
                emission.body.insert("zz_novelty", json!({"since": 22.9}));
            }
            if let Some(held) = self.held.take() {
                if held.topic == emission.topic {
                    frames.push(Frame::Event(held));
                } else {
                    frames.push(Frame::Event(emission));
                    frames.push(Frame::Event(held));
                    continue;
                }
            }
            if self.rng.chance(self.chaos.duplicate) {
                frames.push(Frame::Event(emission.clone()));
            }
            if self.rng.chance(self.chaos.reorder) {
                self.held = Some(emission);
            } else {
                frames.push(Frame::Event(emission));
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
        const GARBAGE: [&str; 5] = [
            "",
            "not json",
            r#"{"event_type":"call_start","session_id":"#,
            r#"{"event_type":"queue_status","waiting_list":[]，"agents":[]}"#,
            "[[[[[[[[[[[[[[[[",
        ];
        let garbage = self.rng.pick(&GARBAGE).copied();
        garbage.unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::voice::{Body, Topic};

    #[test]
    fn only_another_topic_overtakes() {
        let chaos = Chaos {
            reorder: 0.4,
            duplicate: 0.1,
            ..Chaos::default()
        };
        let mut mangler = Mangler::new(chaos, 3);
        let mut heard: Vec<(Topic, u64)> = Vec::new();
        for n in 0..2000_u64 {
            let topic = if n % 3 == 0 { Topic::Queue } else { Topic::Cdr };
            let body = Body::from([("n", json!(n))]);
            let emission = Emission {
                topic,
                about: Vec::new(),
                body,
            };
            for frame in mangler.mangle(vec![emission]) {
                if let Frame::Event(event) = frame {
                    heard.push((event.topic, event.body["n"].as_u64().unwrap()));
                }
            }
        }
        assert!(
            !heard.is_sorted_by_key(|(_, n)| *n),
            "nothing was overtaken"
        );
        assert!(heard.len() > 2100, "nothing was doubled");
        for topic in [Topic::Queue, Topic::Cdr] {
            let of_topic: Vec<u64> = heard
                .iter()
                .filter(|(t, _)| *t == topic)
                .map(|(_, n)| *n)
                .collect();
            assert!(of_topic.is_sorted(), "{topic:?}");
        }
    }
}
