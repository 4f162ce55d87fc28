//! Queues: callers come, members are rung, callers go.

use model::Timestamp;

use super::Office;
use crate::sim::{call::Call, people::Waiting};

impl Office {
    pub(super) fn enqueue(&mut self, call: &mut Call) {
        let Some(index) = call.queue else {
            return;
        };
        let at = self.wall();
        let queue = &mut self.queues[index];
        let waiting = Waiting {
            session: call.session.clone(),
            channel: call.legs[0].channel.clone(),
            number: call.caller.number.clone(),
            name: call.caller.name.clone(),
            entered: at,
        };
        queue.waiting.push(waiting.clone());
        let position = queue.waiting.len();
        call.truth.waits(&queue.number, Timestamp::from_millis(at));
        self.tell_waiting(index, &waiting, "QUEUE_ENTERED", "QUEUED", position, None);
    }

    /// The queue offers the call to who is free. False when nobody is.
    pub(super) fn distribute(&mut self, call: &mut Call) -> bool {
        let Some(queue) = call.queue else {
            return false;
        };
        let free: Vec<usize> = self.queues[queue]
            .members
            .iter()
            .map(|member| member.extension)
            .filter(|extension| self.extensions[*extension].is_free())
            .take(3)
            .collect();
        for extension in &free {
            if let Some(side) = self.side(*extension) {
                self.ring(call, side, Some(queue));
            }
        }
        !free.is_empty()
    }

    /// The caller waits no more.
    pub(super) fn dequeue(&mut self, call: &mut Call, state: &'static str, by: Option<usize>) {
        let Some(index) = call.queue else {
            return;
        };
        let queue = &mut self.queues[index];
        let Some(at) = queue
            .waiting
            .iter()
            .position(|waiting| waiting.session == call.session)
        else {
            return;
        };
        let waiting = queue.waiting.remove(at);
        let now = self.wall();
        call.truth.waits_no_more(Timestamp::from_millis(now));
        let answerer = by.and_then(|leg| call.legs[leg].side.extension);
        self.tell_waiting(index, &waiting, "QUEUE_LEFT", state, at + 1, answerer);
    }

    /// A member has served a caller: its counters say so.
    pub(super) fn tell_member_served(&mut self, call: &Call, queue: usize) {
        let Some(talk) = call.truth.talked.first() else {
            return;
        };
        let number = &talk.number;
        let Some(extension) = self.extensions.iter().position(|e| e.number == *number) else {
            return;
        };
        let now = self.wall();
        let talked = talk
            .to
            .map_or(0, |to| (to.millis() - talk.from.millis()) / 1000);
        let members = &mut self.queues[queue].members;
        let Some(at) = members.iter().position(|m| m.extension == extension) else {
            return;
        };
        let member = &mut members[at];
        member.calls += 1;
        member.talked_s += talked;
        member.last_call_ended = Some(now);
        self.tell_member(queue, at, "QUEUE_MEMBER_UPDATE");
    }
}
