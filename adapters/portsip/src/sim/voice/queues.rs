//! What is said about queues, their agents and who waits.

use serde_json::{Value, json};

use super::{Body, Emission, Topic, Voice};
use crate::{
    sim::people::{Agent, AgentState, Queue, Waiting},
    wire::Dialect,
};

impl Voice<'_> {
    /// What there is to say about an agent whose state changed.
    pub(in crate::sim) fn agent(&self, queue: &Queue, agent: &Agent) -> Vec<Emission> {
        let Some(extension) = self.extensions.get(agent.extension) else {
            return Vec::new();
        };
        let mut told = Vec::new();
        if self.profile.dialect == Dialect::V12 {
            if matches!(agent.state, AgentState::Ready | AgentState::NotReady) {
                let mut body = self.body("queue_member_state");
                body.insert("extension", json!(self.sip(&extension.number)));
                body.insert("queue_number", json!(queue.number));
                body.insert("state", json!(agent.state.word()));
                told.push(self.at_queue(queue, body));
            }
            told.push(self.queue_status(queue));
            return told;
        }
        let mut body = self.body("queue_agent_status");
        body.remove("time");
        body.insert("queue_id", self.id(queue.id));
        body.insert("updated_agents", json!([self.agent_entry(agent)]));
        told.push(self.at_queue(queue, body));
        if self.profile.dialect >= Dialect::V16_2 {
            let mut body = self.about_extension("extension_agent_status", extension);
            body.insert(
                "agent_status",
                json!([{"queue_number": queue.number, "status": agent.state.word()}]),
            );
            if self.profile.numeric_agent_id {
                body.insert("extension_id", json!(extension.id));
            }
            told.push(self.at_extension(extension, body));
        }
        told
    }

    pub(in crate::sim) fn queue_status(&self, queue: &Queue) -> Emission {
        let agents: Vec<Value> = queue
            .agents
            .iter()
            .map(|agent| json!(self.agent_entry(agent)))
            .collect();
        let waiting: Vec<Value> = queue
            .waiting
            .iter()
            .enumerate()
            .map(|(index, waiting)| {
                let mut entry = self.waiting_entry(waiting, index + 1);
                entry.insert("caller_name", json!(waiting.name));
                json!(entry)
            })
            .collect();
        let mut body = self.body("queue_status");
        body.remove("time");
        body.insert("agents", json!(agents));
        body.insert("queue_id", self.id(queue.id));
        body.insert("queue_name", json!(queue.name));
        body.insert("queue_number", json!(queue.number));
        body.insert("waiting_list", json!(waiting));
        self.at_queue(queue, body)
    }

    /// A caller came (`enqueue`) or went. `position` is the place it has or had.
    pub(in crate::sim) fn queue_caller(
        &self,
        queue: &Queue,
        caller: &Waiting,
        position: usize,
        reason: &str,
    ) -> Emission {
        if self.profile.dialect == Dialect::V12 {
            return self.queue_status(queue);
        }
        let mut entry = self.waiting_entry(caller, position);
        entry.insert("reason", json!(reason));
        entry.insert("timestamp", self.time(self.at));
        let mut body = self.body("queue_caller_status");
        body.remove("time");
        body.insert("queue_id", self.id(queue.id));
        body.insert("updated_callers", json!([entry]));
        self.at_queue(queue, body)
    }

    pub(in crate::sim) fn sla_breached(&self, queue: &Queue, caller: &Waiting) -> Option<Emission> {
        if self.profile.dialect < Dialect::V16 {
            return None;
        }
        let mut body = self.body("queue_sla_breached");
        body.remove("time");
        body.insert("caller", json!(caller.number));
        body.insert("queue_id", self.id(queue.id));
        body.insert("sla_time_secs", json!(20));
        body.insert("timestamp", self.time(self.at));
        body.insert("total_callers_breached", json!(queue.breaches));
        body.insert("waiting_callers", json!(queue.waiting.len()));
        Some(self.at_queue(queue, body))
    }

    pub(in crate::sim) fn queue_created(&self, queue: &Queue) -> Emission {
        let mut body = self.body("queue_created");
        body.remove("time");
        body.insert("queue_number", json!(queue.number));
        self.on(Topic::QueueManagement, body)
    }

    fn at_queue(&self, queue: &Queue, body: Body) -> Emission {
        Emission {
            topic: Topic::Queue,
            about: vec![queue.number.clone()],
            body,
        }
    }

    fn agent_entry(&self, agent: &Agent) -> Body {
        let number = self.extensions.get(agent.extension).map(|e| &e.number);
        let mut entry = Body::new();
        entry.insert("agent_extension_number", json!(number));
        entry.insert("state", json!(agent.state.word()));
        entry.insert("timestamp", self.time(agent.since));
        let (session, caller, name) = match &agent.call {
            Some((session, number, name)) => (self.id(*session), number.as_str(), name.as_str()),
            None => (json!(""), "", ""),
        };
        entry.insert("session_id", session);
        entry.insert("caller_number", json!(caller));
        entry.insert("caller_name", json!(name));
        entry
    }

    fn waiting_entry(&self, waiting: &Waiting, position: usize) -> Body {
        let mut entry = Body::new();
        entry.insert("caller_number", json!(waiting.number));
        entry.insert("position", json!(position.to_string()));
        entry.insert("session_id", self.id(waiting.session));
        entry.insert("timestamp", self.time(waiting.since));
        entry.insert("type", json!("normal"));
        entry
    }
}

impl AgentState {
    pub(in crate::sim) fn word(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::NotReady => "NOT_READY",
            Self::QueueCall => "QUEUE_CALL",
            Self::OtherCall => "OTHER_CALL",
            Self::WrapUp => "WRAP_UP",
        }
    }
}
