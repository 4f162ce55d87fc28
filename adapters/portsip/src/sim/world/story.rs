//! How a call goes on: its steps, one after another, until one takes time.

use super::{Act, World};
use crate::{
    sim::{
        call::{Call, Side, Target},
        plot::{Plot, Step},
        truth::Ending,
        voice::TargetEvent,
    },
    wire::Dialect,
};

impl World {
    /// Runs a call's steps until one takes time or ends it.
    pub(super) fn go_on(&mut self, session: u64) {
        // Out of the map while it changes, so that the world around it can change too.
        let Some(mut call) = self.calls.remove(&session) else {
            return;
        };
        while let Some(step) = call.steps.pop_front() {
            if let Step::Wait(range) = step {
                let wait = self.rng.secs(&range);
                self.after(wait, Act::Continue(session));
                break;
            }
            if let Step::Distribute(tries) = step {
                if self.distribute(&mut call) {
                    continue;
                }
                if tries == 0 {
                    self.end(&mut call, Ending::Abandoned);
                } else {
                    call.steps.push_front(Step::Distribute(tries - 1));
                    self.after(Self::LOOK_AGAIN, Act::Continue(session));
                    break;
                }
            } else {
                self.step(&mut call, &step);
            }
            if call.truth.ended_at.is_some() {
                self.remember(call.truth);
                return;
            }
        }
        self.calls.insert(session, call);
    }

    fn step(&mut self, call: &mut Call, step: &Step) {
        match *step {
            // Both take time and are seen to by the caller.
            Step::Wait(_) | Step::Distribute(_) => {}
            Step::Start => self.start(call),
            Step::Reach(number) => self.reach(call, number),
            Step::Enqueue => {
                self.leave_service(call);
                call.towards = call
                    .queue
                    .map_or_else(Side::default, |q| self.queue_side(q));
                self.update(call);
                self.queue_target(call);
                self.enqueue(call);
            }
            Step::Ring => {
                let side = call.towards.clone();
                self.ring(call, &side);
            }
            Step::Answer => self.answer(call),
            Step::RingOut => {
                for index in call.ringing() {
                    self.stop_ringing(call, index, TargetEvent::NoAnswer);
                }
            }
            Step::Fail(code) => self.fail(call, code),
            Step::Overflow => {
                self.dequeue(call, "overflow");
                self.leave_service(call);
            }
            Step::Hold(held) => {
                if let Some(holder) = self.talking_side(call) {
                    let told = self.voice().hold(call, &holder, held);
                    self.told.extend(told);
                }
            }
            Step::Refer => self.refer(call),
            Step::Consult => self.consult(call),
            Step::Complete => self.complete(call),
            Step::HangUp => {
                let ending = if self.rng.chance(0.6) {
                    Ending::CallerHungUp
                } else {
                    Ending::CalleeHungUp
                };
                self.end(call, ending);
            }
            Step::End(ending) => self.end(call, ending),
        }
    }

    fn start(&mut self, call: &mut Call) {
        let told = self.voice().call_start(call);
        self.told.push(told);
        if let Some(caller) = call.caller.extension {
            self.extensions[caller].calls += 1;
            self.tell_status(caller);
            self.agent_talks(caller, None, call);
        }
        if call.plot == Plot::Overflow {
            self.queue_target(call);
        }
    }

    fn update(&mut self, call: &Call) {
        if call.towards.number != call.callee.number {
            let told = self.voice().call_update(call);
            self.told.extend(told);
        }
    }

    /// A service answers at once.
    fn reach(&mut self, call: &mut Call, number: &str) {
        self.leave_service(call);
        call.towards = Side {
            number: number.to_owned(),
            name: String::new(),
            extension: None,
        };
        self.update(call);
        let at = self.wall();
        let mut target = Target::new(&call.towards, format!("sip:{number}@192.168.1.93:8922"), at);
        target.answered = Some(at);
        call.talking = Some(call.targets.len());
        call.targets.push(target);
        self.tell_target(call, call.targets.len() - 1, TargetEvent::Answer);
        call.talks(number, at);
    }

    /// The queue takes its place among the targets. It is in the record, but nobody tells of it live.
    fn queue_target(&mut self, call: &mut Call) {
        if call.talking.is_some() {
            return;
        }
        let at = self.wall();
        let side = call
            .queue
            .map_or_else(Side::default, |q| self.queue_side(q));
        let destination = format!("sip:{}@192.168.1.93:8916", side.number);
        let mut target = Target::new(&side, destination, at);
        target.answered = Some(at);
        call.talking = Some(call.targets.len());
        call.targets.push(target);
    }

    /// IVR, queue or voicemail hand the call on.
    fn leave_service(&mut self, call: &mut Call) {
        let at = self.wall();
        if let Some(index) = call.talking.take() {
            let target = &mut call.targets[index];
            target.ended = Some(at);
            target.reason = "referred";
            call.falls_silent(at);
        }
    }

    fn ring(&mut self, call: &mut Call, side: &Side) {
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
        call.rang(&side.number, at);
        if let Some(extension) = side.extension {
            self.extensions[extension].ringing += 1;
            self.tell_status(extension);
        }
    }

    /// The queue offers the call to who is free. False when nobody is.
    fn distribute(&mut self, call: &mut Call) -> bool {
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

    fn answer(&mut self, call: &mut Call) {
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
        call.talks(&number, at);
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

    fn stop_ringing(&mut self, call: &mut Call, index: usize, event: TargetEvent) {
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

    fn fail(&mut self, call: &mut Call, code: u16) {
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

    /// The talking side sends the call on and is out of it. With nobody to send it to, it just goes on.
    fn refer(&mut self, call: &mut Call) {
        let busy = self.inside(call);
        let Some(next) = self.somebody_free(&busy).and_then(|index| self.side(index)) else {
            call.steps = [Step::HangUp].into();
            return;
        };
        self.talking_ends(call, "referred");
        if self.profile.dialect < Dialect::V16_2 {
            let voice = self.voice();
            let target = voice.sip(&next.number);
            let told = voice.call_event("call_reroute", call, &target, None);
            self.told.push(told);
        }
        call.towards = next;
        self.update(call);
    }

    /// The talking side calls somebody else to ask.
    fn consult(&mut self, call: &mut Call) {
        let busy = self.inside(call);
        let asked = self.somebody_free(&busy).and_then(|index| self.side(index));
        let (Some(asking), Some(asked)) = (self.talking_side(call), asked) else {
            call.steps = [Step::Hold(false), Step::HangUp].into();
            return;
        };
        let session = self.open(Plot::Internal, asking, asked, String::new());
        if let Some(consult) = self.calls.get_mut(&session) {
            consult.steps = [Step::Start, Step::Ring, Step::Wait(1.5..6.0), Step::Answer].into();
        }
        call.consult = Some(session);
    }

    /// The asked side takes the call over: it goes on there, and the consultation is over.
    fn complete(&mut self, call: &mut Call) {
        let consult = call.consult.take().and_then(|id| self.calls.remove(&id));
        let Some(mut consult) = consult else {
            return;
        };
        let at = self.wall();
        let Some(index) = consult.talking else {
            self.end(&mut consult, Ending::Cancelled);
            self.remember(consult.truth);
            return;
        };
        self.talking_ends(call, "attended_transfer_complete");
        let over = consult.targets[index].clone();
        call.towards = consult.callee.clone();
        self.update(call);
        call.talking = Some(call.targets.len());
        call.talks(&over.number, at);
        call.targets.push(Target {
            started: at,
            ringing: Some(at),
            answered: Some(at),
            ..over
        });
        self.tell_target(call, call.targets.len() - 1, TargetEvent::Answer);
        // The phone goes on talking, so nobody there hangs up.
        consult.targets[index].extension = None;
        consult.targets[index].reason = "replaced";
        self.end(&mut consult, Ending::Merged);
        self.remember(consult.truth);
    }

    fn talking_ends(&mut self, call: &mut Call, reason: &'static str) {
        let at = self.wall();
        let Some(index) = call.talking.take() else {
            return;
        };
        call.targets[index].ended = Some(at);
        call.targets[index].reason = reason;
        call.falls_silent(at);
        self.tell_target(call, index, TargetEvent::End);
        if let Some(extension) = call.targets[index].extension {
            self.hung_up(extension);
        }
    }

    fn end(&mut self, call: &mut Call, ending: Ending) {
        if ending == Ending::Abandoned {
            self.dequeue(call, "hangup");
        }
        for index in call.ringing() {
            self.stop_ringing(call, index, TargetEvent::End);
        }
        let in_queue = call.queue.is_some() && ending == Ending::Abandoned;
        if in_queue {
            self.leave_service(call);
        } else {
            let reason = call
                .talking
                .map_or("None", |index| call.targets[index].reason);
            self.talking_ends(call, reason);
        }
        if let Some(caller) = call.caller.extension {
            self.hung_up(caller);
        }
        let at = self.wall();
        call.ends(ending, at);
        let voice = self.voice();
        if voice.per_call() {
            let code = match ending {
                Ending::Busy => Some(486),
                Ending::Unreachable | Ending::Dnd => Some(480),
                Ending::NoSuchNumber => Some(404),
                _ => None,
            };
            let name = match (ending, code) {
                (_, Some(_)) => "call_fail",
                (Ending::NoAnswer, _) => "call_noanswer",
                _ => "call_ended",
            };
            let told = voice.call_event(name, call, "", code);
            self.told.push(told);
        }
        let told = self.voice().cdr(call, ending);
        self.told.push(told);
        if let Some(mut consult) = call.consult.take().and_then(|id| self.calls.remove(&id)) {
            self.end(&mut consult, Ending::CallerHungUp);
            self.remember(consult.truth);
        }
    }

    fn hung_up(&mut self, extension: usize) {
        let calls = &mut self.extensions[extension].calls;
        *calls = calls.saturating_sub(1);
        let silent = *calls == 0;
        self.tell_status(extension);
        if silent {
            self.agent_falls_silent(extension);
        }
    }

    fn talking_side(&self, call: &Call) -> Option<Side> {
        let target = call.targets.get(call.talking?)?;
        self.side(target.extension?)
    }

    /// Extensions that take part in a call.
    fn inside(&self, call: &Call) -> Vec<usize> {
        let targets = call.targets.iter().filter_map(|target| target.extension);
        targets.chain(call.caller.extension).collect()
    }

    fn tell_target(&mut self, call: &Call, index: usize, event: TargetEvent) {
        let told = self.voice().target(call, &call.targets[index], event);
        self.told.extend(told);
    }

    /// Tells what an extension does, when that is something new.
    fn tell_status(&mut self, index: usize) {
        let extension = &mut self.extensions[index];
        if extension.told != extension.status() {
            extension.told = extension.status();
            let told = self.voice().extension_call(&self.extensions[index]);
            self.told.extend(told);
        }
    }
}
