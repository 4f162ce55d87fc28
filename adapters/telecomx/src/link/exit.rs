//! Why a session ended, and what the supervisor is to make of it.

use std::time::Duration;

use adapter::{LinkError, LinkErrorKind};

/// The end of a session, or of the attempt to begin one.
#[derive(Debug)]
pub(super) enum Exit {
    /// The socket ended or broke the protocol of WebSockets.
    Transport(LinkError),
    /// The server ended the Engine.IO session.
    EngineClose,
    /// The server put us out of the namespace, which leaves the socket open: it is for us to close.
    NamespaceGone,
    /// The namespace may not be joined.
    Refused(String),
    /// The credentials are refused, or nobody says that they are not.
    AuthFailed(String),
    /// Nothing was heard for so long.
    Liveness(Duration),
    /// The gateway did not take what was told for so long, and the server cannot be kept waiting.
    Overflow(Duration),
    /// The server speaks another Engine.IO.
    UnsupportedVersion(&'static str),
    /// A step did not come to its end in time.
    Slow(&'static str, Duration),
    /// We were told to stop.
    Shutdown,
}

impl Exit {
    /// In a word, for counters.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Transport(_) => "transport",
            Self::EngineClose => "engine_close",
            Self::NamespaceGone => "namespace_gone",
            Self::Refused(_) => "refused",
            Self::AuthFailed(_) => "auth_failed",
            Self::Liveness(_) => "liveness",
            Self::Overflow(_) => "overflow",
            Self::UnsupportedVersion(_) => "unsupported_version",
            Self::Slow(..) => "slow",
            Self::Shutdown => "shutdown",
        }
    }

    /// The error in the classes of the supervisor. The name says where: `wss://host:443`.
    pub(super) fn error(self, name: &str) -> LinkError {
        let (kind, doing, cause) = match self {
            Self::Transport(error) => return error,
            Self::EngineClose => (
                LinkErrorKind::Transient,
                format!("stay connected to {name}"),
                "the server ended the session".to_owned(),
            ),
            Self::NamespaceGone => (
                LinkErrorKind::Transient,
                format!("stay connected to {name}"),
                "the server disconnected the client and left the socket open".to_owned(),
            ),
            Self::Refused(said) => (
                LinkErrorKind::AuthRejected,
                format!("join the namespace at {name}"),
                format!("the server says: {said}"),
            ),
            Self::AuthFailed(said) => (
                LinkErrorKind::AuthRejected,
                format!("authenticate at {name}"),
                said,
            ),
            Self::Liveness(silent) => (
                LinkErrorKind::Transient,
                format!("hear from {name}"),
                format!("no heartbeat in {} s", silent.as_secs_f32()),
            ),
            Self::Overflow(behind) => (
                LinkErrorKind::Transient,
                format!("keep up with {name}"),
                format!(
                    "the gateway was behind for {} s, and what it missed comes with the next snapshot",
                    behind.as_secs_f32()
                ),
            ),
            Self::UnsupportedVersion(said) => (
                LinkErrorKind::Protocol,
                format!("begin a session at {name}"),
                said.to_owned(),
            ),
            Self::Slow(step, limit) => (
                LinkErrorKind::Unreachable,
                format!("{step} at {name}"),
                format!("no answer within {} s", limit.as_secs_f32()),
            ),
            Self::Shutdown => (
                LinkErrorKind::Transient,
                format!("stay connected to {name}"),
                "we were told to stop".to_owned(),
            ),
        };
        LinkError::new(kind, doing, cause)
    }
}

impl From<LinkError> for Exit {
    fn from(error: LinkError) -> Self {
        Self::Transport(error)
    }
}
