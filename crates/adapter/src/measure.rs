//! Figures of an adapter's own, beside what the supervisor counts of every source.

use model::Text;

/// A figure, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Its name, with its unit where it has one: `exits`, `heartbeat_age_seconds`.
    pub name: &'static str,
    /// What it is of, where there are several of that name: `liveness`. An adapter keeps them few.
    pub of: Option<Text>,
    /// The figure.
    pub figure: Figure,
}

/// How a figure behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// Since the start of the gateway; it only grows.
    Counter(u64),
    /// It comes and goes.
    Gauge(f64),
}

impl Measure {
    /// Something that is counted.
    #[must_use]
    pub const fn counter(name: &'static str, value: u64) -> Self {
        Self {
            name,
            of: None,
            figure: Figure::Counter(value),
        }
    }

    /// Something that comes and goes.
    #[must_use]
    pub const fn gauge(name: &'static str, value: f64) -> Self {
        Self {
            name,
            of: None,
            figure: Figure::Gauge(value),
        }
    }

    /// The same, set apart from others of its name.
    #[must_use]
    pub fn of(mut self, what: impl Into<Text>) -> Self {
        self.of = Some(what.into());
        self
    }
}
