//! What a source can tell, by its channels.

use adapter::{Capabilities, Support};
use model::{Collection, EventType as E};

use crate::config::Config;

/// The event types that a source yields as configured.
#[must_use]
pub fn capabilities(config: &Config) -> Capabilities {
    use Support::{Inferred, Native};
    let hears = Hears::of(config);
    let mut all = Capabilities::default().with(Native, &[E::RequestReceived, E::ReplyReceived]);
    if hears.pbx || hears.call {
        all = all
            .with(
                Native,
                &[
                    E::CallStarted,
                    E::CallAnswered,
                    E::CallUpdated,
                    E::CallEnded,
                    E::LegStarted,
                    E::LegAnswered,
                    E::LegUpdated,
                    E::LegEnded,
                ],
            )
            .with(Inferred, &[E::CallMissed]);
    }
    if hears.call {
        all = all.with(Native, &[E::CallAmended, E::AlertRaised]);
    }
    if hears.pbx {
        all = all
            .with(
                Native,
                &[
                    E::CallRinging,
                    E::CallRouted,
                    E::CallHeld,
                    E::CallResumed,
                    E::LegRinging,
                    E::LegHeld,
                    E::LegResumed,
                    E::ExtensionCallStateChanged,
                    E::UserPresenceChanged,
                    E::AgentJoined,
                    E::AgentLeft,
                    E::QueueCallerJoined,
                    E::QueueCallerLeft,
                    E::QueueUpdated,
                    E::QueueDeleted,
                    E::ConferenceParticipantJoined,
                    E::ConferenceParticipantUpdated,
                    E::ConferenceParticipantLeft,
                    E::RecordingStarted,
                    E::RecordingEnded,
                    E::RecordingUpdated,
                    E::RecordingDeleted,
                    E::VoicemailReceived,
                    E::VoicemailRead,
                    E::VoicemailDeleted,
                    E::VariableChanged,
                    E::DirectoryChanged,
                ],
            )
            .with(
                Inferred,
                &[E::CallTransferred, E::AgentStateChanged, E::AgentUpdated],
            );
    }
    if hears.register {
        all = all.with(
            Native,
            &[
                E::DeviceRegistered,
                E::DeviceUnregistered,
                E::DeviceRegistrationFailed,
            ],
        );
    }
    if hears.config {
        all = all.with(
            Native,
            &[
                E::ExtensionCreated,
                E::ExtensionUpdated,
                E::ExtensionDeleted,
                E::ExtensionDndChanged,
                E::QueueCreated,
                E::QueueUpdated,
                E::QueueDeleted,
                E::UserCreated,
                E::UserUpdated,
                E::UserDeleted,
                E::UserPresenceChanged,
                E::TrunkConnected,
                E::TrunkDisconnected,
                E::DirectoryChanged,
            ],
        );
    }
    if hears.admin {
        all = all.with(Native, &[E::AlertRaised, E::AlertCleared]);
    }
    if hears.realtime {
        all = all.with(Native, &[E::DirectoryChanged]);
    }
    if config.snapshot {
        all = all.with(
            Native,
            &[
                E::ExtensionUpdated,
                E::QueueUpdated,
                E::UserUpdated,
                E::AgentUpdated,
                E::QueueCallerMoved,
            ],
        );
    }
    all
}

/// What the snapshot after a connect sets right.
#[must_use]
pub fn reconciles(config: &Config) -> Vec<Collection> {
    if !config.snapshot {
        return Vec::new();
    }
    vec![
        Collection::Extensions,
        Collection::Users,
        Collection::Queues,
        Collection::Agents,
        Collection::Callers,
        Collection::Participants,
    ]
}

/// What is heard at all.
struct Hears {
    pbx: bool,
    call: bool,
    register: bool,
    config: bool,
    realtime: bool,
    admin: bool,
}

impl Hears {
    fn of(config: &Config) -> Self {
        let channels = config.known_channels();
        let admin = channels.contains(&crate::wire::Channel::Admin);
        // ADMIN with `types` delivers only those.
        let wanted = |name: &str| {
            config.types.is_empty() || config.types.iter().any(|wanted| wanted == name)
        };
        let hears = |name: &str| {
            channels.iter().any(|channel| {
                let filtered = *channel == crate::wire::Channel::Admin && !wanted(name);
                channel.delivers().contains(&name) && !filtered
            })
        };
        Self {
            pbx: hears("PBX"),
            call: hears("CALL"),
            register: hears("REGISTER"),
            config: hears("CONFIG"),
            realtime: hears("REALTIME"),
            admin,
        }
    }
}
