//! Legs talk, and calls change hands: by transfer, by pickup, by two calls that become one.

use model::{
    Basis, Fact, LegRole, Party, Text, Timestamp,
    event::TransferKind,
    observation::{LegFact, LegPatch},
};

use super::{Translator, leg::Leg, read, tell::Telling};
use crate::wire::Channel;

impl Translator {
    /// A leg talks with another.
    pub(super) fn talk(
        &mut self,
        tell: &mut Telling,
        uuid: &Text,
        channel: &Channel<'_>,
        since: Option<Timestamp>,
    ) {
        let Some(other) = read::id(&channel.other_uuid).filter(|other| other != uuid) else {
            return;
        };
        let Some(leg) = self.calls.leg(uuid).cloned() else {
            return;
        };
        if leg.peer.as_ref() == Some(&other) {
            return;
        }
        let met = self
            .calls
            .leg(&other)
            .filter(|theirs| theirs.is_open())
            .cloned();
        let Some(theirs) = met else {
            // It is not seen, or not yet.
            self.calls.imagine(&other, &leg.call);
            self.joined(uuid, &other);
            return;
        };
        if theirs.call == leg.call {
            let before = partner_before(&leg, &other).or_else(|| partner_before(&theirs, uuid));
            self.changed_parties(tell, &leg, &theirs, before.as_ref(), since);
        } else {
            self.merge(tell, &leg, &theirs, since);
        }
        // What the other leg says of it next is no news.
        self.joined(uuid, &other);
        self.joined(&other, uuid);
        if let Some(call) = self.calls.leg(uuid).map(|leg| leg.call.clone())
            && let Some(call) = self.calls.call_mut(&call)
        {
            call.announced = false;
        }
    }

    /// Two legs of one call talk. Somebody may have been replaced.
    pub(super) fn changed_parties(
        &mut self,
        tell: &mut Telling,
        leg: &Leg,
        theirs: &Leg,
        before: Option<&Text>,
        since: Option<Timestamp>,
    ) {
        let announced = self
            .calls
            .call(&leg.call)
            .is_some_and(|call| call.announced);
        let picker = [leg, theirs].into_iter().find(|leg| leg.picks_up).cloned();
        if let Some(picker) = picker {
            if let Some(leg) = self.calls.leg_mut(&picker.uuid) {
                leg.picks_up = false;
            }
            let from = before
                .map(|before| self.hand_on(before))
                .unwrap_or_else(|| self.rung(&picker));
            // Whoever answers their own ringing call in another way takes nobody's place, and may be the one who is not
            // known to have been rung.
            let Some(from) = from.filter(|from| {
                let own = from.user.is_some() && from.user == picker.party().user;
                !own
            }) else {
                return;
            };
            let fact = Fact::Transferred {
                call: leg.call.clone(),
                kind: TransferKind::Pickup,
                from: Some(from),
                to: Some(picker.party()),
                related: None,
            };
            return tell.say(
                Basis::Native,
                "state.bridged.pickup",
                since.or(tell.time),
                fact,
            );
        }
        let Some(before) = before else {
            return;
        };
        let from = self.hand_on(before);
        if announced {
            return;
        }
        let fact = Fact::Transferred {
            call: leg.call.clone(),
            kind: TransferKind::Unknown,
            from,
            to: Some(theirs.party()),
            related: None,
        };
        tell.say(
            Basis::Inferred,
            "state.bridged.other_leg",
            since.or(tell.time),
            fact,
        );
    }

    /// Legs of two calls talk: the later call's leg goes on in the earlier call.
    pub(super) fn merge(
        &mut self,
        tell: &mut Telling,
        leg: &Leg,
        theirs: &Leg,
        since: Option<Timestamp>,
    ) {
        let age = |leg: &Leg| {
            let started = self.calls.call(&leg.call).and_then(|call| call.started);
            (started.is_none(), started, leg.call.clone())
        };
        let (stays, moves) = if age(leg) <= age(theirs) {
            (leg, theirs)
        } else {
            (theirs, leg)
        };
        let fact = Fact::LegMoved {
            from: moves.call.clone(),
            leg: moves.key.clone(),
            to: stays.call.clone(),
        };
        tell.native_at("state.bridged.merged", since, fact);
        let from = partner_before(stays, &moves.uuid).and_then(|replaced| self.hand_on(&replaced));
        if let Some(consulted) = moves.talked.clone().filter(|peer| *peer != stays.uuid) {
            self.hand_on(&consulted);
        }
        // A leg that the PBX made for another call was asked there, heard or not.
        let kind = if moves.talked.is_some() || moves.outbound {
            TransferKind::Attended
        } else {
            TransferKind::Pickup
        };
        let fact = Fact::Transferred {
            call: stays.call.clone(),
            kind,
            from,
            to: Some(moves.party()),
            related: Some(moves.call.clone()),
        };
        tell.say(
            Basis::Inferred,
            "state.bridged.merged",
            since.or(tell.time),
            fact,
        );
        self.calls.move_leg(&moves.uuid, &stays.call);
        if moves.role == LegRole::Caller {
            // It called for a call of its own, and is one of those who were reached in this one.
            self.now_callee(tell, &moves.uuid, since);
        }
        if let Some(call) = self.calls.call_mut(&stays.call) {
            call.answered |= moves.answered;
        }
        self.end_if_over(tell, &moves.call, since);
    }

    pub(super) fn now_callee(&mut self, tell: &mut Telling, uuid: &Text, since: Option<Timestamp>) {
        let Some(leg) = self.calls.leg_mut(uuid) else {
            return;
        };
        leg.role = LegRole::Callee;
        leg.told.role = Some(LegRole::Callee);
        let patch = LegPatch {
            role: Some(LegRole::Callee),
            ..LegPatch::default()
        };
        let fact = LegFact {
            call: leg.call.clone(),
            leg: leg.key.clone(),
            state: None,
            patch,
            end: None,
        };
        tell.native_at("state.bridged.merged", since, Fact::Leg(Box::new(fact)));
    }

    /// Remembers who talks with whom.
    pub(super) fn joined(&mut self, uuid: &Text, other: &Text) {
        if let Some(leg) = self.calls.leg_mut(uuid) {
            leg.peer = Some(other.clone());
            leg.talked = Some(other.clone());
            leg.conversed = true;
        }
    }

    /// Whoever was talked with is so no more, because somebody else is.
    pub(super) fn hand_on(&mut self, uuid: &Text) -> Option<Party> {
        let leg = self.calls.leg_mut(uuid)?;
        leg.handed_on = true;
        Some(leg.party()).filter(|party| !party.is_empty())
    }

    /// Whose phone rings for the call that somebody else picks up.
    pub(super) fn rung(&self, picker: &Leg) -> Option<Party> {
        let call = self.calls.call(&picker.call)?;
        let callees = self
            .calls
            .legs_of(call)
            .filter(|leg| leg.role == LegRole::Callee && leg.uuid != picker.uuid);
        let last = callees.filter(|leg| leg.rang && !leg.answered).last();
        last.map(Leg::party)
    }
}

/// Whom a leg talked with before it talked with `now`.
fn partner_before(leg: &Leg, now: &Text) -> Option<Text> {
    let before = leg.peer.clone().or_else(|| leg.talked.clone());
    before.filter(|before| before != now)
}
