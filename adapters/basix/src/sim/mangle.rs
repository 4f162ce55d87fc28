//! What goes wrong with frames on the way out, as this PBX words it.

use adapter::sim::{self, Rng};
use bytes::Bytes;

use super::row::Told;
use crate::wire::write::{self, Spelling, atom, binary, chars, int, tuple};

/// What is sent: an entity to whom it concerns, or bytes to everybody.
pub(super) type Frame = sim::Frame<Spoken>;

/// What is told, and how.
#[derive(Clone, Debug)]
pub(super) struct Spoken {
    pub(super) told: Told,
    /// With a value that has no name.
    pub(super) extra: bool,
}

impl From<Told> for Spoken {
    fn from(told: Told) -> Self {
        Self { told, extra: false }
    }
}

impl sim::Told for Spoken {
    type Raw = Bytes;

    /// Of one element, or of one leg, none overtakes another.
    fn keeps_order_with(&self, other: &Self) -> bool {
        self.told.element == other.told.element || self.told.key == other.told.key
    }

    fn add_novelty(&mut self) {
        self.extra = true;
    }

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

    fn garbage(rng: &mut Rng) -> Bytes {
        let garbage = rng.pick(&hostile()).cloned();
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
