//! Holds the gateway's account of calls against what really happened.
//!
//! A simulated PBX lives through calls and knows the truth about them. What it says travels as bytes through the real
//! link or straight into the real decoder, then through map and state; [`account`] reads what is published, [`score`]
//! judges each fact. *Unknown* is a fair answer where the PBX is silent; *wrong* and *invented* are not.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test tool fails by panic"
)]

pub mod account;
pub mod basix;
pub mod case;
pub mod chance;
pub mod gateway;
pub mod house;
pub mod judge;
pub mod live;
pub mod play;
pub mod portsip;
pub mod score;
pub mod shrink;
pub mod tape;
pub mod telecomx;
pub mod weather;

pub use house::{House, Opened, houses};
pub use play::{Play, Played};
pub use score::Score;
pub use weather::Weather;
