//! Extensions: their state, and what it says about calls.

use model::{
    Basis, ExtensionCallState, Fact, Presence, Text,
    observation::{AgentPatch, ExtensionPatch, Ref},
};

use super::{
    Translator,
    read::{self, Address},
    tell::{self, Telling},
    words,
};
use crate::wire::{ExtensionAgent, ExtensionState, QueueMember, Scalar};

impl Translator {
    /// `extension_status`: state and registration of several extensions.
    pub(super) fn extension_status(&mut self, tell: &mut Telling, states: &[ExtensionState<'_>]) {
        self.sync.begin_extensions(tell);
        for state in states {
            let time = read::time(&state.time).or(tell.time);
            let Some((number, at, patch)) = self.extension(tell, state) else {
                continue;
            };
            let fact = Fact::Extension {
                at,
                action: None,
                patch: Box::new(patch),
            };
            tell.say(Basis::Native, "extension_status", time, fact);
            self.sync.extension_came(&number);
        }
        self.sync.end_extensions(tell);
    }

    /// `extension_presence`.
    pub(super) fn extension_presence(&mut self, tell: &mut Telling, state: &ExtensionState<'_>) {
        if let Some((_, at, patch)) = self.extension(tell, state) {
            let fact = Fact::Extension {
                at,
                action: None,
                patch: Box::new(patch),
            };
            tell.native("extension_presence", fact);
        }
    }

    /// `extension_call`: the state of an extension, without a word on which call it is about.
    pub(super) fn extension_call(&mut self, tell: &mut Telling, state: &ExtensionState<'_>) {
        tell.time = tell.time.or(read::time(&state.time));
        let Some((number, at, patch)) = self.extension(tell, state) else {
            return;
        };
        let Some(call_state) = patch.call_state else {
            if state.call_status.is_none() {
                tell.missing("call_status");
            }
            return;
        };
        let fact = Fact::Extension {
            at,
            action: None,
            patch: Box::new(patch),
        };
        tell.native("extension_call", fact);
        match call_state {
            ExtensionCallState::Ringing => self.rings(tell, &number),
            ExtensionCallState::Busy => self.picks_up(tell, &number),
            ExtensionCallState::Idle => self.idles(tell, &number),
            ExtensionCallState::Unknown => {}
        }
    }

    /// `extension_agent_status`: an agent's state in some of its queues.
    pub(super) fn extension_agent(&mut self, tell: &mut Telling, agent: &ExtensionAgent<'_>) {
        let Some(number) = user(&agent.extension) else {
            return tell.missing("extension");
        };
        let id = read::id(&agent.extension_id);
        let tenant = tell.tenant.clone();
        let extension = self.directory.note_extension(tenant.as_ref(), &number, id);
        for state in &agent.states {
            self.member(tell, &extension, state, "extension_agent_status");
        }
    }

    /// `queue_member_state`: the same before v16.1, one queue at a time.
    pub(super) fn queue_member(&mut self, tell: &mut Telling, member: &QueueMember<'_>) {
        let Some(number) = user(&member.extension) else {
            return tell.missing("extension");
        };
        let id = read::id(&member.extension_id);
        let tenant = tell.tenant.clone();
        let extension = self.directory.note_extension(tenant.as_ref(), &number, id);
        self.member(tell, &extension, member, "queue_member_state");
    }

    fn member(
        &mut self,
        tell: &mut Telling,
        extension: &Ref,
        member: &QueueMember<'_>,
        rule: &'static str,
    ) {
        let number = read::text(&member.queue_number);
        let id = read::id(&member.queue_id);
        if number.is_none() && id.is_none() {
            return tell.missing("queue_number");
        }
        let Some(word) = read::text(&member.state) else {
            return tell.missing("status");
        };
        let Some(state) = words::agent(word) else {
            return tell.strange("status", word);
        };
        if let Some(number) = &extension.number {
            self.directory.note_agent(number);
        }
        let tenant = tell.tenant.clone();
        let fact = Fact::Agent {
            extension: extension.clone(),
            queue: self.directory.note_queue(tenant.as_ref(), number, id),
            patch: Box::new(AgentPatch {
                state: Some(state.state),
                reason: state.reason.map(Into::into),
                busy_kind: state.busy,
                call: state.busy.is_none().then_some(None),
                since: tell.time,
                ..AgentPatch::default()
            }),
        };
        tell.native(rule, fact);
    }

    /// An extension and what is told of it.
    fn extension(
        &mut self,
        tell: &mut Telling,
        state: &ExtensionState<'_>,
    ) -> Option<(Text, Ref, ExtensionPatch)> {
        let Some(number) = user(&state.extension) else {
            tell.missing("extension");
            return None;
        };
        let call_state = words::call_state(state.call_status.as_deref(), state.on_call.as_deref());
        if let (None, Some(word)) = (call_state, &state.call_status) {
            tell.strange("call_status", word);
        }
        let tenant = tell.tenant.clone();
        let id = read::id(&state.extension_id);
        let at = self.directory.note_extension(tenant.as_ref(), &number, id);
        let truth = |told: &Scalar<'_>| told.as_deref().and_then(words::truth);
        let patch = ExtensionPatch {
            uri: read::text(&state.extension)
                .filter(|uri| uri.contains('@'))
                .map(Into::into),
            call_state,
            online: truth(&state.online),
            push_online: truth(&state.push_online),
            presence: presence(state),
            native: tell::native(&[("extension_id", id), ("tenant_id", tenant.as_deref())]),
            ..ExtensionPatch::default()
        };
        Some((number, at, patch))
    }
}

/// v22 has a word and a note; before, the note was the word.
fn presence(state: &ExtensionState<'_>) -> Option<Presence> {
    let note = read::text(&state.presence_note);
    let word = read::text(&state.presence).or(note)?;
    Some(Presence {
        status: words::presence(word),
        note: note
            .filter(|_| read::text(&state.presence).is_some())
            .map(Into::into),
        until: None,
        native: Some(word.into()),
    })
}

/// The number in `sip:101@test.io`, or a bare one.
pub(super) fn user(told: &Scalar<'_>) -> Option<Text> {
    let user = Address::read(read::text(told)?).user;
    (!user.is_empty()).then(|| user.into())
}
