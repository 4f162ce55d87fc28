//! Durations and sizes as people write them: `300ms`, `45s`, `12h`, `4MiB`.

use std::{fmt, time::Duration};

use serde_json::{Value, json};

use super::reader::{Read, Slot};

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// A duration in the config: a whole number and a unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Period(pub(super) Duration);

const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

const PERIODS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A duration as people write it; none when it is none.
#[must_use]
pub fn period(text: &str) -> Option<Duration> {
    Period::parse(text).map(|period| period.0)
}

/// A size as people write it; none when it is none.
#[must_use]
pub fn size(text: &str) -> Option<Size> {
    Size::parse(text)
}

impl Size {
    /// So many bytes.
    #[must_use]
    pub const fn of(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many KiB (1024 bytes).
    #[must_use]
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }

    /// So many MiB (1024 KiB).
    #[must_use]
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }

    /// So many GiB (1024 MiB).
    #[must_use]
    pub const fn gib(n: u64) -> Self {
        Self(n << 30)
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// In bytes, at most what fits.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        measure(text, &SIZES).map(Self)
    }
}

impl Period {
    pub(super) const fn secs(n: u64) -> Self {
        Self(Duration::from_secs(n))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        measure(text, &PERIODS).map(|millis| Self(Duration::from_millis(millis)))
    }
}

impl Read for Size {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        slot.parsed("a size", "\"4MiB\"", Self::parse)
    }

    fn schema() -> Value {
        json!({"type": "string", "pattern": "^[0-9]+ *([KMGT]i?)?B$"})
    }
}

impl Read for Period {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        slot.parsed("a duration", "\"45s\"", Self::parse)
    }

    fn schema() -> Value {
        json!({"type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)$"})
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, self.0, &SIZES)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        show(f, millis, &PERIODS)
    }
}

fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// In the largest unit that leaves a whole number.
fn show(f: &mut fmt::Formatter<'_>, n: u64, units: &[(&str, u64)]) -> fmt::Result {
    let whole = |(_, factor): &&(&str, u64)| n >= *factor && n.is_multiple_of(*factor);
    match units.iter().find(whole).or(units.last()) {
        Some((unit, factor)) => write!(f, "{}{unit}", n / factor),
        None => write!(f, "{n}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [
            ("4MiB", 4 << 20),
            ("500KB", 500_000),
            ("1 GiB", 1 << 30),
            ("0B", 0),
        ] {
            assert_eq!(Size::parse(text), Some(Size(bytes)), "{text}");
        }
        assert_eq!(Size::of(500_000).to_string(), "500KB");
        assert_eq!(Size::gib(4).to_string(), "4GiB");
        for text in [
            "",
            "4",
            "MiB",
            "-1MiB",
            "1.5GiB",
            "99999999999TiB",
            "4 apples",
            "4mib",
        ] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_read_and_written() {
        for (text, millis) in [
            ("300ms", 300),
            ("45s", 45_000),
            ("2m", 120_000),
            ("12h", 43_200_000),
        ] {
            let period = Period::parse(text).unwrap();
            assert_eq!(period.0, Duration::from_millis(millis));
            assert_eq!(period.to_string(), text);
        }
        for text in ["", "45", "s", "-1s", "1h30m", "99999999999999999d"] {
            assert!(Period::parse(text).is_none(), "{text}");
        }
    }
}
