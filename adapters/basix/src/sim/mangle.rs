//! Chaos on the way out: frames doubled, overtaken, or joined by things nobody knows.

use bytes::Bytes;

use super::{profile::Chaos, rng::Rng, row::Told};
use crate::wire::write::{self, Spelling, atom, binary, chars, int, tuple};

/// What is sent: an entity to whom it concerns, or bytes to everybody.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    /// With a value that has no name, or without.
    Event(Told, bool),
    Raw(Bytes),
}

/// Applies the troubles of a profile.
#[derive(Debug)]
pub(super) struct Mangler {
    chaos: Chaos,
    rng: Rng,
    /// A message that waits to be overtaken by one about something else.
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
        for told in told {
            if self.rng.chance(self.chaos.garbage) {
                frames.push(Frame::Raw(self.garbage()));
            }
            if self.rng.chance(self.chaos.unknown_event) {
                frames.push(Frame::Raw(novelty()));
            }
            let extra = self.rng.chance(self.chaos.unknown_field);
            if let Some(held) = self.held.take() {
                // Of one element, or of one leg, none overtakes another.
                if held.element == told.element || held.key == told.key {
                    frames.push(Frame::Event(held, false));
                } else {
                    frames.push(Frame::Event(told, extra));
                    frames.push(Frame::Event(held, false));
                    continue;
                }
            }
            if self.rng.chance(self.chaos.duplicate) {
                frames.push(Frame::Event(told.clone(), extra));
            }
            if self.rng.chance(self.chaos.reorder) {
                self.held = Some(told);
            } else {
                frames.push(Frame::Event(told, extra));
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
        held.map(|held| Frame::Event(held, false)).collect()
    }

    /// Whether a login is refused for no reason.
    pub(super) fn refuses_login(&mut self) -> bool {
        self.rng.chance(self.chaos.refuse_login)
    }

    fn garbage(&mut self) -> Bytes {
        let garbage = self.rng.pick(&hostile()).cloned();
        garbage.unwrap_or_default()
    }
}

/// Frames that end badly for those who trust them: the dossier's corpus.
pub(super) fn hostile() -> Vec<Bytes> {
    const HEX: [&str; 14] = [
        "",
        "83",
        "826101",
        "834400",
        "8368015200",
        "836cffffffff6101",
        "8369ffffffff6101",
        "836fffffffff00ff",
        "836dffffffff616263",
        "836bffff6162",
        "836101dead",
        "836101836102",
        "836e010205",
        "8350000f4240789c",
    ];
    let mut all: Vec<Bytes> = HEX
        .iter()
        .filter_map(|hex| unhex(hex))
        .map(Bytes::from)
        .collect();
    all.push(
        [vec![0x83], [0x68, 0x01].repeat(1600), vec![0x6a]]
            .concat()
            .into(),
    );
    all.push(
        [vec![0x83], [0x6c, 0x04, 0, 0, 0].repeat(20)]
            .concat()
            .into(),
    );
    all.push(Bytes::from_static(b"{\"cmd\":\"x\"}"));
    all
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// A message that nobody knows.
fn novelty() -> Bytes {
    let message = tuple([
        atom("moon_phase"),
        chars("moon"),
        tuple([int(22), binary("waxing")]),
    ]);
    write::write(&message, Spelling::default())
        .unwrap_or_default()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_element_overtakes() {
        let chaos = Chaos {
            reorder: 0.4,
            duplicate: 0.1,
            ..Chaos::default()
        };
        let mut mangler = Mangler::new(chaos, 3);
        let mut heard: Vec<(&str, u64)> = Vec::new();
        for n in 0..2000_u64 {
            let told = Told {
                element: if n % 3 == 0 { "user" } else { "channel" },
                change: "updated",
                row: Vec::new(),
                key: n.to_string(),
                user: None,
            };
            for frame in mangler.mangle(vec![told]) {
                if let Frame::Event(told, _) = frame {
                    heard.push((told.element, told.key.parse().unwrap()));
                }
            }
        }
        assert!(
            !heard.is_sorted_by_key(|(_, n)| *n),
            "nothing was overtaken"
        );
        assert!(heard.len() > 2100, "nothing was doubled");
        for element in ["user", "channel"] {
            let of_element = heard.iter().filter(|(e, _)| *e == element);
            let numbers: Vec<u64> = of_element.map(|(_, n)| *n).collect();
            assert!(numbers.is_sorted(), "{element}");
        }
    }
}
