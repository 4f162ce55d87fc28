//! Transfers: blind, after asking, or by pickup.

use adapter::truth::Handover;
use model::{Timestamp, event::TransferKind};

use super::Office;
use crate::sim::{
    call::Call,
    plot::{Plot, Step},
    truth::Ending,
};

impl Office {
    /// The talking side sends the call on: the other phone rings, and it is out of the call. With nobody to send it to,
    /// the conversation just goes on.
    pub(super) fn refer(&mut self, call: &mut Call) {
        let busy = inside(call);
        let next = self.somebody_free(&busy).and_then(|index| self.side(index));
        let (Some(next), Some(from)) = (next, call.talking()) else {
            call.steps = [Step::HangUp].into();
            return;
        };
        self.handed_over(call, TransferKind::Blind, from, &next.number, None);
        call.towards = next.clone();
        self.ring(call, next.clone(), None);
        // The ring that the story would add has happened.
        if matches!(call.steps.front(), Some(Step::Ring)) {
            call.steps.pop_front();
        }
        self.leg_ends(call, from);
        call.legs[0].shown = Some(next);
        self.tell_leg(call, 0, "CALL_UPDATE");
    }

    /// The talking side calls somebody else to ask.
    pub(super) fn consult(&mut self, call: &mut Call) {
        let busy = inside(call);
        let asked = self.somebody_free(&busy).and_then(|index| self.side(index));
        let asking = call.talking().map(|index| call.legs[index].side.clone());
        let (Some(asking), Some(asked)) = (asking, asked) else {
            call.steps = [Step::Hold(false), Step::HangUp].into();
            return;
        };
        let session = self.open(Plot::Internal, asking, asked.clone(), asked);
        if let Some(consult) = self.calls.get_mut(&session) {
            consult.steps = [Step::Start, Step::Ring, Step::Wait(1.5..6.0), Step::Answer].into();
        }
        call.consult = Some(session);
    }

    /// The asked side takes the call over: it goes on there, and the consultation is over. Which session the legs are
    /// said to be in then differs, as it may.
    pub(super) fn complete(&mut self, call: &mut Call) {
        let consult = call.consult.take().and_then(|id| self.calls.remove(&id));
        let (Some(mut consult), Some(from)) = (consult, call.talking()) else {
            return;
        };
        let Some(asked) = consult.talking() else {
            self.end(&mut consult, Ending::Cancelled);
            self.remember(consult.truth);
            call.steps = [Step::Hold(false), Step::HangUp].into();
            return;
        };
        let at = self.wall();
        let to = consult.callee.clone();
        let related = consult.session.clone();
        self.handed_over(
            call,
            TransferKind::Attended,
            from,
            &to.number,
            Some(related),
        );
        consult
            .truth
            .interaction
            .clone_from(&call.truth.interaction);
        let mut moved = consult.legs.remove(asked);
        moved.shown = Some(call.caller.clone());
        call.legs[0].shown = Some(to.clone());
        match self.rng.below(3) {
            0 => moved.session = Some(call.session.clone()),
            1 => {
                call.legs[0].session = Some(consult.session.clone());
                moved.session = Some(consult.session.clone());
            }
            _ => moved.session = Some(consult.session.clone()),
        }
        call.legs.push(moved);
        let moved = call.legs.len() - 1;
        self.tell_leg(call, 0, "CALL_UPDATE");
        self.tell_leg(call, moved, "CALL_UPDATE");
        self.leg_ends(call, from);
        call.truth.talks(&to.number, Timestamp::from_millis(at));
        consult.truth.talked.iter_mut().for_each(|talk| {
            talk.to.get_or_insert(Timestamp::from_millis(at));
        });
        self.end(&mut consult, Ending::Merged);
        self.remember(consult.truth);
    }

    /// Somebody free takes the ringing call from their own phone. With nobody to do so it rings out.
    pub(super) fn pick_up(&mut self, call: &mut Call) {
        let busy = inside(call);
        let taker = self.somebody_free(&busy).and_then(|index| self.side(index));
        let (Some(&rung), Some(taker)) = (call.ringing().first(), taker) else {
            call.steps = [Step::RingOut, Step::End(Ending::NoAnswer)].into();
            return;
        };
        let number = taker.number.clone();
        self.handed_over(call, TransferKind::Pickup, rung, &number, None);
        let index = self.new_leg(call, false, taker);
        self.tell_leg(call, index, "CALL_START");
        self.picks_up(call, index);
        self.leg_ends(call, rung);
    }

    fn handed_over(
        &self,
        call: &mut Call,
        kind: TransferKind,
        from: usize,
        to: &str,
        related: Option<String>,
    ) {
        let at = self.wall();
        let from = call.legs[from].side.number.clone();
        call.truth.is_held(false, &from, Timestamp::from_millis(at));
        call.truth.transfers.push(Handover {
            kind,
            from,
            to: to.to_owned(),
            at: Timestamp::from_millis(at),
            related,
        });
    }
}

/// Extensions that take part in a call.
fn inside(call: &Call) -> Vec<usize> {
    let legs = call.legs.iter().filter(|leg| !leg.ended);
    legs.filter_map(|leg| leg.side.extension).collect()
}
