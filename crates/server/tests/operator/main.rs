//! The commands of an operator, run as processes against simulated PBXs.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod doctor;
mod house;
mod manners;
mod pki;
mod record;
mod sim;
mod stage;
mod terminal;
