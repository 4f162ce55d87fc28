//! A simulated PortSIP PBX: people, queues and calls that live in virtual time, told in any dialect over a WebSocket.
//!
//! Its world is pure and seeded; [`Sim`] puts it on the network, adds trouble where a [`Profile`] asks for it, and
//! has levers for tests, and [`Stage`] plays it in virtual time. What really happened to each call is told by both.

mod call;
mod client;
mod mangle;
mod people;
mod plot;
mod profile;
mod scenario;
mod server;
mod stage;
mod subscriber;
mod truth;
mod voice;
mod world;

pub use adapter::sim::{Chaos, Lever, Listen, ScenarioError};
pub use plot::Plot;
pub use profile::Profile;
pub use scenario::{Act, Moment, Scenario};
pub use server::{Counts, Hang, Sim};
pub use stage::Stage;
pub use truth::Ending;
pub use world::Order;
