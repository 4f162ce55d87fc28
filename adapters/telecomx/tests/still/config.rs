//! How to connect to it.

use serde_json::json;
use telecomx::{Config, sim::Sim};

use crate::still::Still;

/// Logs in with the token of a machine that may view, and finds out the rest.
pub(crate) fn config(sim: &Sim<Still>) -> Config {
    serde_json::from_value(json!({
        "url": sim.url(), "token": "viewer-token", "customer": sim.profile().customer,
    }))
    .unwrap_or_else(|error| panic!("{error}"))
}
