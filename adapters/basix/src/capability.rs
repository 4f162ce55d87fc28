//! What a Basix source can tell: there is one dialect, and it tells of everything that it knows.

use adapter::{Capabilities, Support};
use model::{Collection, EventType as E};

/// The collections that the lists after connecting set right: all that there is.
#[must_use]
pub fn reconciles() -> Vec<Collection> {
    vec![
        Collection::Calls,
        Collection::Extensions,
        Collection::Users,
        Collection::Queues,
        Collection::Agents,
        Collection::Callers,
        Collection::Devices,
    ]
}

/// The event types that a source yields.
#[must_use]
pub fn capabilities() -> Capabilities {
    Capabilities::default()
        .with(
            Support::Native,
            &[
                E::CallStarted,
                E::CallRouted,
                E::CallRinging,
                E::CallAnswered,
                E::CallParked,
                E::CallUnparked,
                E::CallUpdated,
                E::CallEnded,
                E::LegStarted,
                E::LegRinging,
                E::LegAnswered,
                E::LegUpdated,
                E::LegEnded,
                E::ExtensionDndChanged,
                E::ExtensionCreated,
                E::ExtensionUpdated,
                E::ExtensionDeleted,
                E::UserCreated,
                E::UserUpdated,
                E::UserDeleted,
                E::DeviceRegistered,
                E::DeviceUnregistered,
                E::AgentStateChanged,
                E::AgentJoined,
                E::AgentLeft,
                E::AgentUpdated,
                E::QueueCreated,
                E::QueueUpdated,
                E::QueueDeleted,
                E::QueueCallerJoined,
                E::QueueCallerLeft,
                E::ConferenceParticipantJoined,
                E::ConferenceParticipantLeft,
                E::DirectoryChanged,
                E::MessageReceived,
            ],
        )
        .with(
            Support::Inferred,
            &[
                E::CallTransferred,
                E::CallMissed,
                E::CallAmended,
                E::ExtensionCallStateChanged,
            ],
        )
}
