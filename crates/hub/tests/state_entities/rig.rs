//! Facts about everything but calls.

use model::{
    AgentState, Collection, ExtensionCallState, Fact, Observation,
    observation::{AgentPatch, CallerFact, ExtensionPatch, Ref, Scope, SourceFact},
    source::Action,
};

use crate::state_bench::{at, party};

pub(crate) fn extension(at: Ref, patch: ExtensionPatch) -> Observation {
    let fact = Fact::Extension {
        at,
        action: None,
        patch: Box::new(patch),
    };
    Observation::native("extension", fact).of(Some("t1".into()))
}

pub(crate) fn managed(at: Ref, action: Action) -> Observation {
    let fact = Fact::Extension {
        at,
        action: Some(action),
        patch: Box::default(),
    };
    Observation::native("extension", fact).of(Some("t1".into()))
}

pub(crate) fn is(state: ExtensionCallState) -> ExtensionPatch {
    ExtensionPatch {
        call_state: Some(state),
        ..ExtensionPatch::default()
    }
}

pub(crate) fn agent(number: &str, queue: &str, state: AgentState) -> Observation {
    let patch = AgentPatch {
        state: Some(state),
        ..AgentPatch::default()
    };
    let fact = Fact::Agent {
        extension: Ref::number(number),
        queue: Ref::number(queue),
        patch: Box::new(patch),
    };
    Observation::native("agent", fact)
}

pub(crate) fn caller(queue: &str, key: &str, position: u32) -> Observation {
    let fact = CallerFact {
        queue: Ref::number(queue),
        key: key.into(),
        call: None,
        party: party("4420"),
        position: Some(position),
        state: model::CallerState::Waiting,
        entered_at: at(1),
    };
    Observation::native("caller", Fact::Caller(Box::new(fact)))
}

pub(crate) fn source(fact: SourceFact) -> Observation {
    Observation::native("link", Fact::Source(fact))
}

pub(crate) fn begin(scope: &Scope) -> Observation {
    Observation::native("snapshot", Fact::SnapshotBegin(scope.clone()))
}

pub(crate) fn finish(scope: &Scope) -> Observation {
    Observation::native("snapshot", Fact::SnapshotEnd(scope.clone()))
}

pub(crate) fn complete(collection: Collection) -> Scope {
    Scope {
        collection,
        tenant: None,
        within: None,
        complete: true,
    }
}
