//! Transfers: blind, after asking, or by pickup.

use adapter::truth::Handover;
use model::{Timestamp, event::TransferKind};

use super::World;
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
    /// The talking side sends the call on and is out of it. With nobody to send it to, it just goes on.
    pub(super) fn refer(&mut self, call: &mut Call) {
        let busy = self.inside(call);
        let Some(next) = self.somebody_free(&busy).and_then(|index| self.side(index)) else {
            call.steps = [Step::HangUp].into();
            return;
        };
        self.handed_over(call, TransferKind::Blind, &next.number, None);
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
    pub(super) fn consult(&mut self, call: &mut Call) {
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
    pub(super) fn complete(&mut self, call: &mut Call) {
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
        let (to, session) = (consult.callee.number.clone(), consult.session);
        self.handed_over(call, TransferKind::Attended, &to, Some(session));
        consult.truth.interaction = call.truth.interaction.clone();
        self.talking_ends(call, "attended_transfer_complete");
        let over = consult.targets[index].clone();
        call.towards = consult.callee.clone();
        self.update(call);
        call.talking = Some(call.targets.len());
        call.truth.talks(&over.number, Timestamp::from_millis(at));
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

    /// Somebody free takes the ringing call from their own phone. With nobody to do so it rings out.
    pub(super) fn pick_up(&mut self, call: &mut Call) {
        let busy = self.inside(call);
        let taker = self.somebody_free(&busy);
        let (Some(&rung), Some(taker)) = (call.ringing().first(), taker) else {
            call.steps = [Step::RingOut, Step::End(Ending::NoAnswer)].into();
            return;
        };
        let Some(side) = self.side(taker) else {
            return;
        };
        let from = call.targets[rung].number.clone();
        self.remember_handover(call, TransferKind::Pickup, from, &side.number, None);
        let at = self.wall();
        call.targets[rung].reason = "replaced";
        self.stop_ringing(call, rung, TargetEvent::End);
        let mut target = Target::new(&side, self.extensions[taker].destination(), at);
        target.answered = Some(at);
        call.talking = Some(call.targets.len());
        call.targets.push(target);
        call.truth.talks(&side.number, Timestamp::from_millis(at));
        self.tell_target(call, call.targets.len() - 1, TargetEvent::Answer);
        self.extensions[taker].calls += 1;
        self.tell_status(taker);
        self.agent_talks(taker, None, call);
    }

    fn handed_over(&self, call: &mut Call, kind: TransferKind, to: &str, related: Option<u64>) {
        if let Some(from) = self.talking_side(call) {
            self.remember_handover(call, kind, from.number, to, related);
        }
    }

    fn remember_handover(
        &self,
        call: &mut Call,
        kind: TransferKind,
        from: String,
        to: &str,
        related: Option<u64>,
    ) {
        let at = Timestamp::from_millis(self.wall());
        call.truth.is_held(false, &from, at);
        call.truth.transfers.push(Handover {
            kind,
            from,
            to: to.to_owned(),
            at,
            related: related.map(|session| session.to_string()),
        });
    }

    pub(super) fn talking_ends(&mut self, call: &mut Call, reason: &'static str) {
        let at = self.wall();
        let Some(index) = call.talking.take() else {
            return;
        };
        call.targets[index].ended = Some(at);
        call.targets[index].reason = reason;
        call.truth.falls_silent(Timestamp::from_millis(at));
        self.tell_target(call, index, TargetEvent::End);
        if let Some(extension) = call.targets[index].extension {
            self.hung_up(extension);
        }
    }

    pub(super) fn talking_side(&self, call: &Call) -> Option<Side> {
        let target = call.targets.get(call.talking?)?;
        self.side(target.extension?)
    }

    /// Extensions that take part in a call.
    pub(super) fn inside(&self, call: &Call) -> Vec<usize> {
        let targets = call.targets.iter().filter_map(|target| target.extension);
        targets.chain(call.caller.extension).collect()
    }
}
