//! The legs of calls, as a PBX tells them: `CALL_START` to `CALL_END`.

use model::{
    Direction, Fact, LegRole, LegState, Native, Party, RouteKind, Text, TrunkRef,
    observation::{CallPatch, ExtensionPatch, LegPatch, Ref},
};

use super::{
    Translator, directory,
    read::{flag, text},
    session::{Leg, Session, leg_id},
    tell::{self, Telling},
    words,
};
use crate::wire::{CallLeg, CallStep};

/// What a leg event tells, read once.
pub(super) struct Told<'a> {
    pub(super) body: &'a CallLeg<'a>,
    pub(super) id: Text,
    /// The PBX calls it a leg towards itself.
    pub(super) inbound_leg: bool,
    pub(super) extension: Option<&'a str>,
    /// It is the leg of whoever let the PBX make the call: he is rung first, and is the caller.
    pub(super) clicked: bool,
}

impl Translator {
    /// An event of a leg.
    pub(super) fn call_leg(
        &mut self,
        tell: &mut Telling,
        server: Option<&str>,
        step: CallStep,
        body: &CallLeg<'_>,
    ) {
        self.extension_does(tell, body);
        let Some(session_id) = text(&body.session_id) else {
            return tell.missing("sessionId");
        };
        let Some(channel) = text(&body.channel) else {
            return tell.missing("channel");
        };
        let mut told = Told {
            body,
            id: leg_id(server.unwrap_or(""), channel),
            inbound_leg: self.is_inbound(tell, body),
            extension: text(&body.extension),
            clicked: false,
        };
        let Some(mut session) = self.session_of(tell, session_id, Some(&told.id)) else {
            return;
        };
        if session.ended {
            return self.sessions.put(session, tell.now);
        }
        session.stale = false;
        told.clicked = is_clicked(&session, &told);
        self.meet_call(tell, &mut session, &told, step, session_id);
        let at = match session.find(&told.id) {
            Some(at) => at,
            None => self.meet_leg(tell, &mut session, &told),
        };
        session.legs[at].confirmed = true;
        self.describe(tell, &mut session, at, &told);
        self.step(tell, &mut session, at, step, &told);
        self.adopt_trunk_call(tell, &mut session);
        self.after_step(tell, &mut session);
        self.sessions.put(session, tell.now);
    }

    /// Legs without a word about their direction are those of the called side: a call has many of them and one of the
    /// other.
    fn is_inbound(&self, tell: &mut Telling, body: &CallLeg<'_>) -> bool {
        match text(&body.leg) {
            Some("I" | "i") => true,
            Some("O" | "o") | None => false,
            Some(word) => {
                tell.strange("leg", word);
                false
            }
        }
    }

    /// `extensionState` is what the extension does now, in all its calls.
    fn extension_does(&mut self, tell: &mut Telling, body: &CallLeg<'_>) {
        let (Some(id), Some(word)) = (text(&body.extension), text(&body.extension_state)) else {
            return;
        };
        let Some(state) = words::extension_state(word) else {
            return tell.strange("extensionState", word);
        };
        if !self.directory.now_does(id, state) {
            return;
        }
        self.sync.touched(id);
        let fact = Fact::Extension {
            at: self.directory.extension_ref(id),
            action: None,
            patch: Box::new(ExtensionPatch {
                call_state: Some(state),
                native: tell::native(&[("extension_id", Some(id))]),
                ..ExtensionPatch::default()
            }),
        };
        tell.native("extensionState", fact);
        let in_queue = text(&body.queue_id).map(Text::from);
        let call = text(&body.session_id).map(|told| self.sessions.resolve(told));
        self.agents_do(tell, id, state, in_queue.as_ref(), call.as_ref());
    }

    /// The session of a leg, taken out of the store. A leg that is known stays in its call, unless the PBX says that it
    /// moved; one that is over has no part in any other.
    pub(super) fn session_of(
        &mut self,
        tell: &mut Telling,
        told: &str,
        leg: Option<&Text>,
    ) -> Option<Box<Session>> {
        let key = self.sessions.resolve(told);
        let known = leg.and_then(|leg| Some((leg, self.sessions.of_leg(leg)?)));
        match known {
            Some((_, home)) if *home == *told || home == key => self.sessions.take(&home),
            Some((leg, home)) if self.sessions.is_over(&home, leg) => None,
            Some((leg, home)) => self.moved(tell, &home, told, leg),
            None if self.sessions.is_closed(&key) => None,
            None => Some(match self.sessions.take(&key) {
                Some(session) => session,
                None => self.sessions.create(&key, tell.tenant.clone(), tell.now),
            }),
        }
    }

    /// The call as such: opened by its own first message, else joined while it goes on.
    fn meet_call(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        told: &Told<'_>,
        step: CallStep,
        session_id: &str,
    ) {
        let body = told.body;
        session.tenant = session.tenant.take().or_else(|| tell.tenant.clone());
        session.serves_another |= self.serves_another(session, told, step);
        let first = session.legs.is_empty();
        // Of a phone that is heard of only when it hangs up nobody knows whose numbers it shows.
        let at_last = step == CallStep::End && first && !told.inbound_leg;
        let of_itself = !session.serves_another && !at_last;
        if let Some(call_id) = text(&body.call_id)
            && session.note_call_id(call_id)
        {
            let call_id: Text = call_id.into();
            self.sessions.index_call_id(&session.key, &call_id);
        }
        if of_itself {
            let direction = self.direction(tell, session, told);
            session.direction = session.direction.or(direction);
        }
        let is_consultation = session_id != &*session.key;
        let mut patch = CallPatch {
            direction: session.direction,
            native: tell::native(&[
                ("session_id", Some(&session.key)),
                ("call_id", text(&body.call_id)),
                ("customer", tell.tenant.as_deref()),
                ("originator", text(&body.originator)),
            ]),
            ..CallPatch::default()
        };
        if !is_consultation && of_itself {
            self.parties(session, told, step, &mut patch);
        }
        if let Some(known) = self.trunk_knows(session) {
            patch = merged(&patch, &known);
        }
        let own = told.inbound_leg || by_system(body) || self.listing;
        let opens = step == CallStep::Start && first && own;
        session.gapped |= first && (self.listing || !opens);
        let news = news(&session.patch, &patch);
        session.patch = merged(&session.patch, &patch);
        if opens || news.is_some() {
            let rule = if opens {
                "CALL_START"
            } else {
                "session.joined"
            };
            let rule = if first { rule } else { "session.told" };
            tell.native(rule, session.call_fact(opens, news.unwrap_or_default()));
        }
    }

    /// After a transfer that was not heard, a phone serves the inbound leg of an older call, and shows that one's numbers
    /// and direction. A Call-ID that it did not begin with betrays it.
    fn serves_another(&self, session: &Session, told: &Told<'_>, step: CallStep) -> bool {
        let begins = step == CallStep::Start && !self.listing;
        if told.inbound_leg || begins || session.caller().is_some() {
            return false;
        }
        let new = text(&told.body.call_id).filter(|id| !session.has_call_id(id));
        let of = new.and_then(|id| self.sessions.of_call_id(id));
        let other = of.and_then(|of| self.sessions.get(&of));
        other.is_some_and(|other| other.serial < session.serial)
    }

    /// Who called and what was dialled. The leg towards the PBX says so; others only when nothing else is known.
    fn parties(
        &mut self,
        session: &Session,
        told: &Told<'_>,
        step: CallStep,
        patch: &mut CallPatch,
    ) {
        let body = told.body;
        let hidden = flag(&body.hide_other_party).unwrap_or(false);
        let inside = told.inbound_leg.then_some(told.extension).flatten();
        let mut caller = self
            .directory
            .party(text(&body.caller), text(&body.caller_name), inside);
        caller.private =
            flag(&body.caller_privacy).unwrap_or(false) || (hidden && !told.inbound_leg);
        let mut callee = self
            .directory
            .party(text(&body.callee), text(&body.callee_name), None);
        callee.private = hidden && told.inbound_leg;
        if told.clicked {
            // Whom he wants is told by the next leg.
            let mut clicked =
                self.directory
                    .party(text(&body.callee), text(&body.callee_name), told.extension);
            clicked.private = callee.private;
            patch.caller = some(clicked);
            return;
        }
        if told.inbound_leg || !by_system(body) || session.caller().is_none() {
            patch.caller = some(caller);
        }
        let known = session.patch.callee.is_some();
        // Where a leg goes need not be what was dialled, unless the PBX itself dials; and whoever is in a call for a while
        // may be shown somebody else.
        let begins = step == CallStep::Start && !self.listing;
        let dialled = begins || text(&body.callee).is_some_and(directory::is_public);
        if (told.inbound_leg && dialled) || (by_system(body) && !known) {
            patch.callee = some(callee);
        }
        if told.inbound_leg
            && text(&body.direction) == Some("I")
            && let Some(did) = text(&body.callee).filter(|did| directory::is_public(did))
        {
            patch.did = Some(self.directory.public(did));
        }
    }

    /// From outside, to outside or between extensions. That of a call made here is known from where it goes.
    fn direction(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        told: &Told<'_>,
    ) -> Option<Direction> {
        match text(&told.body.direction) {
            Some("I" | "i") => {
                session.from_outside = Some(true);
                return Some(Direction::Inbound);
            }
            Some("O" | "o") => session.from_outside = Some(false),
            Some(word) => tell.strange("direction", word),
            None => {}
        }
        if session.from_outside != Some(false) {
            return None;
        }
        let callee = text(&told.body.callee)?;
        if told.clicked {
            return None;
        }
        let inside = self.directory.is_inside(callee);
        if inside || (!told.inbound_leg && told.extension.is_some()) {
            return Some(Direction::Internal);
        }
        if directory::is_public(callee) {
            return Some(Direction::Outbound);
        }
        // A short number may be one of ours or a service of the network: the leg that goes there tells.
        (!told.inbound_leg).then_some(Direction::Internal)
    }

    /// A leg that has not been heard of.
    fn meet_leg(&mut self, tell: &mut Telling, session: &mut Session, told: &Told<'_>) -> usize {
        let role = if told.inbound_leg || told.clicked {
            LegRole::Caller
        } else {
            LegRole::Callee
        };
        let mut leg = Leg::new(&told.id, role);
        leg.extension = told.extension.map(Into::into);
        leg.queue = text(&told.body.queue_id).map(Into::into);
        session.served &= role == LegRole::Caller;
        let at = self.sessions.join(session, leg);
        let patch = self.leg_patch(session, at, told);
        session.legs[at].party = patch.party.clone().unwrap_or_default();
        session.legs[at].shows = other_side(told);
        let fact = session.leg_fact(at, Some(LegState::Initiated), patch);
        tell.native("leg.met", fact);
        self.somebody_came(tell, session, at);
        at
    }

    fn leg_patch(&mut self, session: &Session, at: usize, told: &Told<'_>) -> LegPatch {
        let body = told.body;
        let leg = &session.legs[at];
        let (number, name) = if told.inbound_leg {
            (&body.caller, &body.caller_name)
        } else {
            (&body.callee, &body.callee_name)
        };
        let mut party = self
            .directory
            .party(text(number), text(name), told.extension);
        party.private = told.inbound_leg && flag(&body.caller_privacy).unwrap_or(false);
        let queue = text(&body.queue_id);
        if let Some(queue) = queue {
            self.directory.learn_queue(queue, None);
        }
        LegPatch {
            role: Some(leg.role),
            party: some(party),
            device: text(&body.device).map(|device| self.source.entity(device).text()),
            queue: queue.map(|queue| self.directory.queue_ref(queue)),
            route: None,
            native: tell::native(&[
                ("channel", text(&body.channel)),
                ("pbx_server", told.id.split(':').next()),
                ("device", text(&body.device)),
            ]),
        }
    }

    /// What else an event tells of a leg that is known.
    fn describe(&mut self, tell: &mut Telling, session: &mut Session, at: usize, told: &Told<'_>) {
        let extension: Option<Text> = told.extension.map(Into::into);
        let leg = &mut session.legs[at];
        if leg.extension.is_none() && extension.is_some() {
            leg.extension.clone_from(&extension);
            if let Some(extension) = &extension {
                self.sessions.index_extension(&session.key, extension);
            }
        }
        if leg.queue.is_none() {
            leg.queue = text(&told.body.queue_id).map(Into::into);
        }
        let patch = self.leg_patch(session, at, told);
        let leg = &mut session.legs[at];
        let mut party = leg.party.clone();
        if let Some(told) = &patch.party {
            party.merge(told);
        }
        if party == leg.party {
            return;
        }
        leg.party = party;
        tell.native("leg.told", session.leg_fact(at, None, patch));
    }

    fn step(
        &mut self,
        tell: &mut Telling,
        session: &mut Session,
        at: usize,
        step: CallStep,
        told: &Told<'_>,
    ) {
        let leg = &mut session.legs[at];
        if leg.state == LegState::Ended {
            return;
        }
        let person_called = leg.role == LegRole::Callee;
        let (state, rule) = match step {
            CallStep::Start if !self.listing => return,
            CallStep::Start | CallStep::Update => return self.shown(tell, session, at, told),
            CallStep::End => return self.leg_ended(tell, session, at),
            // That the caller hears it ring is no alerting of his phone; that of a click is.
            CallStep::Ring if told.inbound_leg => return,
            CallStep::Ring if leg.answered || leg.rang => return,
            CallStep::Ring => (LegState::Ringing, "CALL_RING"),
            CallStep::Answer if leg.answered => return,
            CallStep::Answer => (LegState::Connected, "CALL_ANSWER"),
            CallStep::Hold if leg.state == LegState::Held => return,
            CallStep::Hold => (LegState::Held, "CALL_HOLD"),
            CallStep::Unhold if leg.state == LegState::Connected => return,
            CallStep::Unhold => (LegState::Connected, "CALL_UNHOLD"),
        };
        leg.state = state;
        match state {
            LegState::Ringing => leg.rang = true,
            LegState::Connected | LegState::Held => leg.answered = true,
            LegState::Initiated | LegState::Queued | LegState::Ended => {}
        }
        let fact = session.leg_fact(at, Some(state), LegPatch::default());
        tell.native(rule, fact);
        if !person_called && step == CallStep::Answer && !told.clicked {
            let rings = session.called().any(Leg::is_open);
            session.served = !rings;
        }
        if person_called && state == LegState::Connected {
            session.left = None;
        }
        if person_called && step == CallStep::Answer {
            self.picked_up(tell, session, at);
        }
    }

    /// The numbers on a display changed.
    fn shown(&mut self, tell: &mut Telling, session: &mut Session, at: usize, told: &Told<'_>) {
        let shows = other_side(told);
        let leg = &mut session.legs[at];
        if shows.is_none() || shows == leg.shows {
            return;
        }
        leg.shows = shows;
        self.numbers_cross(tell, session, at);
    }
}

/// The route to a service.
pub(super) fn service(kind: RouteKind, at: &Ref, name: Option<Text>) -> model::Route {
    model::Route {
        kind,
        id: at.id.clone(),
        number: at.number.clone(),
        name,
    }
}

/// The number that a leg is shown: of whoever is at the other side.
fn other_side(told: &Told<'_>) -> Option<Text> {
    let number = if told.inbound_leg {
        &told.body.callee
    } else {
        &told.body.caller
    };
    text(number).map(Into::into)
}

/// In a call that the PBX makes for somebody, he is rung first.
fn is_clicked(session: &Session, told: &Told<'_>) -> bool {
    let first = match session.find(&told.id) {
        Some(at) => session.legs[at].role == LegRole::Caller,
        None => session.legs.is_empty(),
    };
    let queued = text(&told.body.queue_id).is_some();
    first && !told.inbound_leg && by_system(told.body) && !queued
}

fn by_system(body: &CallLeg<'_>) -> bool {
    text(&body.originator).is_some_and(|word| words::normal(word) == "SYSTEM")
}

pub(super) fn some(party: Party) -> Option<Party> {
    (!party.is_empty()).then_some(party)
}

/// What of a message is new, if anything is. Parties stay as they were first told.
pub(super) fn news(known: &CallPatch, told: &CallPatch) -> Option<CallPatch> {
    let all = merged(known, told);
    let mut native = Native::new();
    for (name, value) in told.native.iter() {
        if known.native.get(name) != Some(value) && all.native.get(name) == Some(value) {
            native.set(name, value.clone());
        }
    }
    fn changed<T: PartialEq + Clone>(all: &Option<T>, known: &Option<T>) -> Option<T> {
        all.clone().filter(|_| all != known)
    }
    let news = CallPatch {
        direction: changed(&all.direction, &known.direction),
        caller: changed(&all.caller, &known.caller),
        callee: changed(&all.callee, &known.callee),
        did: changed(&all.did, &known.did),
        trunk: changed(&all.trunk, &known.trunk),
        route: changed(&all.route, &known.route),
        native,
    };
    (news != CallPatch::default()).then_some(news)
}

/// What is known after a message: what was first told, and what nothing was told of before.
pub(super) fn merged(old: &CallPatch, new: &CallPatch) -> CallPatch {
    fn party(old: &Option<Party>, new: &Option<Party>) -> Option<Party> {
        match (old, new) {
            (Some(old), Some(new)) => {
                let mut both = new.clone();
                both.merge(old);
                // A second name or extension of another number is that of somebody else.
                let same =
                    old.number.as_ref().map(|n| &n.raw) == new.number.as_ref().map(|n| &n.raw);
                Some(if same || old.number.is_none() {
                    both
                } else {
                    Party {
                        private: both.private,
                        ..old.clone()
                    }
                })
            }
            (old, new) => old.clone().or_else(|| new.clone()),
        }
    }
    let mut native = new.native.clone();
    native.merge(&old.native);
    let trunk: Option<TrunkRef> = old.trunk.clone().or_else(|| new.trunk.clone());
    CallPatch {
        direction: old.direction.or(new.direction),
        caller: party(&old.caller, &new.caller),
        callee: party(&old.callee, &new.callee),
        did: old.did.clone().or_else(|| new.did.clone()),
        trunk,
        route: new.route.clone().or_else(|| old.route.clone()),
        native,
    }
}
