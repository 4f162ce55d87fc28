//! Calls that are handed on: by whom, to whom, and how, as far as the PBX's messages prove it.
//!
//! Asking first makes a call of its own. When it is joined to the first, whoever was asked goes on in the first call,
//! and the consultation becomes part of its interaction.

use std::time::Duration;

use model::{
    Basis, Cause, Direction, End, EndedBy, Fact, LegState, Outcome, Text, Timestamp,
    event::TransferKind, observation::LegPatch,
};

use super::{
    Translator,
    directory::Side,
    infer::only,
    session::{Aim, Session, Track},
    sessions::GRACE,
    tell::{self, Telling},
    words::normal,
};

/// How far apart the messages about one pickup may be, by the PBX's clock.
const PICKUP: Duration = Duration::from_secs(2);

impl Translator {
    /// Whoever had answered at a leg hands the call on.
    pub(super) fn handed_on(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        leg: usize,
        to: &Text,
        rule: &'static str,
    ) {
        let from = session.legs[leg].user.clone();
        if !session.is_first_handover(&from, to) {
            return mark_handed_on(tell, session, leg, to, rule);
        }
        let (kind, asked) = self.kind_of(session, &from, to, tell);
        self.transferred(tell, session, (kind, &from, to), asked.as_ref(), rule);
        mark_handed_on(tell, session, leg, to, rule);
        if let Some(asked) = asked {
            self.join(tell, session, &asked, to);
        }
    }

    /// Somebody answers whom the answering side had asked before: the PBX may tell nothing else of the transfer.
    pub(super) fn taken_over(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        aim: &Aim,
        rule: &'static str,
    ) {
        if session.legs.iter().any(|leg| leg.user == aim.user) {
            return;
        }
        let Some(leg) = session.talked_last(&aim.user) else {
            return;
        };
        let from = session.legs[leg].user.clone();
        if let (TransferKind::Attended, Some(_)) = self.kind_of(session, &from, &aim.user, tell) {
            self.handed_on(tell, session, leg, &aim.user, rule);
        }
    }

    /// Somebody answers who was not rung, in place of the only one who was.
    pub(super) fn picked_up(&mut self, tell: &mut Telling, session: &mut Session, aim: &Aim) {
        let tenant = session.tenant.clone();
        let dialled = session.latest.as_ref().or(session.callee.as_ref());
        let told = tell.time;
        let just_now = |at: &Option<Timestamp>| match (at, told) {
            (Some(at), Some(told)) => *at >= told.before(PICKUP),
            _ => false,
        };
        let rung = |leg: &Track| {
            leg.rang
                && !leg.answered
                && leg.native
                && leg.service.is_none()
                && Some(&leg.user) == dialled
                && leg.end.as_ref().is_none_or(|(at, _)| just_now(at))
        };
        let all = session.legs.iter().all(rung) && !session.legs.is_empty();
        let stranger = Some(&aim.user) != dialled
            && self.directory.is_extension(tenant.as_ref(), &aim.user)
            && session.caller.as_ref() != Some(&aim.user);
        // Through a gap the rung one may have answered, and handed the call on, unheard.
        if !all || session.answered || session.gapped || !stranger {
            return;
        }
        let from = session.legs[0].user.clone();
        let rule = "target_answer.picked_up";
        if session.is_first_handover(&from, &aim.user) {
            let parties = (TransferKind::Pickup, &from, &aim.user);
            self.transferred(tell, session, parties, None, rule);
        }
        for leg in 0..session.legs.len() {
            mark_handed_on(tell, session, leg, &aim.user, rule);
        }
    }

    /// The record of a call says how a leg was handed on that was not heard to be.
    pub(super) fn recorded_handover(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        (from, to): (&Text, &Text),
        (reason, answered): (&str, bool),
        at: Option<Timestamp>,
    ) {
        let kind = match (normal(reason).as_str(), answered) {
            ("REPLACED", false) => TransferKind::Pickup,
            ("REFERRED" | "BLIND_TRANSFER_COMPLETE" | "BLIND_TRANSFER_COMPLETED", true) => {
                TransferKind::Blind
            }
            (
                "REPLACED"
                | "ATTENDED_TRANSFER_COMPLETE"
                | "ATTENDED_TRANSFER_COMPLETED"
                | "CONSULT_TRANSFER_COMPLETE"
                | "CONSULT_TRANSFER_COMPLETED",
                true,
            ) => TransferKind::Attended,
            _ => return,
        };
        if from == to || !session.is_first_handover(from, to) {
            return;
        }
        let asked = match kind {
            TransferKind::Attended => self.consultation(session, from, to, tell),
            _ => None,
        };
        let own = tell.shift(at);
        self.say_transfer(
            tell,
            session,
            (kind, from, to),
            asked.as_ref(),
            (Basis::Native, "call_cdr.end_reason"),
        );
        tell.time = own;
    }

    /// The record of a consultation says that it was replaced: whoever was asked goes on in the call of whoever asked.
    pub(super) fn consultation_replaced(&mut self, tell: &mut Telling, key: &Text) {
        let Some(asking) = self.sessions.get(key) else {
            return;
        };
        let (Some(from), Some(to)) = (asking.caller.clone(), asking.answered_by()) else {
            return;
        };
        let tenant = asking.tenant.clone();
        let began = asking.started_at;
        // Whoever had left a call before they asked did not ask for its sake.
        let is_there = |leg: &Track| match (&leg.end, began) {
            (Some((Some(left), _)), Some(began)) => *left >= began,
            _ => true,
        };
        let with_them = |session: &&Session| {
            let asks = session.talked(&from).map(|at| &session.legs[at]);
            session.key != *key && asks.is_some_and(is_there) && session.talked(&to).is_none()
        };
        let calls = self.sessions.about(tenant.as_ref(), &from);
        let Some(call) = only(calls.filter(with_them)) else {
            return;
        };
        let Some(mut session) = self.sessions.take(&call) else {
            return;
        };
        if let Some(leg) = session.talked(&from) {
            self.handed_on(tell, &mut session, leg, &to, "call_cdr.replaced");
        }
        self.sessions.put(session, tell.now);
    }

    /// How a call is handed on, and the consultation behind it.
    pub(super) fn kind_of(
        &self,
        session: &Session,
        from: &Text,
        to: &Text,
        tell: &Telling,
    ) -> (TransferKind, Option<Text>) {
        if let Some(asked) = self.consultation(session, from, to, tell) {
            return (TransferKind::Attended, Some(asked));
        }
        let tenant = session.tenant.as_ref();
        let elsewhere = |other: &Session| other.key != session.key;
        let calls_out = matches!(
            session.direction(),
            Direction::Internal | Direction::Outbound
        ) && session.called_by.as_ref() == Some(from);
        let inside = calls_out || self.directory.is_extension(tenant, from);
        // An extension without another call has asked nobody, provided that nothing was missed since this one began.
        if inside && session.opened && !self.sessions.about(tenant, from).any(elsewhere) {
            (TransferKind::Blind, None)
        } else {
            (TransferKind::Unknown, None)
        }
    }

    /// That somebody else took a call over.
    pub(super) fn transferred(
        &mut self,
        tell: &mut Telling,
        session: &Session,
        parties: (TransferKind, &Text, &Text),
        asked: Option<&Text>,
        rule: &'static str,
    ) {
        self.say_transfer(tell, session, parties, asked, (Basis::Inferred, rule));
    }

    /// The only call in which one asked the other, and got an answer.
    fn consultation(
        &self,
        session: &Session,
        from: &Text,
        to: &Text,
        tell: &Telling,
    ) -> Option<Text> {
        let tenant = session.tenant.as_ref();
        let asked = |other: &&Session| {
            other.key != session.key
                && other.caller.as_ref() == Some(from)
                && other.talked(to).is_some()
        };
        only(self.sessions.about(tenant, to).filter(asked))
            .or_else(|| only(self.sessions.replaced(tenant, tell.now).filter(asked)))
    }

    fn say_transfer(
        &mut self,
        tell: &mut Telling,
        session: &Session,
        (kind, from, to): (TransferKind, &Text, &Text),
        asked: Option<&Text>,
        (basis, rule): (Basis, &'static str),
    ) {
        let tenant = session.tenant.as_ref();
        let known = session.patch.caller.as_ref();
        let known = known.filter(|_| session.called_by.as_ref() == Some(from));
        let from = match known {
            Some(party) => party.clone(),
            None => self.directory.party(tenant, from, None, Side::Either),
        };
        let mut to_party = self.directory.party(tenant, to, None, Side::Either);
        if let Some((number, name)) = &session.sent_to
            && number == to
        {
            to_party.name = Some(name.clone());
        }
        let fact = Fact::Transferred {
            call: session.key.clone(),
            kind,
            from: Some(from),
            to: Some(to_party),
            related: asked.cloned(),
        };
        tell.say(basis, rule, tell.time, fact);
    }

    /// Moves whoever was asked out of the consultation into the call that goes on.
    fn join(&mut self, tell: &mut Telling, session: &mut Session, asked: &Text, to: &Text) {
        if session
            .legs
            .iter()
            .any(|leg| leg.is_open() && leg.user == *to)
        {
            return;
        }
        let Some(mut other) = self.sessions.take(asked) else {
            return;
        };
        if let Some(at) = other.talked(to) {
            let leg = &mut other.legs[at];
            let fact = Fact::LegMoved {
                from: other.key.clone(),
                leg: leg.key.clone(),
                to: session.key.clone(),
            };
            tell.inferred("transfer.joined", fact);
            session.take_over(leg, tell.time);
            let (cause, outcome) = (Cause::Transferred, Outcome::Transferred);
            let end = End::new(cause, outcome, EndedBy::System, Basis::Inferred);
            leg.state = LegState::Ended;
            leg.end = Some((tell.time, end));
            self.sessions.set_grace(session, None);
            if !other.ended && other.is_deserted() {
                let deadline = tell.now.mono + GRACE;
                self.sessions.set_grace(&mut other, Some(deadline));
            }
        }
        self.sessions.put(other, tell.now);
    }
}

/// Notes where a leg handed the call on, also for the time after a restart.
fn mark_handed_on(
    tell: &mut Telling,
    session: &mut Session,
    leg: usize,
    to: &Text,
    rule: &'static str,
) {
    session.legs[leg].handed_on = true;
    let patch = LegPatch {
        native: tell::native(&[("transferred_to", Some(to))]),
        ..LegPatch::default()
    };
    let key = session.legs[leg].key.clone();
    let fact = tell::leg(session, &key, None, patch);
    tell.inferred(rule, fact);
}
