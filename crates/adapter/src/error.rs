//! Why a link ended, in the classes that decide what happens next.

use std::{error::Error, fmt};

/// What the supervisor does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkErrorKind {
    /// The PBX refuses the credentials: retry slowly, 60 s to 10 min.
    AuthRejected,
    /// The PBX refuses further connections: retry slowly, 60 s to 10 min.
    LimitReached,
    /// Another client took our place: wait 5 min, never fight.
    Replaced,
    /// No connection could be made (DNS, TCP, TLS, HTTP): retry with backoff.
    Unreachable,
    /// The PBX broke the protocol, or sent a frame above the limit: retry with backoff.
    Protocol,
    /// The connection was lost: retry with backoff.
    Transient,
}

/// Why a link could not be made, or ended.
#[derive(Debug)]
pub struct LinkError {
    /// The class.
    pub kind: LinkErrorKind,
    /// What was tried, and on what: `log in to wss://pbx:8887/wsi as supervisor`. Never a secret.
    pub doing: String,
    /// Why it failed.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl LinkError {
    /// An error with a cause.
    pub fn new(
        kind: LinkErrorKind,
        doing: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            doing: doing.into(),
            source: Some(source.into()),
        }
    }

    /// The message with its whole chain of causes, for people.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.doing)
    }
}

impl Error for LinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
