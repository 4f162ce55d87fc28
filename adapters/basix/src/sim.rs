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
mod row;
mod scenario;
mod server;
mod spec;
mod stage;
mod voice;
mod world;

pub use adapter::sim::{Chaos, Lever, Listen, ScenarioError};
pub use notation::{Notation, NotationError};
pub use plot::Plot;
pub use profile::Profile;
pub use scenario::{Act, Moment, Scenario};
pub use server::{Counts, Hang, Sim};
pub use stage::Stage;
pub use world::Order;
