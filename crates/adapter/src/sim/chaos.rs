//! What goes wrong in a simulated PBX, by itself or when a lever is pulled.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What goes wrong by itself. Probabilities are per frame, intervals in real seconds; 0 is never.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chaos {
    /// A frame is sent twice.
    pub duplicate: f64,
    /// A frame is overtaken by the next one about something else.
    pub reorder: f64,
    /// A frame that cannot be read is slipped in.
    pub garbage: f64,
    /// An event nobody knows is slipped in.
    pub unknown_event: f64,
    /// A value nobody knows is added.
    pub unknown_field: f64,
    /// A login is refused.
    pub refuse_login: f64,
    /// All connections are dropped without a close frame, every so often.
    pub drop_every_s: f64,
    /// All connections go silent but stay open, every so often.
    pub half_open_every_s: f64,
    /// The PBX restarts: connections and calls are gone, and for a while nobody answers.
    pub restart_every_s: f64,
    /// How long a restart takes, in real seconds.
    pub restart_takes_s: f64,
    /// Each frame waits this many milliseconds.
    pub slow_ms: u64,
}

/// What can be done to a simulated PBX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lever {
    /// All connections are cut without a close frame.
    Drop,
    /// All connections are closed properly.
    Close,
    /// All connections go silent and stay open.
    HalfOpen,
    /// Connections and calls are gone; new connections are refused for the restart time.
    Restart,
    /// Logins are refused from now on.
    RefuseLogins,
    /// Logins are accepted again.
    AcceptLogins,
}

/// A number of seconds from a file, made safe; none for 0 and less.
#[must_use]
pub fn seconds(secs: f64) -> Option<Duration> {
    (secs > 0.0).then(|| Duration::from_secs_f64(secs.min(86_400.0)))
}
