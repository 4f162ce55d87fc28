//! What can be done to a simulated service.

use adapter::sim;
use serde::{Deserialize, Serialize};

/// Something that goes wrong at once, or from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lever {
    /// All connections are cut without a close frame.
    Drop,
    /// All connections are closed properly.
    Close,
    /// All connections go silent and stay open.
    HalfOpen,
    /// All clients are put out of the namespace (`41`), and their sockets stay open.
    Disconnect,
    /// All clients are told that they may not be in the namespace (`44`), and their sockets stay open.
    Refuse,
    /// All sessions are ended (`1`), and their sockets stay open.
    EngineClose,
    /// The server pings no more, or does not answer pings. All else goes on.
    StopHeartbeat,
    /// Connections and calls are gone; new connections are refused for the restart time.
    Restart,
    /// Credentials are refused from now on.
    RefuseLogins,
    /// Credentials are accepted again.
    AcceptLogins,
    /// What clients say is heard, and from now on not answered.
    Deaf,
}

impl From<sim::Lever> for Lever {
    fn from(lever: sim::Lever) -> Self {
        match lever {
            sim::Lever::Drop => Self::Drop,
            sim::Lever::Close => Self::Close,
            sim::Lever::HalfOpen => Self::HalfOpen,
            sim::Lever::Restart => Self::Restart,
            sim::Lever::RefuseLogins => Self::RefuseLogins,
            sim::Lever::AcceptLogins => Self::AcceptLogins,
        }
    }
}

/// How far a new client gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hang {
    /// As it should.
    #[default]
    Nowhere,
    /// TCP is accepted, then nothing more is said.
    Accepted,
    /// The WebSocket is open, but the handshake does not come.
    Opened,
    /// The handshake has come, but the namespace is never joined.
    Joining,
}

/// How a token is refused on a socket. None of them is documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refusal {
    /// With `unauthorized`, and then the namespace is left.
    #[default]
    Unauthorized,
    /// Not at all: nothing comes.
    Silence,
    /// The namespace is left without a word.
    Disconnect,
    /// The connection is cut.
    Cut,
}
