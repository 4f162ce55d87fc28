//! Calls take their steps.

use std::time::Duration;

use adapter::truth::TrueEnd;
use model::{Cause, EndedBy, Outcome};

use super::{Act, World, silence};
use crate::sim::{
    call::{Call, Doing, Target},
    plot::{From, Plot, Service, Step},
};

impl World {
    /// A call takes its steps until it has to wait, or is over.
    pub(super) fn go_on(&mut self, key: u64) {
        let Some(mut call) = self.calls.remove(&key) else {
            return;
        };
        loop {
            let Some(step) = call.steps.pop_front() else {
                return;
            };
            if let Step::Wait(range) = &step {
                let haste = self.profile.haste.clamp(0.01, 1_000.0);
                let wait = self.rng.secs(range).div_f64(haste);
                return self.pause(key, call, wait);
            }
            if self.take_step(&mut call, &step).is_break() {
                self.remember(call.truth);
                return;
            }
        }
    }

    pub(super) fn pause(&mut self, key: u64, call: Call, wait: Duration) {
        self.calls.insert(key, call);
        self.after(wait.max(Duration::from_millis(1)), Act::Continue(key));
    }

    /// Breaks when the call is over.
    fn take_step(&mut self, call: &mut Call, step: &Step) -> std::ops::ControlFlow<()> {
        use std::ops::ControlFlow::{Break, Continue};
        match step {
            Step::Wait(_) => {}
            Step::Start => self.tell_leg(call.first, "added"),
            Step::Aim => self.aim(call),
            Step::Ring => self.ring(call),
            Step::Distribute(times) => self.distribute(call, *times),
            Step::Answer => self.answer(call),
            Step::RingOut => self.ring_out(call),
            Step::Refuse(cause) => self.remove_ringing(call, &format!("recv_refuse,{cause}")),
            Step::Fail(cause) => {
                self.fail(call, cause);
                return Break(());
            }
            Step::Enter(service) => self.enter(call, *service),
            Step::Enqueue => self.enqueue(call),
            Step::GiveUp => {
                self.give_up(call);
                return Break(());
            }
            Step::HangUp => {
                self.hang_up(call);
                return Break(());
            }
            Step::Park => self.park(call, None),
            Step::Retrieve => self.retrieve(call),
            Step::PickUp => self.pick_up(call, false),
            Step::PickUpSelf => self.pick_up(call, true),
            Step::Refer => self.refer(call, None),
            Step::Consult => self.consult(call),
            Step::Complete => self.complete(call),
            Step::Listen(begins) => self.listen(call, *begins),
        }
        Continue(())
    }

    /// The PBX knows whom the call is for, and says so.
    fn aim(&mut self, call: &mut Call) {
        if call.plot.from() == From::Program {
            self.answer_leg(call.first);
        }
        let dialled = call.truth.callee.clone();
        let inbound = call.plot.from() != From::Program;
        let (doing, target) = match (call.group, call.user, &call.outside) {
            (Some(group), ..) => (
                Doing::CallingGroup(group),
                Some(Target::Group(group, dialled)),
            ),
            (None, Some(user), _) => (Doing::CallingUser(user), Some(Target::User(user, dialled))),
            (None, None, Some(number)) => (Doing::CallingOut(number.clone()), None),
            (None, None, None) => return,
        };
        if let Some(leg) = self.channels.get_mut(&call.first) {
            leg.target = target.filter(|_| inbound);
        }
        if let Some(group) = call.group {
            self.lines_up(call, group);
        }
        self.set_state(call.first, doing);
    }

    fn ring(&mut self, call: &mut Call) {
        let first = call.first;
        if let Some(number) = call.outside.clone() {
            let mut leg = self.made_for(first);
            leg.external = true;
            leg.called_number.clone_from(&number);
            let key = self.add_leg(leg);
            let at = self.time();
            call.truth.rings(&number, at);
            call.ringing.push(key);
            return;
        }
        let Some(user) = call.user else {
            return;
        };
        if call.plot == Plot::WebPhone {
            let reference = self.channels[&first].uuid.clone();
            let mut leg = self.made_for(first);
            leg.user = Some(user);
            leg.called_number = format!("RINGING_PARK.{reference}");
            leg.state = Some((leg.offered, Doing::Ringing));
            let key = self.add_leg(leg);
            self.rang(call, user);
            call.ringing.push(key);
            return;
        }
        for _ in 0..self.users[user].phones {
            let key = self.ring_user(call, first, user, None);
            call.ringing.push(key);
        }
    }

    /// Offers the call to the group's members who are free, or tries again later.
    fn distribute(&mut self, call: &mut Call, times: u32) {
        let Some(group) = call.group else {
            return;
        };
        let members = self.groups[group].members.clone();
        let free = members
            .iter()
            .filter(|member| member.logged_in)
            .map(|member| member.user);
        let mut free: Vec<usize> = free.filter(|user| self.users[*user].is_free()).collect();
        if self.groups[group].hunt {
            free.retain(|user| !call.rang_before.contains(user));
            free.truncate(1);
        }
        free.truncate(3);
        if free.is_empty() {
            if times > 0 {
                call.steps.push_front(Step::Distribute(times - 1));
                call.steps.push_front(Step::Wait(2.0..4.0));
            } else {
                call.steps = [Step::GiveUp].into();
            }
            return;
        }
        for user in free {
            let key = self.ring_user(call, call.first, user, Some(group));
            call.rang_before.push(user);
            call.ringing.push(key);
        }
    }

    /// One of the ringing phones answers; the others stop.
    fn answer(&mut self, call: &mut Call) {
        let at = self.rng.below(call.ringing.len());
        if call.ringing.is_empty() {
            return;
        }
        let key = call.ringing.remove(at);
        self.answer_leg(key);
        self.remove_ringing(call, "send_cancel,LOSE_RACE");
        self.leaves_line(call);
        self.connected(call, key);
    }

    /// Somebody has answered: they talk.
    pub(super) fn connected(&mut self, call: &mut Call, key: u64) {
        self.answer_leg(call.first);
        self.bridge(call, call.first, key);
        self.talks(call, key);
    }

    fn ring_out(&mut self, call: &mut Call) {
        self.remove_ringing(call, "send_cancel,NO_ANSWER");
    }

    fn enter(&mut self, call: &mut Call, service: Service) {
        self.leaves_line(call);
        self.answer_leg(call.first);
        let doing = match service {
            Service::Voicemail => Doing::Voicemail(call.user.unwrap_or(0)),
            Service::CheckingVoicemail => {
                let user = self.channels.get(&call.first).and_then(|leg| leg.user);
                Doing::CheckingVoicemail(user.unwrap_or(0))
            }
            Service::Ivr => Doing::Ivr,
            Service::SystemOperation => Doing::SystemOperation,
            Service::XmlIvr => Doing::XmlIvr,
            Service::Conference => Doing::Conference,
        };
        self.set_state(call.first, doing);
    }

    fn enqueue(&mut self, call: &mut Call) {
        self.aim(call);
        self.set_waiting(call.first, true);
    }

    /// The PBX turns the caller away.
    fn fail(&mut self, call: &mut Call, word: &str) {
        self.remove_leg(call.first, &format!("send_refuse,{word}"));
        let (cause, or, outcome, by) = match word {
            "USER_BUSY" => (Cause::Busy, vec![], Outcome::Busy, EndedBy::Callee),
            "CALL_REJECTED" => (Cause::Rejected, vec![], Outcome::Rejected, EndedBy::Callee),
            "NO_ANSWER" => (Cause::NoAnswer, vec![], Outcome::Missed, EndedBy::System),
            _ => (
                Cause::Unreachable,
                vec![Cause::Dnd],
                Outcome::Failed,
                EndedBy::System,
            ),
        };
        self.ends(
            call,
            TrueEnd {
                cause,
                or,
                outcome,
                ended_by: by,
            },
        );
    }

    /// The caller has had enough of waiting.
    fn give_up(&mut self, call: &mut Call) {
        let waits = self.channels.get(&call.first).is_some_and(|leg| leg.waits);
        let rings = !call.ringing.is_empty();
        let answered = self
            .channels
            .get(&call.first)
            .is_some_and(|leg| leg.answered.is_some());
        let data = if answered {
            "recv_bye,NORMAL_CLEARING"
        } else {
            "recv_cancel,ORIGINATOR_CANCEL"
        };
        self.leaves_line(call);
        self.remove_leg(call.first, data);
        self.remove_ringing(call, "send_cancel,ORIGINATOR_CANCEL");
        let (cause, outcome) = if waits && !rings {
            (Cause::QueueAbandoned, Outcome::Abandoned)
        } else {
            (Cause::Cancelled, Outcome::Missed)
        };
        self.ends(
            call,
            TrueEnd {
                cause,
                or: vec![],
                outcome,
                ended_by: EndedBy::Caller,
            },
        );
    }

    fn hang_up(&mut self, call: &mut Call) {
        let first = call.first;
        let Some(with) = call.with.take() else {
            let doing = self.channels.get(&first).and_then(|leg| leg.state.as_ref());
            let (cause, outcome) = match doing.map(|(_, doing)| doing) {
                Some(Doing::Voicemail(_)) => (Cause::Normal, Outcome::Voicemail),
                Some(Doing::CheckingVoicemail(_) | Doing::Conference) => {
                    (Cause::Normal, Outcome::Answered)
                }
                _ => (Cause::Cancelled, Outcome::Missed),
            };
            self.remove_leg(first, "recv_bye,NORMAL_CLEARING");
            return self.ends(
                call,
                TrueEnd {
                    cause,
                    or: vec![],
                    outcome,
                    ended_by: EndedBy::Caller,
                },
            );
        };
        let ended_by = if self.rng.chance(0.5) {
            self.remove_leg(first, "recv_bye,NORMAL_CLEARING");
            self.remove_leg(with, "send_bye,NORMAL_CLEARING");
            EndedBy::Caller
        } else {
            self.remove_leg(with, "recv_bye,NORMAL_CLEARING");
            self.remove_leg(first, "send_bye,NORMAL_CLEARING");
            EndedBy::Callee
        };
        self.ends(
            call,
            TrueEnd {
                cause: Cause::Normal,
                or: vec![],
                outcome: Outcome::Answered,
                ended_by,
            },
        );
    }

    /// A call is over.
    pub(super) fn ends(&mut self, call: &mut Call, end: TrueEnd) {
        if let Some(listener) = call.listener.take() {
            self.remove_leg(listener, "send_bye,NORMAL_CLEARING");
        }
        let at = self.time();
        silence(&mut call.truth, at);
        call.truth.ended_at = Some(at);
        call.truth.end = Some(end);
        call.steps.clear();
    }

    fn listen(&mut self, call: &mut Call, begins: bool) {
        if !begins {
            if let Some(listener) = call.listener.take() {
                self.remove_leg(listener, "recv_bye,NORMAL_CLEARING");
            }
            return;
        }
        let Some(user) = self.somebody_free(&[]) else {
            return;
        };
        let mut leg = self.made_for(call.first);
        leg.outbound = false;
        leg.other = None;
        leg.user = Some(user);
        leg.calling_number = "media_plug".to_owned();
        leg.called_number = self.users[user].number.clone();
        leg.calling_name = None;
        leg.event = "NEW_CHANNEL";
        let key = self.add_leg(leg);
        self.answer_leg(key);
        let heard = self.channels[&call.first].uuid.clone();
        self.set_state(key, Doing::Eavesdrop(heard));
        call.listener = Some(key);
    }
}
