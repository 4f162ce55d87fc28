//! Transfers: legs that go on in another call, parties that change, and the interaction that survives.

use std::sync::Arc;

use model::{
    Basis, Cause, Change, Data, End, EndedBy, EntityId, EventType, LegState, Outcome, Party, Text,
    Timestamp,
    event::{Transfer, TransferKind},
    observation::Fact,
};

use super::{
    legs::Step,
    slot::{Ordinal, Slot},
    times::Times,
};
use crate::state::{State, mark::Turn};

impl State {
    /// A leg ends in one call and goes on, connected, in another.
    pub(in crate::state) fn leg_moved(&mut self, turn: &mut Turn<'_>, fact: &Fact, waited: bool) {
        let Fact::LegMoved { from, leg, to } = fact else {
            return;
        };
        let source = turn.mark.source.clone();
        let (from, to, leg) = (source.entity(from), source.entity(to), source.entity(leg));
        if from == to {
            return;
        }
        let Some(mut old) = self.take_call(turn, &from) else {
            if !waited {
                self.orphan(turn, &from, fact);
            }
            return;
        };
        let index = old.leg_index(&leg);
        let Some(mut new) = self.take_call(turn, &to) else {
            self.put_call(turn, old);
            if !waited {
                self.orphan(turn, &to, fact);
            }
            return;
        };
        match index {
            Some(index) => self.move_to(turn, &mut old, index, &mut new),
            None if !waited && old.is_open() => self.orphan(turn, &from, fact),
            None => {}
        }
        self.put_call(turn, old);
        self.put_call(turn, new);
    }

    fn move_to(&mut self, turn: &mut Turn<'_>, old: &mut Slot, index: usize, new: &mut Slot) {
        let leg = Arc::clone(&old.call.legs[index]);
        let next = Ordinal::next(&leg.id);
        let gone = leg.other_leg.as_ref() == Some(&next);
        if gone || new.call.legs.iter().any(|leg| leg.id == next) || !new.is_open() {
            return;
        }
        let at = turn.mark.when();
        let mark = turn.mark.clone();
        old.mark = Some(mark.clone());
        new.mark = Some(mark);
        link(old, &new.call.id);
        link(new, &old.call.id);
        self.adopt(turn, old, new.call.interaction_id.clone());

        let mut ended = (*leg).clone();
        let mut step = Step {
            kind: Some(EventType::LegEnded),
            from: Some(leg.state),
            to: Some(LegState::Ended),
            at: Some(at),
            ..Step::default()
        };
        ended.other_leg = Some(next.clone());
        if leg.is_open() {
            let mut times = Times::of_leg(&ended);
            times.ended = Some(at);
            times.write_leg(&mut ended);
            ended.state = LegState::Ended;
        } else {
            step.kind = None;
            step.fields.push("other_leg");
        }
        ended.end = Some(End::new(
            Cause::Transferred,
            Outcome::Transferred,
            EndedBy::System,
            Basis::Native,
        ));
        old.call_mut().legs[index] = Arc::new(ended);
        self.say_leg(turn, old, index, &step);
        if old.is_open() {
            self.watch_legs(turn, old);
        }

        let mut moved = (*leg).clone();
        moved.native.remove("clamped");
        moved.id = next;
        moved.state = LegState::Connected;
        moved.started_at = at;
        moved.ringing_at = None;
        moved.answered_at = Some(at);
        moved.ended_at = None;
        moved.end = None;
        moved.other_leg = Some(leg.id.clone());
        let index = new.call.legs.len();
        self.involve_party(&mut new.involved, &moved.party);
        new.call_mut().legs.push(Arc::new(moved));
        let step = Step {
            kind: Some(EventType::LegStarted),
            to: Some(LegState::Connected),
            at: Some(at),
            ..Step::default()
        };
        self.say_leg(turn, new, index, &step);
        self.watch_legs(turn, new);
    }

    /// The parties of a call changed.
    pub(super) fn transferred(
        &mut self,
        turn: &mut Turn<'_>,
        slot: &mut Slot,
        kind: TransferKind,
        from: Option<&Party>,
        to: Option<&Party>,
        related: Option<&Text>,
    ) {
        if !slot.is_open() {
            return;
        }
        let tenant = slot.call.tenant.clone();
        let known = |party: Option<&Party>| {
            party.map(|party| {
                let mut party = party.clone();
                self.enrich(&turn.mark.source, tenant.as_ref(), &mut party);
                party
            })
        };
        let related = related.map(|key| turn.mark.source.entity(key));
        let transfer = Transfer {
            kind,
            from: known(from),
            to: known(to),
            related_call: related.clone(),
        };
        // The same transfer, told again by a repeated message or by the record, which may date it by its own lights.
        let seen = (turn.mark.time, transfer.clone());
        if slot.transfers.iter().any(|known| is_repeat(known, &seen)) {
            return;
        }
        if slot.transfers.len() >= MAX_TRANSFERS {
            slot.transfers.remove(0);
        }
        slot.transfers.push(seen);
        for party in [&transfer.from, &transfer.to].into_iter().flatten() {
            self.involve_party(&mut slot.involved, party);
        }
        if slot.pending.transfer.is_some() {
            self.announce(turn, slot);
        }
        slot.pending.touched = true;
        slot.pending.at = Some(turn.mark.when());
        slot.pending.transfer = Some(transfer);
        let Some(related) = related.filter(|related| *related != slot.call.id) else {
            return;
        };
        link(slot, &related);
        slot.changed("related_calls");
        let interaction = slot.call.interaction_id.clone();
        let id = slot.call.id.clone();
        match self.take_call(turn, &related) {
            Some(mut consultation) => {
                consultation.mark = Some(turn.mark.clone());
                link(&mut consultation, &id);
                self.adopt(turn, &mut consultation, interaction);
                self.put_call(turn, consultation);
            }
            None => self.await_adoption(turn, &related, id),
        }
    }

    /// A call becomes part of an interaction that began before it.
    pub(super) fn adopt(&mut self, turn: &mut Turn<'_>, slot: &mut Slot, interaction: EntityId) {
        if !slot.is_open() || slot.call.interaction_id == interaction {
            return;
        }
        slot.call_mut().interaction_id = interaction;
        let change = Change {
            fields: vec!["interaction_id".into(), "related_calls".into()],
            ..Change::default()
        };
        let data = Data {
            change: Some(change),
            ..Data::default()
        };
        let at = turn.mark.when();
        self.say_call(turn, slot, EventType::CallUpdated, at, false, data);
    }
}

/// Names another call as related.
pub(super) fn link(slot: &mut Slot, other: &EntityId) {
    if slot.hollow {
        return;
    }
    if !slot.call.related_calls.contains(other) && slot.call.related_calls.len() < MAX_RELATED {
        slot.call_mut().related_calls.push(other.clone());
        slot.pending.touched = true;
    }
}

fn is_repeat(known: &(Option<Timestamp>, Transfer), told: &(Option<Timestamp>, Transfer)) -> bool {
    let (Some(a), Some(b)) = (known.0, told.0) else {
        return false;
    };
    let number = |party: &Option<Party>| {
        let party = party.as_ref()?;
        let inside = party.extension.as_ref().map(|inside| inside.number.clone());
        inside.or_else(|| party.number.as_ref().map(|number| number.raw.clone()))
    };
    let same =
        number(&known.1.from) == number(&told.1.from) && number(&known.1.to) == number(&told.1.to);
    same && a.millis_since(b).max(b.millis_since(a)) <= SAME_TRANSFER_MS
}

/// Two tellings of a transfer between the same parties are of the same one when they are no further apart, milliseconds.
const SAME_TRANSFER_MS: u64 = 120_000;
/// The most calls that a call names as related.
const MAX_RELATED: usize = 32;
/// How many transfers of a call are remembered to tell repeats.
const MAX_TRANSFERS: usize = 8;
