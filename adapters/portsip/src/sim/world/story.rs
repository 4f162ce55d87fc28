//! How a call goes on: its steps, one after another, until one takes time.

use model::Timestamp;

use super::{Act, World};
use crate::sim::{
    call::{Call, Side, Target},
    plot::{Plot, Step},
    truth::Ending,
    voice::TargetEvent,
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
                let wait = self
                    .rng
                    .secs(&range)
                    .div_f64(self.profile.haste.clamp(0.01, 1_000.0));
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
                    let at = Timestamp::from_millis(self.wall());
                    call.truth.is_held(held, &holder.number, at);
                    let told = self.voice().hold(call, &holder, held);
                    self.told.extend(told);
                }
            }
            Step::PickUp => self.pick_up(call),
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

    pub(super) fn update(&mut self, call: &Call) {
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
    pub(super) fn leave_service(&mut self, call: &mut Call) {
        let at = self.wall();
        if let Some(index) = call.talking.take() {
            let target = &mut call.targets[index];
            target.ended = Some(at);
            target.reason = "referred";
        }
    }

    pub(super) fn end(&mut self, call: &mut Call, ending: Ending) {
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
}
