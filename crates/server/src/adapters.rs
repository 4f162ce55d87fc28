//! The adapters there are: the only place in this crate that names a PBX vendor.

mod basix;
mod portsip;
mod simulation;
mod telecomx;

use std::{any::Any, error::Error, future::Future, net::SocketAddr, path::PathBuf, pin::Pin};

use adapter::{Adapter, CommandSpec, recording::Encode};
use clap::ValueEnum;

use crate::config::{Problem, Source};

/// Every adapter. The order is that of messages.
pub const ALL: &[Entry] = &[portsip::ENTRY, basix::ENTRY, telecomx::ENTRY];

/// What the config must know of an adapter.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in `adapter = "…"`.
    pub name: &'static str,
    /// Where its PBX is in the demo: the name of the source there.
    pub place: &'static str,
    /// The URL schemes it speaks, the encrypted one first.
    pub schemes: &'static [&'static str],
    /// A URL to show as an example.
    pub example: &'static str,
    /// Its own keys, beside those common to all sources.
    pub keys: &'static [Key],
    /// The commands that sources of this kind may offer.
    pub commands: fn() -> Vec<CommandSpec>,
    /// Finds broken rules that span several keys, or that only the adapter knows. Does no IO.
    pub check: fn(&Source) -> Vec<Problem>,
    /// Makes the adapter of a source that passed `check`. Does no IO.
    pub build: fn(&Source) -> Box<dyn Adapter>,
    /// The keys of a source, as TOML, for frames of which nothing else is known than whose they are.
    pub bare: &'static str,
    /// Reads frames in the notation for people that cases written by hand are in.
    pub notation: fn() -> Encode,
    /// Starts a simulated PBX of this kind.
    pub simulate: fn(Simulation) -> Starting,
}

/// What a simulated PBX is to do. Its own defaults hold for what is not told.
#[derive(Clone, Debug, Default)]
pub struct Simulation {
    /// Where it listens; a free port of the loopback interface when not told.
    pub listen: Option<SocketAddr>,
    /// The dialect it speaks, in the adapter's words.
    pub dialect: Option<String>,
    /// Calls begun in a second, beside those of the scenario.
    pub rate: Option<f64>,
    /// The same seed tells the same story.
    pub seed: Option<u64>,
    /// What is to happen.
    pub scenario: Option<PathBuf>,
    /// How it misbehaves.
    pub chaos: Vec<Trouble>,
}

/// A way to misbehave, and how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trouble {
    /// The way.
    pub chaos: Chaos,
    /// See [`Chaos::unit`].
    pub strength: f64,
}

/// A way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "each variant is the misbehaviour of that name")]
pub enum Chaos {
    Drop,
    Duplicate,
    Reorder,
    HalfOpen,
    Garbage,
    Slow,
    Restart,
    AuthFailure,
}

impl Chaos {
    /// How much, where nobody says.
    #[must_use]
    pub const fn usual(self) -> f64 {
        match self {
            Self::Drop => 20.0,
            Self::HalfOpen | Self::Restart => 60.0,
            Self::Duplicate | Self::Reorder => 0.1,
            Self::Garbage => 0.02,
            Self::Slow => 50.0,
            Self::AuthFailure => 0.5,
        }
    }

    /// What its strength is.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Drop | Self::HalfOpen | Self::Restart => Unit::Seconds,
            Self::Duplicate | Self::Reorder | Self::Garbage | Self::AuthFailure => {
                Unit::Probability
            }
            Self::Slow => Unit::Milliseconds,
        }
    }
}

/// What the strength of a trouble is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Between one time and the next.
    Seconds,
    /// From 0 to 1: of each frame, or each login.
    Probability,
    /// Which each frame waits.
    Milliseconds,
}

/// A simulated PBX on its way.
pub type Starting = Pin<Box<dyn Future<Output = Result<Simulated, SimulateError>> + Send>>;

/// A simulated PBX. It ends when this is dropped.
pub struct Simulated {
    /// What it is: `a PortSIP PBX (v22) at ws://127.0.0.1:8887/wsi`.
    pub title: String,
    /// The keys of a source that listens to it, as lines of TOML.
    pub source: String,
    /// The PBX's id of its tenant.
    pub tenant: Option<String>,
    /// What it lives by.
    pub alive: Box<dyn Any + Send>,
}

/// Why there is no simulated PBX.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// It cannot listen.
    #[error("cannot start the simulated PBX")]
    Start(#[source] std::io::Error),
    /// What is to happen cannot be read.
    #[error("cannot use the scenario")]
    Scenario(#[source] Box<dyn Error + Send + Sync>),
    /// It does not speak this dialect.
    #[error("no dialect is called `{0}`: {1}")]
    Dialect(String, &'static str),
}

/// A key that an adapter declares.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether it must be given.
    pub required: bool,
    /// What to write, for who left it out or got it wrong.
    pub help: &'static str,
}

/// What the value of an adapter's key is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text that is not empty.
    Text,
    /// A secret: literal, from a variable, or from a file.
    Secret,
    /// A list of texts.
    Texts,
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these words.
    Words(&'static [&'static str]),
}

/// The adapter of a configured source; `None` when it was configured with other adapters than [`ALL`].
#[must_use]
pub fn build(source: &Source) -> Option<Box<dyn Adapter>> {
    Some((find(source.adapter)?.build)(source))
}

/// The adapter of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}

/// A strength as a whole number, as far as it is one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is brought into range first"
)]
fn whole(much: f64) -> u64 {
    much.clamp(0.0, 1e9).round() as u64
}

impl Entry {
    /// What to write for a key.
    #[must_use]
    pub fn advice(&self, key: &str) -> &'static str {
        let known = self.keys.iter().find(|known| known.name == key);
        known.map_or("correct it", |key| key.help)
    }
}
