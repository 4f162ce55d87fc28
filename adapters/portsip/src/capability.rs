//! What a source can tell, by dialect and topics.

use adapter::{Capabilities, Support};
use model::EventType as E;

use crate::{
    config::Config,
    wire::{Dialect, Topic},
};

/// The event types that a source yields as configured. Without a dialect what v22 can.
#[must_use]
pub fn capabilities(config: &Config, dialect: Option<Dialect>) -> Capabilities {
    use Support::{Inferred, Native};
    let dialect = dialect.or(config.dialect).unwrap_or(Dialect::V22);
    let topics: Vec<Topic> = config
        .known_topics()
        .into_iter()
        .filter(|topic| topic.exists_in(dialect))
        .collect();
    let has = |wanted: &[Topic]| topics.iter().any(|topic| wanted.contains(topic));
    let cdrs = has(&[Topic::Cdrs, Topic::GlobalCdrs]);
    let extensions = has(&[Topic::Extensions, Topic::GlobalExtensions]);
    let queues = has(&[Topic::Queues, Topic::GlobalQueues]);
    // What calls do is told by different topics: of extensions up to v16.1, of records since v16.2.
    let calls = if dialect.tells_calls() {
        extensions || cdrs
    } else {
        cdrs
    };
    let legs = if dialect.tells_calls() {
        extensions
    } else {
        cdrs && dialect.tells_targets()
    };
    let mut all = Capabilities::default();
    if calls {
        all = all
            .with(
                Native,
                &[E::CallStarted, E::CallEnded, E::LegStarted, E::LegEnded],
            )
            .with(Inferred, &[E::CallMissed]);
    }
    if cdrs {
        all = all.with(Native, &[E::CdrCreated, E::CallAmended]);
    }
    let steps = [
        E::CallRinging,
        E::CallAnswered,
        E::LegRinging,
        E::LegAnswered,
        E::LegUpdated,
    ];
    if legs {
        all = all
            .with(Native, &steps)
            .with(Native, &[E::CallRouted, E::CallUpdated]);
    } else if calls && (extensions || queues) {
        all = all.with(Inferred, &steps);
    } else if cdrs {
        // Late, out of the record.
        all = all.with(Native, &steps);
    }
    if calls && queues {
        all = all.with(Inferred, &[E::CallRouted]);
    }
    if dialect.tells_calls() && extensions {
        all = all.with(
            Native,
            &[E::CallHeld, E::CallResumed, E::LegHeld, E::LegResumed],
        );
        all = all.with(Native, &[E::DeviceRegistered, E::DeviceUnregistered]);
        all = all.with(Native, &[E::ExtensionRegistrationChanged]);
    }
    if dialect >= Dialect::V22 && cdrs {
        all = all.with(Inferred, &[E::CallTransferred]);
    }
    if extensions && dialect >= Dialect::V16 {
        all = all.with(Native, &[E::ExtensionPresenceChanged]);
    }
    if extensions && !dialect.tells_calls() {
        all = all.with(
            Native,
            &[
                E::ExtensionCallStateChanged,
                E::ExtensionRegistrationChanged,
                E::ExtensionUpdated,
                E::AgentStateChanged,
                E::AgentJoined,
            ],
        );
    }
    if queues {
        all = all.with(Native, &[E::AgentStateChanged, E::AgentJoined]);
        if dialect >= Dialect::V16 {
            all = all.with(
                Native,
                &[
                    E::AgentLeft,
                    E::AgentUpdated,
                    E::QueueUpdated,
                    E::QueueCallerJoined,
                    E::QueueCallerLeft,
                    E::QueueCallerMoved,
                    E::QueueSlaBreached,
                ],
            );
        }
    }
    if has(&[Topic::ExtensionManagement, Topic::GlobalExtensionManagement]) {
        all = all.with(
            Native,
            &[
                E::ExtensionCreated,
                E::ExtensionUpdated,
                E::ExtensionDeleted,
            ],
        );
    }
    if has(&[Topic::QueueManagement, Topic::GlobalQueueManagement]) {
        all = all.with(Native, &[E::QueueCreated, E::QueueUpdated, E::QueueDeleted]);
    }
    if has(&[Topic::Trunks]) {
        all = all.with(Native, &[E::TrunkConnected, E::TrunkDisconnected]);
    }
    all
}
