//! Facts as such: what they are about, and when.

use model::{Collection, Fact, Observation};

/// Whether an observation's time was the present when it was sent.
pub(super) fn is_live(observation: &Observation) -> bool {
    !matches!(
        observation.fact,
        Fact::Cdr(_) | Fact::SnapshotBegin(_) | Fact::SnapshotEnd(_) | Fact::Source(_)
    )
}

/// The kind of entity a fact is about.
pub(super) fn collection_of(fact: &Fact) -> Option<Collection> {
    Some(match fact {
        Fact::Call { .. }
        | Fact::Leg(_)
        | Fact::LegMoved { .. }
        | Fact::Transferred { .. }
        | Fact::Parked { .. }
        | Fact::CallEnded { .. } => Collection::Calls,
        Fact::Cdr(_) => Collection::Cdrs,
        Fact::Extension { .. } => Collection::Extensions,
        Fact::User { .. } => Collection::Users,
        Fact::Device { .. } => Collection::Devices,
        Fact::Agent { .. } | Fact::AgentLeft { .. } => Collection::Agents,
        Fact::Queue { .. } | Fact::SlaBreached { .. } => Collection::Queues,
        Fact::Caller(_) | Fact::CallerLeft { .. } => Collection::Callers,
        Fact::Trunk { .. } => Collection::Trunks,
        Fact::Participant { .. } => Collection::Participants,
        Fact::Recording { .. } => Collection::Recordings,
        Fact::Voicemail { .. } => Collection::Voicemails,
        Fact::Directory(_)
        | Fact::Variable(_)
        | Fact::Alert(..)
        | Fact::Message(_)
        | Fact::Request(_)
        | Fact::Reply(_)
        | Fact::Command { .. }
        | Fact::SnapshotBegin(_)
        | Fact::SnapshotEnd(_)
        | Fact::Source(_)
        | Fact::Unrecognized { .. } => return None,
    })
}
