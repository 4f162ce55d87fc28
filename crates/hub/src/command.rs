//! Commands as they are asked for, answered and kept.

use std::{sync::Arc, time::Duration};

use model::{Call, Command, CommandState, EntityId, Native, SourceId, Text};

/// A command that somebody wants to be done.
#[derive(Clone, Debug)]
pub struct Request {
    /// A random id.
    pub id: Text,
    /// Who asks; keys are theirs.
    pub owner: Text,
    /// The tenants that whoever asks is limited to.
    pub tenants: Option<Vec<Text>>,
    /// The source that is to do it.
    pub source: SourceId,
    /// What to do.
    pub kind: Text,
    /// The call to do it to.
    pub target: Option<EntityId>,
    /// Do it only if the call is at this version.
    pub if_version: Option<u64>,
    /// How long the PBX may take.
    pub patience: Duration,
    /// Asks for the same answer again when it was asked before.
    pub key: Option<IdempotencyKey>,
}

/// What a client calls its request, and what the request was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The client's name for it.
    pub key: Text,
    /// A digest of the request.
    pub digest: [u8; 32],
}

/// A command is on its way.
#[derive(Clone, Debug, PartialEq)]
pub enum Accepted {
    /// For the first time: whoever asked has to send it.
    New {
        /// The command.
        command: Arc<Command>,
        /// The call it is about.
        target: Option<Arc<Call>>,
    },
    /// It was accepted under this key before, and must not be sent.
    Known(Arc<Command>),
}

/// Why a command is not accepted. Nothing was logged and nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The source is not connected to its PBX.
    NotConnected,
    /// It is about a tenant that whoever asks may not see.
    Hidden,
    /// The call is over.
    TargetEnded,
    /// The call has moved on.
    Moved {
        /// The version it is at.
        version: u64,
    },
    /// Too many commands of the source have no outcome yet.
    Busy,
    /// The key was used for another request.
    KeyReused,
    /// Whether the key was used before cannot be read.
    Unavailable,
}

/// A command as it is kept beside the log, for those who ask what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRecord {
    /// Who asked for it.
    pub owner: Text,
    /// What they called the request.
    pub key: Option<IdempotencyKey>,
    /// The tenant it is about, canonical.
    pub tenant: Option<Text>,
    /// The command.
    pub command: Command,
}

/// A change of what is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum CommandChange {
    /// A command was accepted.
    New(CommandRecord),
    /// Its outcome is known, or will never be.
    Finished(Command),
}

/// How long commands are kept, and keys with them.
pub const KEPT: Duration = Duration::from_hours(24);

impl CommandRecord {
    /// The command as it was when it was accepted: what was answered then.
    #[must_use]
    pub fn as_accepted(&self) -> Command {
        Command {
            state: CommandState::Accepted,
            reason: None,
            detail: None,
            finished_at: None,
            version: 1,
            native: Native::new(),
            ..self.command.clone()
        }
    }
}
