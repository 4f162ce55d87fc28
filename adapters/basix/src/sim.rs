//! A simulated Basix PBX: people, groups and calls that live in virtual time, told as BERT over a WebSocket.
//!
//! Its world is pure and seeded; [`Sim`] puts it on the network, adds trouble where a [`Profile`] asks for it, and has
//! levers for tests. What really happened to each call is told by [`Sim::truth`].

mod call;
mod client;
mod mangle;
mod notation;
mod people;
mod plot;
mod profile;
mod rng;
mod row;
mod scenario;
mod server;
mod spec;
mod stage;
mod voice;
mod world;

pub use notation::{Notation, NotationError};
pub use plot::Plot;
pub use profile::{Chaos, Profile};
pub use scenario::{Act, Lever, Moment, Scenario, ScenarioError};
pub use server::{Counts, Hang, Listen, Sim};
pub use stage::Stage;
pub use world::Order;
