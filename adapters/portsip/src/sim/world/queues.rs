//! Queues: who waits, whom the queue offers a caller to, and what agents do.

use std::time::Duration;

use model::Timestamp;

use super::{Act, SLA, World};
use crate::sim::{
    call::Call,
    people::{AgentState, Waiting},
};

impl World {
    pub(super) fn enqueue(&mut self, call: &mut Call) {
        let Some(queue) = call.queue else { return };
        let since = self.wall();
        let waiting = Waiting {
            session: call.session,
            number: call.caller.number.clone(),
            name: call.caller.name.clone(),
            since,
        };
        let number = &self.queues[queue].number;
        call.truth.waits(number, Timestamp::from_millis(since));
        self.queues[queue].waiting.push(waiting);
        self.after(SLA, Act::Breach(call.session));
        let queue = &self.queues[queue];
        if let Some(waiting) = queue.waiting.last() {
            let place = queue.waiting.len();
            let told = self.voice().queue_caller(queue, waiting, place, "enqueue");
            self.told.push(told);
        }
    }

    /// Takes a caller out of its queue, if it is in one.
    pub(super) fn dequeue(&mut self, call: &mut Call, reason: &str) {
        let Some(queue) = call.queue else { return };
        let list = &mut self.queues[queue].waiting;
        let Some(place) = list.iter().position(|w| w.session == call.session) else {
            return;
        };
        let waiting = list.remove(place);
        call.truth
            .waits_no_more(Timestamp::from_millis(self.wall()));
        let queue = &self.queues[queue];
        let told = self
            .voice()
            .queue_caller(queue, &waiting, place + 1, reason);
        self.told.push(told);
    }

    /// Agents of a queue who could take a call now: two at most, in an order that chance decides.
    pub(super) fn free_agents(&mut self, queue: usize) -> Vec<usize> {
        let mut free: Vec<usize> = self.queues[queue]
            .agents
            .iter()
            .filter(|agent| agent.state == AgentState::Ready)
            .map(|agent| agent.extension)
            .filter(|extension| self.extensions[*extension].is_free())
            .collect();
        if !free.is_empty() {
            let first = self.rng.below(free.len());
            free.rotate_left(first);
        }
        free.truncate(2);
        free
    }

    /// Sets the states of somebody who begins to talk. `queue` is where the call came from.
    pub(super) fn agent_talks(&mut self, extension: usize, queue: Option<usize>, call: &Call) {
        let who = (
            call.session,
            call.caller.number.clone(),
            call.caller.name.clone(),
        );
        self.each_agent(extension, |index, agent| {
            let state = if queue == Some(index) {
                agent.call = Some(who.clone());
                AgentState::QueueCall
            } else {
                AgentState::OtherCall
            };
            let busy = agent.state == AgentState::Ready || queue == Some(index);
            busy.then_some(state)
        });
    }

    /// Sets the states of somebody who has hung up.
    pub(super) fn agent_falls_silent(&mut self, extension: usize) {
        let mut wrapping = Vec::new();
        self.each_agent(extension, |index, agent| {
            agent.call = None;
            match agent.state {
                AgentState::QueueCall => {
                    wrapping.push(index);
                    Some(AgentState::WrapUp)
                }
                AgentState::OtherCall => Some(AgentState::Ready),
                AgentState::Ready | AgentState::NotReady | AgentState::WrapUp => None,
            }
        });
        for queue in wrapping {
            let wait = self.rng.secs(&(3.0..8.0));
            self.after(wait, Act::Wrapped(queue, extension));
        }
    }

    pub(super) fn wrapped(&mut self, queue: usize, extension: usize) {
        self.each_agent(extension, |index, agent| {
            let done = index == queue && agent.state == AgentState::WrapUp;
            done.then_some(AgentState::Ready)
        });
    }

    pub(super) fn toggle_ready(&mut self, extension: usize) {
        self.each_agent(extension, |_, agent| match agent.state {
            AgentState::Ready => Some(AgentState::NotReady),
            AgentState::NotReady => Some(AgentState::Ready),
            AgentState::QueueCall | AgentState::OtherCall | AgentState::WrapUp => None,
        });
    }

    pub(super) fn breach(&mut self, session: u64) {
        let waits = |w: &Waiting| w.session == session;
        let Some(queue) = self.queues.iter().position(|q| q.waiting.iter().any(waits)) else {
            return;
        };
        self.queues[queue].breaches += 1;
        let queue = &self.queues[queue];
        if let Some(waiting) = queue.waiting.iter().find(|w| waits(w)) {
            let told = self.voice().sla_breached(queue, waiting);
            self.told.extend(told);
        }
    }

    pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(1500);

    /// Lets `change` decide on a new state in every queue that somebody works for, and tells of it.
    fn each_agent(
        &mut self,
        extension: usize,
        mut change: impl FnMut(usize, &mut crate::sim::people::Agent) -> Option<AgentState>,
    ) {
        let at = self.wall();
        for index in 0..self.queues.len() {
            let agents = &mut self.queues[index].agents;
            let Some(place) = agents.iter().position(|a| a.extension == extension) else {
                continue;
            };
            let agent = &mut agents[place];
            match change(index, agent) {
                Some(state) if state != agent.state => {
                    agent.state = state;
                    agent.since = at;
                }
                _ => continue,
            }
            let queue = &self.queues[index];
            let told = self.voice().agent(queue, &queue.agents[place]);
            self.told.extend(told);
        }
    }
}
