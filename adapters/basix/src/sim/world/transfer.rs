//! Calls change hands: sent on, asked about, parked, picked up.

use adapter::truth::{Handover, TrueCall, TrueEnd};
use model::{Cause, Direction, EndedBy, Outcome, Timestamp, event::TransferKind};

use super::World;
use crate::sim::call::{Call, Channel, Consult, Doing};

impl World {
    fn handed_over(
        &mut self,
        call: &mut Call,
        kind: TransferKind,
        from: usize,
        to: usize,
        related: Option<String>,
    ) {
        let number = |user: usize| self.users[user].number.clone();
        call.truth.transfers.push(Handover {
            kind,
            from: number(from),
            to: number(to),
            at: self.time(),
            related,
        });
    }

    fn user_with(&self, call: &Call) -> Option<usize> {
        self.channels.get(&call.with?)?.user
    }

    /// The called user sends the call on, to `to` or whoever is free.
    pub(super) fn refer(&mut self, call: &mut Call, to: Option<usize>) {
        let (Some(with), Some(from)) = (call.with, self.user_with(call)) else {
            return;
        };
        let Some(to) = to.or_else(|| self.somebody_free(&[from])) else {
            // Nobody to send it to: they talk on, and the rest of the story is what remains.
            call.steps
                .retain(|step| matches!(step, crate::sim::plot::Step::HangUp));
            return;
        };
        let first = call.first;
        if let Some(leg) = self.channels.get_mut(&first) {
            leg.other = None;
        }
        self.set_state(first, Doing::CallingUser(to));
        let key = self.ring_user(call, first, to, None);
        call.ringing.push(key);
        self.remove_leg(with, "send_bye,NORMAL_CLEARING");
        self.falls_silent(call);
        call.with = None;
        call.user = Some(to);
        self.handed_over(call, TransferKind::Blind, from, to, None);
    }

    /// The called user calls somebody else to ask.
    pub(super) fn consult(&mut self, call: &mut Call) {
        let Some(from) = self.user_with(call) else {
            return;
        };
        let Some(to) = self.somebody_free(&[from]) else {
            return;
        };
        let at = self.micros();
        let numbers = (
            self.users[from].number.clone(),
            self.users[to].number.clone(),
        );
        let asks = self.add_leg(Channel {
            offered: at,
            user: Some(from),
            calling_number: numbers.0.clone(),
            called_number: numbers.1.clone(),
            event: "NEW_CHANNEL",
            ..Channel::default()
        });
        self.set_state(asks, Doing::CallingUser(to));
        let key = self.channels[&asks].uuid.clone();
        let truth = TrueCall {
            interaction: call.truth.interaction.clone(),
            key,
            shadow: None,
            story: "consultation".to_owned(),
            direction: Direction::Internal,
            caller: numbers.0,
            callee: numbers.1,
            started_at: Timestamp::from_micros(at),
            waits: Vec::new(),
            rang: Vec::new(),
            talked: Vec::new(),
            holds: Vec::new(),
            transfers: Vec::new(),
            ended_at: None,
            end: None,
        };
        // What happens in the second call is true of it, not of the first.
        let main = std::mem::replace(&mut call.truth, truth);
        let with = call.with;
        let asked = self.ring_user(call, asks, to, None);
        self.answer_leg(asked);
        self.answer_leg(asks);
        self.bridge(call, asks, asked);
        self.talks(call, asked);
        call.with = with;
        let truth = std::mem::replace(&mut call.truth, main);
        call.consult = Some(Consult { asks, asked, truth });
    }

    /// Who was asked takes the call over.
    pub(super) fn complete(&mut self, call: &mut Call) {
        let Some(mut consult) = call.consult.take() else {
            return;
        };
        let (Some(with), Some(from)) = (call.with, self.user_with(call)) else {
            return;
        };
        let Some(to) = self.channels.get(&consult.asked).and_then(|leg| leg.user) else {
            return;
        };
        self.falls_silent(call);
        self.bridge(call, call.first, consult.asked);
        self.talks(call, consult.asked);
        let at = self.time();
        if let Some(talk) = call.truth.talked.last_mut() {
            talk.from = at;
        }
        self.handed_over(
            call,
            TransferKind::Attended,
            from,
            to,
            Some(consult.truth.key.clone()),
        );
        self.remove_leg(with, "send_bye,NORMAL_CLEARING");
        self.remove_leg(consult.asks, "send_bye,NORMAL_CLEARING");
        super::silence(&mut consult.truth, at);
        consult.truth.ended_at = Some(at);
        consult.truth.end = Some(TrueEnd {
            cause: Cause::Transferred,
            or: vec![],
            outcome: Outcome::Transferred,
            ended_by: EndedBy::System,
        });
        self.remember(consult.truth);
    }

    /// The called user puts the call into a park slot, `901` and on.
    pub(super) fn park(&mut self, call: &mut Call, slot: Option<u32>) {
        let Some(with) = call.with.take() else {
            return;
        };
        let by = self
            .channels
            .get(&with)
            .and_then(|leg| leg.user)
            .unwrap_or(0);
        let taken = |slot: u32| {
            self.channels.values().any(|leg| matches!(leg.state, Some((_, Doing::Park { slot: other, .. })) if other == slot))
        };
        let slot = slot
            .or_else(|| (901..=999).find(|slot| !taken(*slot)))
            .unwrap_or(999);
        if let Some(leg) = self.channels.get_mut(&call.first) {
            leg.other = None;
        }
        self.set_state(call.first, Doing::Park { slot, by });
        self.set_waiting(call.first, true);
        self.remove_leg(with, "send_bye,NORMAL_CLEARING");
        self.falls_silent(call);
    }

    /// Another user dials the slot.
    pub(super) fn retrieve(&mut self, call: &mut Call) {
        let Some((_, Doing::Park { slot, by })) = self
            .channels
            .get(&call.first)
            .and_then(|leg| leg.state.clone())
        else {
            return;
        };
        let Some(user) = self.somebody_free(&[by]).or(Some(by)) else {
            return;
        };
        let at = self.micros();
        let key = self.add_leg(Channel {
            offered: at,
            user: Some(user),
            calling_number: self.users[user].number.clone(),
            called_number: slot.to_string(),
            event: "NEW_CHANNEL",
            ..Channel::default()
        });
        self.answer_leg(key);
        self.set_waiting(call.first, false);
        self.bridge(call, call.first, key);
        self.talks(call, key);
        if user != by {
            self.handed_over(call, TransferKind::Pickup, by, user, None);
        }
    }

    /// Another phone picks the ringing call up: somebody else's, or the user's own.
    pub(super) fn pick_up(&mut self, call: &mut Call, own: bool) {
        let Some(ringing) = call.ringing.first().copied() else {
            return;
        };
        let Some(rung) = self.channels.get(&ringing).and_then(|leg| leg.user) else {
            return;
        };
        let user = if own {
            Some(rung)
        } else {
            self.somebody_free(&[rung])
        };
        let Some(user) = user else {
            // Nobody is there: the phone itself answers.
            call.steps.push_front(crate::sim::plot::Step::Answer);
            return;
        };
        let wanted = if own { ringing } else { call.first };
        let uuid = self.channels[&wanted].uuid.clone();
        let at = self.micros();
        let key = self.add_leg(Channel {
            offered: at,
            user: Some(user),
            calling_number: self.users[user].number.clone(),
            called_number: format!("pickup_uuid.{uuid}"),
            event: "NEW_CHANNEL",
            ..Channel::default()
        });
        self.answer_leg(key);
        self.remove_ringing(call, "send_cancel,PICKED_OFF");
        self.answer_leg(call.first);
        self.bridge(call, call.first, key);
        self.talks(call, key);
        if !own {
            self.handed_over(call, TransferKind::Pickup, rung, user, None);
        }
    }
}
