//! Agents: extensions in queues.

use model::{
    Agent, AgentState, Change, EntityId, EventType, ExtensionRef, SourceId, Text,
    observation::{AgentPatch, Ref},
};

use super::{State, fields::Fields, keep::Saying, mark::Turn, refs::Found};

impl State {
    /// Folds what a message tells of an agent.
    pub(super) fn agent(
        &mut self,
        turn: &mut Turn<'_>,
        extension: &Ref,
        queue: &Ref,
        patch: &AgentPatch,
    ) {
        let (source, tenant) = (turn.mark.source.clone(), turn.mark.tenant.clone());
        let (Some(extension), Some(queue)) = (
            self.agent_extension(&source, tenant.as_ref(), extension),
            self.queue_at(turn, queue),
        ) else {
            return;
        };
        let id = self.agent_id(&source, &extension, &queue.id);
        self.confirm(turn, &id);
        let known = self.get::<Agent>(&id);
        let first = known.is_none();
        let mut agent = known.map_or_else(
            || Agent {
                id: id.clone(),
                extension: extension.clone(),
                queue: queue.clone(),
                state: AgentState::Unknown,
                reason: None,
                busy_kind: None,
                call: None,
                since: None,
                stats: None,
                version: 0,
            },
            |known| (*known).clone(),
        );
        let from = agent.state;
        let to = patch.state.unwrap_or(from);
        let mut fields = Fields::default();
        if to != from {
            agent.state = to;
            agent.reason = None;
            agent.busy_kind = None;
            agent.since = patch.since.or(Some(turn.mark.when()));
        }
        fields.set("since", &mut agent.since, &patch.since);
        fields.set("reason", &mut agent.reason, &patch.reason);
        fields.set("busy_kind", &mut agent.busy_kind, &patch.busy_kind);
        fields.stats(&mut agent.stats, &patch.stats);
        if let Some(call) = &patch.call {
            let call = call.as_ref().map(|key| turn.mark.source.entity(key));
            if agent.call != call {
                agent.call = call;
                fields.note("call");
            }
        }
        for (name, new) in [
            ("extension", agent.extension != extension),
            ("queue", agent.queue != queue),
        ] {
            if new {
                fields.note(name);
            }
        }
        agent.extension = extension;
        agent.queue = queue;
        if !first && to == from && fields.is_empty() {
            self.seen::<Agent>(turn, &id);
            return;
        }
        let mut change = if first {
            Change::default()
        } else {
            fields.change()
        };
        if to != from && !first {
            change.from = Some(from.as_str().into());
            change.to = Some(to.as_str().into());
        }
        let kind = match (first, to != from) {
            (true, _) if turn.mark.is_snapshot() => EventType::AgentUpdated,
            (true, _) => EventType::AgentJoined,
            (false, true) => EventType::AgentStateChanged,
            (false, false) => EventType::AgentUpdated,
        };
        let tally = self.tallies.entry(agent.queue.id.clone()).or_default();
        if !first {
            tally.agent(from, -1);
        }
        tally.agent(to, 1);
        let data = self.with_queue(&agent.queue.id);
        let saying = Saying {
            change,
            data,
            closes: false,
        };
        self.publish(turn, kind, &id, agent, saying);
    }

    /// An agent is no longer a member of its queue.
    pub(super) fn agent_left(&mut self, turn: &mut Turn<'_>, extension: &Ref, queue: &Ref) {
        let Some(Found::Known(queue, _)) = self.find_queue(turn, queue) else {
            return;
        };
        let (source, tenant) = (turn.mark.source.clone(), turn.mark.tenant.clone());
        let Some(extension) = self.agent_extension(&source, tenant.as_ref(), extension) else {
            return;
        };
        let id = self.agent_id(&source, &extension, &queue);
        self.remove_agent(turn, &id);
    }

    pub(super) fn remove_agent(&mut self, turn: &mut Turn<'_>, id: &EntityId) {
        let Some(agent) = self.get::<Agent>(id) else {
            return;
        };
        if let Some(tally) = self.tallies.get_mut(&agent.queue.id) {
            tally.agent(agent.state, -1);
        }
        let saying = Saying {
            data: self.with_queue(&agent.queue.id),
            closes: true,
            ..Saying::default()
        };
        self.publish(turn, EventType::AgentLeft, id, (*agent).clone(), saying);
    }

    /// The extension that an agent is. To be an agent makes no extension known by itself.
    fn agent_extension(
        &self,
        source: &SourceId,
        tenant: Option<&Text>,
        at: &Ref,
    ) -> Option<ExtensionRef> {
        let told = at.id.as_ref().map(|id| source.entity(id));
        match self.extension_named(source, tenant, at) {
            Some(named) => Some(ExtensionRef {
                id: named.id.or(told),
                ..named
            }),
            None => Some(ExtensionRef {
                id: told,
                number: Text::clone(at.key()?),
            }),
        }
    }

    /// `<source>:<extension>@<queue>`: an agent first met by number keeps it when the extension's id is learnt.
    fn agent_id(&self, source: &SourceId, extension: &ExtensionRef, queue: &EntityId) -> EntityId {
        let of = |extension: &str| EntityId::from_text(&format!("{extension}@{}", queue.key()));
        let by_number = of(source.entity(&extension.number).as_str());
        match &extension.id {
            Some(id) if !self.view.agents.contains_key(&by_number) => of(id.as_str()),
            _ => by_number,
        }
    }
}
