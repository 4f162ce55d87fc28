//! Transfers. Nothing says that one happened: legs come and go, change their session, or show another number.

use model::{Fact, LegRole, LegState, Party, Text, event::TransferKind, observation::LegPatch};

use super::{
    Translator,
    session::{Leg, Session, moved_key},
    tell::{self, Telling},
};

impl Translator {
    /// Who answered leaves, and somebody else is rung for the caller.
    pub(super) fn blind_transfer(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        from: usize,
        to: usize,
    ) {
        session.legs[from].handed_on = true;
        let (from, to) = (
            session.legs[from].party.clone(),
            session.legs[to].party.clone(),
        );
        let fact = transferred(session, TransferKind::Blind, Some(from), Some(to), None);
        tell.inferred("CALL_END.handed_on", fact);
    }

    /// Who answers without having been rung, while somebody else is, has picked the call up.
    pub(super) fn picked_up(&mut self, tell: &mut Telling, session: &Session, at: usize) {
        let taker = &session.legs[at];
        if taker.rang || taker.extension.is_none() || session.gapped {
            return;
        }
        let rings = |leg: &&Leg| {
            leg.is_ringing() && leg.extension.is_some() && leg.extension != taker.extension
        };
        let rung: Vec<&Leg> = session.legs.iter().filter(rings).collect();
        let Some(first) = rung.first() else {
            return;
        };
        if rung.iter().any(|leg| leg.extension != first.extension) {
            return;
        }
        let (from, to) = (first.party.clone(), taker.party.clone());
        let fact = transferred(session, TransferKind::Pickup, Some(from), Some(to), None);
        tell.inferred("CALL_ANSWER.picked_up", fact);
    }

    /// A leg came: when somebody has just left the caller alone, it is for him.
    pub(super) fn somebody_came(&mut self, tell: &mut Telling, session: &mut Session, at: usize) {
        if session.legs[at].role != LegRole::Callee {
            return;
        }
        if let Some(from) = session.handed_on_by.take() {
            let to = session.legs[at].party.clone();
            let fact = transferred(session, TransferKind::Blind, Some(from), Some(to), None);
            tell.inferred("CALL_START.handed_on", fact);
        }
    }

    /// A leg of one session is said to be in another. The older session survives, whichever id it has then; it is what
    /// consumers know the customer's call by. Yields the session that the leg is in now.
    pub(super) fn moved(
        &mut self,
        tell: &mut Telling,
        home: &Text,
        told: &str,
        leg: &Text,
    ) -> Option<Box<Session>> {
        let key = self.sessions.resolve(told);
        let mut from = self.sessions.take(home)?;
        let Some(mut to) = self.sessions.take(&key) else {
            // An id that nobody has heard of is another name of the same.
            if !self.sessions.is_closed(&key) {
                self.sessions.alias(told, &mut from);
                self.remember_names(tell, &from);
            }
            return Some(from);
        };
        if from.ended || to.ended {
            self.sessions.put(to, tell.now);
            return Some(from);
        }
        if to.serial < from.serial {
            self.leg_moves(tell, &mut from, &mut to, leg);
            self.leave(tell, from);
            return Some(to);
        }
        // The PBX goes on under the younger id: its legs move over instead, but for whoever made the transfer.
        self.sessions.alias(told, &mut from);
        let staying: Vec<Text> = from
            .called()
            .filter_map(|leg| leg.extension.clone())
            .collect();
        let moving: Vec<Text> = to
            .legs
            .iter()
            .filter(|leg| leg.is_open())
            .filter(|leg| {
                leg.role == LegRole::Callee
                    || !leg.extension.as_ref().is_some_and(|e| staying.contains(e))
            })
            .map(|leg| leg.id.clone())
            .collect();
        for leg in moving {
            self.leg_moves(tell, &mut to, &mut from, &leg);
        }
        self.remember_names(tell, &from);
        self.leave(tell, to);
        Some(from)
    }

    /// Both sides of a transfer are shown each other's numbers, while their sessions keep their ids.
    pub(super) fn numbers_cross(&mut self, tell: &mut Telling, session: &mut Session, at: usize) {
        let Some(shown) = session.legs[at].shows.clone() else {
            return;
        };
        let at_caller = session.legs[at].role == LegRole::Caller;
        let Some(other) = self.counterpart(session, at_caller, &shown) else {
            return;
        };
        let Some(mut other) = self.sessions.take(&other) else {
            return;
        };
        if at_caller {
            // The customer's call is in hand; the other is the consultation.
            if let Some(leg) = consulted(&other).map(|leg| leg.id.clone()) {
                self.leg_moves(tell, &mut other, session, &leg);
            }
            self.leave(tell, other);
        } else {
            let leg = session.legs[at].id.clone();
            self.leg_moves(tell, session, &mut other, &leg);
            self.sessions.set_grace(&mut other, None);
            self.sessions.put(other, tell.now);
        }
    }

    /// The one call that the number on the display can mean: made by, or answered by, the same extension.
    fn counterpart(&self, session: &Session, at_caller: bool, shown: &Text) -> Option<Text> {
        let hinge: Vec<&Text> = if at_caller {
            session
                .called()
                .filter(|leg| leg.answered)
                .filter_map(|leg| leg.extension.as_ref())
                .collect()
        } else {
            session
                .caller()
                .and_then(|leg| leg.extension.as_ref())
                .into_iter()
                .collect()
        };
        let mut found = Vec::new();
        for extension in hinge {
            for other in self.sessions.with_extension(extension) {
                if other.ended || other.key == session.key || found.contains(&other.key) {
                    continue;
                }
                let by_caller = |leg: &Leg| leg.extension.as_ref() == Some(extension);
                let fits = if at_caller {
                    other.caller().is_some_and(by_caller)
                        && other.serial > session.serial
                        && consulted(other).is_some_and(|leg| is_at(leg, shown))
                } else {
                    other.serial < session.serial
                        && other.called().any(|leg| leg.answered && by_caller(leg))
                        && other.caller().is_some_and(|leg| is_at(leg, shown))
                };
                if fits {
                    found.push(other.key.clone());
                }
            }
        }
        match found.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        }
    }

    /// A leg goes on in another call, where it is connected.
    fn leg_moves(&mut self, tell: &mut Telling, from: &mut Session, to: &mut Session, leg: &Text) {
        let Some(at) = from.find(leg).filter(|at| from.legs[*at].is_open()) else {
            return;
        };
        let mut leg = from.legs[at].clone();
        let fact = Fact::LegMoved {
            from: from.key.clone(),
            leg: leg.key.clone(),
            to: to.key.clone(),
        };
        tell.inferred("transfer.leg", fact);
        from.legs[at].state = LegState::Ended;
        from.legs[at].ended_at = Some(tell.now.mono);
        from.lost_a_leg = true;
        self.sessions.unindex_leg(&from.key, &leg);
        leg.key = moved_key(&leg.key);
        leg.state = LegState::Connected;
        leg.answered = true;
        leg.handed_on = false;
        let by = transferor(from, to);
        let party = by.and_then(|at| {
            to.legs[at].handed_on = true;
            some(&to.legs[at].party)
        });
        let came = some(&leg.party);
        self.sessions.join(to, leg.clone());
        if !to.gained_from.contains(&from.key) && leg.role == LegRole::Callee {
            to.gained_from.push(from.key.clone());
            let related = Some(from.key.clone());
            let fact = transferred(to, TransferKind::Attended, party, came, related);
            tell.inferred("transfer.attended", fact);
        }
        if let Some(at) = by.filter(|at| to.legs[*at].is_open()) {
            let patch = LegPatch {
                native: tell::native(&[("transferred_to", Some(&leg.key))]),
                ..LegPatch::default()
            };
            tell.inferred("transfer.attended", to.leg_fact(at, None, patch));
        }
    }

    /// Puts back a session that legs have moved out of.
    fn leave(&mut self, tell: &mut Telling, mut session: Box<Session>) {
        self.after_step(tell, &mut session);
        self.sessions.put(session, tell.now);
    }
}

/// Who made the transfer: the extension that made the consultation call and had answered the other.
fn transferor(consultation: &Session, call: &Session) -> Option<usize> {
    let extension = consultation.caller()?.extension.as_ref()?;
    call.legs
        .iter()
        .rposition(|leg| leg.role == LegRole::Callee && leg.extension.as_ref() == Some(extension))
}

/// Who was asked in a consultation call.
fn consulted(session: &Session) -> Option<&Leg> {
    let open: Vec<&Leg> = session.called().filter(|leg| leg.is_open()).collect();
    let answered = open.iter().find(|leg| leg.answered);
    answered
        .or(open.first().filter(|_| open.len() == 1))
        .copied()
}

pub(in crate::map) fn is_at(leg: &Leg, number: &Text) -> bool {
    let party = &leg.party;
    let told = party
        .number
        .as_ref()
        .is_some_and(|told| told.raw == *number);
    let known = party
        .extension
        .as_ref()
        .is_some_and(|extension| extension.number == *number);
    told || known
}

fn transferred(
    session: &Session,
    kind: TransferKind,
    from: Option<Party>,
    to: Option<Party>,
    related: Option<Text>,
) -> Fact {
    Fact::Transferred {
        call: session.key.clone(),
        kind,
        from,
        to,
        related,
    }
}

fn some(party: &Party) -> Option<Party> {
    (!party.is_empty()).then(|| party.clone())
}
