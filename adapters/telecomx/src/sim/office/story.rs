//! How a call goes on: its steps, one after another, until one takes time.

use super::{Act, Office};
use crate::sim::{
    call::{Call, Side},
    plot::Step,
    truth::Ending,
};

impl Office {
    /// How long a queue waits until it looks for free members again.
    const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(2);

    /// Runs a call's steps until one takes time or ends it.
    pub(super) fn go_on(&mut self, session: &str) {
        // Out of the map while it changes, so that the office around it can change too.
        let Some(mut call) = self.calls.remove(session) else {
            return;
        };
        while let Some(step) = call.steps.pop_front() {
            if let Step::Wait(range) = step {
                let wait = self.rng.secs(&range);
                let wait = wait.div_f64(self.profile.haste.clamp(0.01, 1_000.0));
                self.after(wait, Act::Continue(session.to_owned()));
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
                    self.after(Self::LOOK_AGAIN, Act::Continue(session.to_owned()));
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
        self.calls.insert(session.to_owned(), call);
    }

    fn step(&mut self, call: &mut Call, step: &Step) {
        match *step {
            // Both take time and are seen to by the caller.
            Step::Wait(_) | Step::Distribute(_) => {}
            Step::Start => self.start(call),
            Step::RingOwn => self.ring_own(call),
            Step::PickUpOwn => self.pick_up_own(call),
            Step::Music => self.music(call),
            Step::Enqueue => self.enqueue(call),
            Step::Ring => {
                let side = self.reached(call);
                self.ring(call, side, None);
            }
            Step::Answer => self.answer(call),
            Step::RingOut => {
                for index in call.ringing() {
                    self.leg_ends(call, index);
                }
            }
            Step::Fail => {
                let side = self.reached(call);
                let index = self.new_leg(call, false, side);
                self.tell_leg(call, index, "CALL_START");
                self.leg_ends(call, index);
            }
            Step::TimeOut => self.dequeue(call, "TIMED_OUT", None),
            Step::LeaveMessage => self.leave_message(call),
            Step::Hold(held) => self.hold(call, held),
            Step::PickUp => self.pick_up(call),
            Step::Refer => self.refer(call),
            Step::Consult => self.consult(call),
            Step::Complete => self.complete(call),
            Step::EnterConference => self.enter_conference(call),
            Step::Mute => self.tell_conference(call, "CONFERENCE_CHANGED", true),
            Step::Record(on) => self.record(call, on),
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
        if call.trunk {
            self.tell_trunk(call, "START", None);
        }
        let caller = call.caller.clone();
        let index = self.new_leg(call, true, caller);
        if let Some(caller) = call.caller.extension {
            self.extensions[caller].calls += 1;
        }
        self.tell_leg(call, index, "CALL_START");
    }

    /// Whoever clicked is rung by the PBX.
    fn ring_own(&mut self, call: &mut Call) {
        let caller = call.caller.clone();
        let index = self.new_leg(call, false, caller);
        if let Some(caller) = call.caller.extension {
            self.extensions[caller].ringing += 1;
        }
        self.tell_leg(call, index, "CALL_START");
        self.tell_leg(call, index, "CALL_RING");
    }

    fn pick_up_own(&mut self, call: &mut Call) {
        if let Some(caller) = call.caller.extension {
            let extension = &mut self.extensions[caller];
            extension.ringing = extension.ringing.saturating_sub(1);
            extension.calls += 1;
        }
        call.legs[0].talks = true;
        self.tell_leg(call, 0, "CALL_ANSWER");
        self.tell_trunk(call, "START", None);
    }

    /// The PBX answers the caller itself.
    pub(super) fn music(&mut self, call: &mut Call) {
        if let Some(caller) = call.legs.first_mut()
            && !caller.talks
        {
            caller.talks = true;
            self.tell_leg(call, 0, "CALL_ANSWER");
            self.trunk_answers(call);
        }
    }

    pub(super) fn trunk_answers(&mut self, call: &mut Call) {
        if call.trunk && !call.trunk_answered {
            call.trunk_answered = true;
            self.tell_trunk(call, "ANSWER", None);
        }
    }

    pub(super) fn end(&mut self, call: &mut Call, ending: Ending) {
        self.record(call, false);
        if call.in_conference.is_some() {
            self.tell_conference(call, "CONFERENCE_LEFT", false);
        }
        if ending == Ending::Abandoned {
            self.dequeue(call, "CANCELLED", None);
        }
        if call.trunk {
            self.tell_trunk(call, "PREEND", Some(ending));
        }
        for index in (1..call.legs.len()).rev() {
            self.leg_ends(call, index);
        }
        if !call.legs.is_empty() {
            self.leg_ends(call, 0);
        }
        let at = self.wall();
        call.ends(ending, at);
        if call.trunk {
            self.tell_trunk(call, "END", Some(ending));
        }
        if let Some(queue) = call.queue.filter(|_| call.truth.talked.len() == 1) {
            self.tell_member_served(call, queue);
        }
        if let Some(mut consult) = call.consult.take().and_then(|id| self.calls.remove(&id)) {
            let ending = if consult.truth.talked.is_empty() {
                Ending::Cancelled
            } else {
                Ending::CallerHungUp
            };
            self.end(&mut consult, ending);
            self.remember(consult.truth);
        }
    }

    /// Whom a call reaches now: the callee, or the mobile that his calls are sent to.
    fn reached(&mut self, call: &Call) -> Side {
        if call.plot == crate::sim::Plot::Forwarded {
            let mobile = self.outsider();
            return Side {
                extension: None,
                ..mobile
            };
        }
        call.towards.clone()
    }
}
