//! Phones: they ring, are answered or not, and say what they do.

use model::Timestamp;

use super::Office;
use crate::sim::{
    Plot,
    call::{Call, Leg, Side},
};

impl Office {
    /// A leg with a channel of its own. Nobody is told of it yet.
    pub(super) fn new_leg(&mut self, call: &mut Call, inbound: bool, side: Side) -> usize {
        let serial = self.serial();
        let channel = format!("{}.{serial}", 573_636_496_893_u64);
        call.legs.push(Leg::new(channel, inbound, side));
        call.legs.len() - 1
    }

    /// A phone rings for a call.
    pub(super) fn ring(&mut self, call: &mut Call, side: Side, queue: Option<usize>) {
        let at = self.wall();
        call.truth.rings(&side.number, Timestamp::from_millis(at));
        if let Some(extension) = side.extension {
            self.extensions[extension].ringing += 1;
        }
        let index = self.new_leg(call, false, side);
        call.legs[index].queue = queue;
        call.legs[index].rings = true;
        self.tell_leg(call, index, "CALL_START");
        self.tell_leg(call, index, "CALL_RING");
        if index == 1 && call.legs[0].inbound && !call.legs[0].talks {
            self.tell_leg(call, 0, "CALL_RING");
        }
        if call.plot == Plot::Forwarded {
            self.tell_forward(call, "START");
        }
    }

    /// One of the ringing phones answers; the others stop.
    pub(super) fn answer(&mut self, call: &mut Call) {
        let ringing = call.ringing();
        let Some(&index) = self.rng.pick(&ringing) else {
            return;
        };
        let queued = call.legs[index].queue.is_some() && call.truth.talked.is_empty();
        self.picks_up(call, index);
        for loser in ringing {
            if loser != index {
                self.leg_ends(call, loser);
            }
        }
        if queued {
            self.dequeue(call, "ANSWERED", Some(index));
        }
    }

    pub(super) fn picks_up(&mut self, call: &mut Call, index: usize) {
        let at = self.wall();
        let leg = &mut call.legs[index];
        let rang = std::mem::take(&mut leg.rings);
        leg.talks = true;
        let side = leg.side.clone();
        if let Some(extension) = side.extension {
            let extension = &mut self.extensions[extension];
            if rang {
                extension.ringing = extension.ringing.saturating_sub(1);
            }
            extension.calls += 1;
        }
        call.truth.talks(&side.number, Timestamp::from_millis(at));
        self.tell_leg(call, index, "CALL_ANSWER");
        if !call.legs[0].talks {
            call.legs[0].talks = true;
            self.tell_leg(call, 0, "CALL_ANSWER");
        }
        self.trunk_answers(call);
        if call.plot == Plot::Forwarded {
            self.tell_forward(call, "ANSWER");
        }
    }

    /// A leg is over, whatever it did.
    pub(super) fn leg_ends(&mut self, call: &mut Call, index: usize) {
        let leg = &mut call.legs[index];
        if leg.ended {
            return;
        }
        leg.ended = true;
        let (rang, talked) = (leg.rings, leg.talks);
        leg.rings = false;
        let (own, extension) = (index == 0, leg.side.extension);
        if let Some(extension) = extension {
            let extension = &mut self.extensions[extension];
            if rang {
                extension.ringing = extension.ringing.saturating_sub(1);
            }
            // A caller inside is busy from the start.
            if talked || (own && call.legs[0].inbound) {
                extension.calls = extension.calls.saturating_sub(1);
            }
        }
        if talked && !own {
            let at = self.wall();
            call.truth.falls_silent(Timestamp::from_millis(at));
        }
        if call.plot == Plot::Forwarded && !own {
            self.tell_forward(call, "END");
        }
        self.tell_leg(call, index, "CALL_END");
    }

    /// The talking side puts the call on hold, or takes it back.
    pub(super) fn hold(&mut self, call: &mut Call, held: bool) {
        let Some(index) = call.talking() else {
            return;
        };
        let at = self.wall();
        let number = call.legs[index].side.number.clone();
        call.truth
            .is_held(held, &number, Timestamp::from_millis(at));
        let event = if held { "CALL_HOLD" } else { "CALL_UNHOLD" };
        self.tell_leg(call, index, event);
    }
}
