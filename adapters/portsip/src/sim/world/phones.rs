//! Phones: they ring, are answered or not, and say what they do.

use model::Timestamp;

use super::World;
use crate::sim::{
    call::{Call, Side, Target},
    voice::TargetEvent,
};

impl World {
    pub(super) fn ring(&mut self, call: &mut Call, side: &Side) {
        let at = self.wall();
        let destination = side.extension.map_or_else(
            || format!("sip:{}@203.0.113.10:5060", side.number),
            |index| self.extensions[index].destination(),
        );
        let index = call.targets.len();
        call.targets.push(Target::new(side, destination, at));
        self.tell_target(call, index, TargetEvent::Add);
        if self.profile.duplicate_target_add {
            self.tell_target(call, index, TargetEvent::Add);
        }
        call.targets[index].ringing = Some(at);
        self.tell_target(call, index, TargetEvent::Ringing);
        call.truth.rings(&side.number, Timestamp::from_millis(at));
        if let Some(extension) = side.extension {
            self.extensions[extension].ringing += 1;
            self.tell_status(extension);
        }
    }

    /// The queue offers the call to who is free. False when nobody is.
    pub(super) fn distribute(&mut self, call: &mut Call) -> bool {
        let Some(queue) = call.queue else {
            return false;
        };
        let free = self.free_agents(queue);
        for extension in &free {
            if let Some(side) = self.side(*extension) {
                self.ring(call, &side);
            }
        }
        !free.is_empty()
    }

    pub(super) fn answer(&mut self, call: &mut Call) {
        let ringing = call.ringing();
        let Some(&index) = self.rng.pick(&ringing) else {
            return;
        };
        let at = self.wall();
        let queued = call.queue.filter(|_| call.talking.is_some());
        self.leave_service(call);
        call.targets[index].answered = Some(at);
        call.talking = Some(index);
        let number = call.targets[index].number.clone();
        call.truth.talks(&number, Timestamp::from_millis(at));
        self.tell_target(call, index, TargetEvent::Answer);
        if let Some(extension) = call.targets[index].extension {
            let answering = &mut self.extensions[extension];
            answering.ringing = answering.ringing.saturating_sub(1);
            answering.calls += 1;
            self.tell_status(extension);
        }
        for loser in ringing {
            if loser != index {
                self.stop_ringing(call, loser, TargetEvent::End);
            }
        }
        if queued.is_some() {
            self.dequeue(call, "agent_answered");
        }
        if let Some(extension) = call.targets[index].extension {
            self.agent_talks(extension, queued, call);
        }
    }

    pub(super) fn stop_ringing(&mut self, call: &mut Call, index: usize, event: TargetEvent) {
        let at = self.wall();
        call.targets[index].ended = Some(at);
        if event == TargetEvent::NoAnswer {
            call.targets[index].status = 408;
        }
        self.tell_target(call, index, event);
        if let Some(extension) = call.targets[index].extension {
            let ringing = &mut self.extensions[extension].ringing;
            *ringing = ringing.saturating_sub(1);
            self.tell_status(extension);
        }
    }

    pub(super) fn fail(&mut self, call: &mut Call, code: u16) {
        if code == 404 {
            return;
        }
        let at = self.wall();
        let side = call.towards.clone();
        let destination = side.extension.map_or_else(
            || format!("sip:{}@203.0.113.10:5060", side.number),
            |index| self.extensions[index].destination(),
        );
        let index = call.targets.len();
        let mut target = Target::new(&side, destination, at);
        target.ended = Some(at);
        target.status = code;
        call.targets.push(target);
        self.tell_target(call, index, TargetEvent::Add);
        self.tell_target(call, index, TargetEvent::Fail);
    }

    pub(super) fn hung_up(&mut self, extension: usize) {
        let calls = &mut self.extensions[extension].calls;
        *calls = calls.saturating_sub(1);
        let silent = *calls == 0;
        self.tell_status(extension);
        if silent {
            self.agent_falls_silent(extension);
        }
    }

    pub(super) fn tell_target(&mut self, call: &Call, index: usize, event: TargetEvent) {
        let told = self.voice().target(call, &call.targets[index], event);
        self.told.extend(told);
    }

    /// Tells what an extension does, when that is something new.
    pub(super) fn tell_status(&mut self, index: usize) {
        let extension = &mut self.extensions[index];
        if extension.told != extension.status() {
            extension.told = extension.status();
            let told = self.voice().extension_call(&self.extensions[index]);
            self.told.extend(told);
        }
    }
}
