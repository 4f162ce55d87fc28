//! What the simulated PBXs of the adapters have in common: chance, trouble, scenarios, and how one lives on the network.
//!
//! What such a PBX is about, and how it says so, is its adapter's own: it implements [`Living`] with it, and [`Told`] for
//! what it says.

mod chance;
mod chaos;
mod clockwork;
mod door;
mod house;
mod mangle;
mod scenario;

pub use chance::Rng;
pub use chaos::{Chaos, Lever, seconds};
pub use clockwork::{LetterOf, Living, set_going};
pub use door::{Listen, accept, encrypted, play_dead};
pub use house::{Clients, House, Letter};
pub use mangle::{Frame, Mangler, Overtaken, Told};
pub use scenario::{Moment, Scenario, ScenarioError, Setting};
