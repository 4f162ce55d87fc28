//! A simulated Telecom X: REST and Socket.IO (of the 4 and of the 3 era) on one port, over a world that is pure and seeded.
//!
//! [`Sim`] puts a [`World`] on the network, adds trouble where a [`Profile`] asks for it, and has levers for tests.

mod account;
mod call;
mod lever;
mod mangle;
mod office;
mod people;
mod plot;
mod profile;
mod scenario;
mod server;
mod stage;
mod subscriber;
mod truth;

pub use account::{Account, Level};
pub use adapter::sim::{Chaos, Listen, ScenarioError};
pub use lever::{Hang, Lever, Refusal};
pub use office::{Office, Order};
pub use plot::Plot;
pub use profile::Profile;
pub use scenario::{Act, Moment, Scenario};
pub use server::{Answer, Asked, Counts, Sim, Told, World};
pub use stage::Stage;
pub use truth::Ending;
