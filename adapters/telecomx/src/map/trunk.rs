//! Calls on trunks: they say how a call of a PBX ended, and are calls themselves where no PBX knows them.
//!
//! Only an equal Call-ID proves that a trunk call is a session of a PBX. Where ids differ the two stay two calls, and at
//! most name each other as related.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use adapter::Output;
use model::{
    Basis, Direction, EndedBy, Fact, LegRole, LegState, Now, Text, Timestamp, TrunkRef,
    observation::{CallPatch, LegFact, LegPatch},
    source::Alert,
};

use super::{
    Translator,
    call::{merged, news, some},
    end,
    read::{number, text},
    session::Session,
    tell::{self, Telling},
};
use crate::wire::{TrunkAlarm, TrunkCall, TrunkStep};

/// How long a trunk call waits for a PBX to tell of the same call.
const WAIT: Duration = Duration::from_secs(2);
/// How far apart the two may begin to be thought related.
const WINDOW: Duration = Duration::from_secs(2);
/// Trunk calls remembered; beyond it the oldest is forgotten.
const MAX_CALLS: usize = 100_000;
/// How long one that is over is remembered.
const LINGER: Duration = Duration::from_secs(60);
/// How long one may go without a sign.
const MAX_SILENT: Duration = Duration::from_secs(24 * 3600);

/// Calls on trunks by their Call-ID.
#[derive(Default)]
pub(super) struct Trunks {
    calls: HashMap<Text, Trunk>,
    waiting: BTreeSet<(Duration, Text)>,
    forgets: BTreeSet<(Duration, Text)>,
}

/// Why a trunk call ended, in the words of the trunk.
#[derive(Clone, Debug)]
pub(super) struct Reason {
    word: Text,
    by: Option<EndedBy>,
}

/// A call on a trunk.
#[derive(Clone, Debug)]
pub(super) struct Trunk {
    pub(super) tenant: Option<Text>,
    pub(super) patch: CallPatch,
    pub(super) began: Duration,
    pub(super) started_at: Timestamp,
    pub(super) answered_at: Option<Timestamp>,
    pub(super) end: Option<(Timestamp, Option<Reason>)>,
    /// It is a call of its own.
    pub(super) alone: bool,
    wait: Option<Duration>,
    forget: Duration,
}

impl Trunks {
    pub(super) fn next(&self) -> Option<Duration> {
        let wait = self.waiting.first().map(|(at, _)| *at);
        let forget = self.forgets.first().map(|(at, _)| *at);
        [wait, forget].into_iter().flatten().min()
    }

    pub(super) fn resume(&mut self, id: Text, trunk: Trunk) {
        self.put(id, trunk);
    }

    fn put(&mut self, id: Text, mut trunk: Trunk) {
        if self.calls.len() >= MAX_CALLS {
            self.forget_first();
        }
        self.forgets.remove(&(trunk.forget, id.clone()));
        let linger = if trunk.end.is_some() {
            LINGER
        } else {
            MAX_SILENT
        };
        trunk.forget = trunk.forget.max(trunk.began) + linger;
        self.forgets.insert((trunk.forget, id.clone()));
        self.calls.insert(id, trunk);
    }

    fn forget_first(&mut self) {
        if let Some((_, id)) = self.forgets.pop_first()
            && let Some(trunk) = self.calls.remove(&id)
            && let Some(wait) = trunk.wait
        {
            self.waiting.remove(&(wait, id));
        }
    }

    fn tidy(&mut self, now: Now) {
        while self.forgets.first().is_some_and(|(at, _)| *at <= now.mono) {
            self.forget_first();
        }
    }
}

impl Trunk {
    pub(super) fn new(tenant: Option<Text>, now: Now) -> Self {
        Self {
            tenant,
            patch: CallPatch::default(),
            began: now.mono,
            started_at: now.wall,
            answered_at: None,
            end: None,
            alone: false,
            wait: None,
            forget: Duration::ZERO,
        }
    }
}

impl Translator {
    /// `START`, `ANSWER`, `PREEND`, `END`.
    pub(super) fn trunk_call(&mut self, tell: &mut Telling, step: TrunkStep, body: &TrunkCall<'_>) {
        let Some(id) = text(&body.call_id) else {
            return tell.missing("callid");
        };
        let id: Text = id.into();
        let known = self.trunks.calls.remove(&id);
        let first = known.is_none();
        let mut trunk = known.unwrap_or_else(|| Trunk::new(tell.tenant.clone(), tell.now));
        trunk.forget = trunk.forget.max(tell.now.mono);
        let told = self.trunk_patch(tell, &id, body);
        let fresh = news(&trunk.patch, &told);
        trunk.patch = merged(&trunk.patch, &told);
        let answers = step == TrunkStep::Answer && trunk.answered_at.is_none();
        if answers {
            trunk.answered_at = Some(tell.now.wall);
        }
        let mut ends = false;
        if matches!(step, TrunkStep::PreEnd | TrunkStep::End) {
            let end = reason(tell, body);
            let better = trunk
                .end
                .as_ref()
                .is_none_or(|(_, known)| known.is_none() && end.is_some());
            if better {
                let at = trunk.end.as_ref().map_or(tell.now.wall, |(at, _)| *at);
                trunk.end = Some((at, end));
                ends = true;
            }
        }
        let session = self.sessions.of_call_id(&id);
        if let Some(key) = session {
            self.enrich_session(tell, &key, &trunk, ends);
        }
        if trunk.alone {
            if let Some(fresh) = fresh {
                tell.native("CALL", call(&id, false, fresh));
            }
            if answers {
                self.trunk_answers(tell, &id, None);
            }
            if ends {
                trunk_ends(tell, &id, &trunk);
            }
        } else if first && self.sessions.of_call_id(&id).is_none() {
            if self.hears_pbx {
                let wait = tell.now.mono + WAIT;
                trunk.wait = Some(wait);
                self.trunks.waiting.insert((wait, id.clone()));
            } else {
                self.stands_alone(tell, &id, &mut trunk);
            }
        }
        self.trunks.put(id, trunk);
    }

    fn trunk_patch(&mut self, tell: &mut Telling, id: &Text, body: &TrunkCall<'_>) -> CallPatch {
        let direction = match text(&body.direction) {
            Some("I" | "i") => Some(Direction::Inbound),
            Some("O" | "o") => Some(Direction::Outbound),
            Some(word) => {
                tell.strange("direction", word);
                None
            }
            None => None,
        };
        let to = text(&body.to);
        let account = text(&body.voice_account);
        CallPatch {
            direction,
            caller: some(self.directory.party(text(&body.from), None, None)),
            callee: some(self.directory.party(to, None, None)),
            did: to
                .filter(|_| direction == Some(Direction::Inbound))
                .map(|to| self.directory.public(to)),
            trunk: account.map(|account| TrunkRef {
                id: Some(account.into()),
                name: None,
            }),
            route: None,
            native: tell::native(&[
                ("callid", Some(id)),
                ("customer", tell.tenant.as_deref()),
                ("voiceaccount", account),
                ("source_customer_id", text(&body.source_customer)),
                ("destination_customer_id", text(&body.destination_customer)),
            ]),
        }
    }

    /// What the trunk knows of a session of a PBX: the number dialled, the account, and how it ended.
    fn enrich_session(&mut self, tell: &mut Telling, key: &Text, trunk: &Trunk, ends: bool) {
        let Some(mut session) = self.sessions.take(key) else {
            return;
        };
        self.enrich(tell, &mut session, trunk);
        if ends {
            self.session_end_told(tell, &mut session, trunk);
        }
        self.sessions.put(session, tell.now);
    }

    fn enrich(&mut self, tell: &mut Telling, session: &mut Session, trunk: &Trunk) {
        let told = known_of(trunk);
        let fresh = news(&session.patch, &told);
        session.patch = merged(&session.patch, &told);
        if let Some(fresh) = fresh {
            tell.native("CALL.call_id", session.call_fact(false, fresh));
        }
    }

    /// What a trunk has told of a session's call before the PBX did.
    pub(super) fn trunk_knows(&self, session: &Session) -> Option<CallPatch> {
        let mut ids = session.call_ids.iter();
        ids.find_map(|id| self.trunks.calls.get(id)).map(known_of)
    }

    fn session_end_told(&mut self, tell: &mut Telling, session: &mut Session, trunk: &Trunk) {
        let Some((_, Some(told))) = &trunk.end else {
            return;
        };
        let rang = session.called().any(|leg| leg.rang);
        session.trunk_end = end::of_trunk(&told.word, told.by, session.is_answered(), rang);
        if session.ended {
            // Later than a second: the record is put right.
            let fact = Fact::CallEnded {
                call: session.key.clone(),
                end: end::of_call(session),
                settle: Duration::ZERO,
            };
            tell.native("CALL.end", fact);
        } else if session.is_deserted() && session.deserted_at.is_some() && !session.lost_a_leg {
            self.call_over(tell, session);
        }
    }

    /// A session turns out to have a Call-ID that a trunk told of.
    pub(super) fn adopt_trunk_call(&mut self, tell: &mut Telling, session: &mut Session) {
        for n in 0..session.call_ids.len() {
            let id = session.call_ids[n].clone();
            let Some(mut trunk) = self.trunks.calls.remove(&id) else {
                continue;
            };
            let waited = trunk.wait.take();
            if let Some(wait) = waited {
                self.trunks.waiting.remove(&(wait, id.clone()));
            }
            if waited.is_some() || trunk.alone {
                self.enrich(tell, session, &trunk);
                if trunk.end.is_some() && session.trunk_end.is_none() {
                    self.session_end_told(tell, session, &trunk);
                }
            }
            self.trunks.put(id, trunk);
        }
    }

    /// Trunk calls that no PBX has told of in time.
    pub(super) fn trunks_due(&mut self, now: Now, out: &mut Output) {
        self.trunks.tidy(now);
        while self
            .trunks
            .waiting
            .first()
            .is_some_and(|(at, _)| *at <= now.mono)
        {
            let Some((_, id)) = self.trunks.waiting.pop_first() else {
                return;
            };
            let Some(mut trunk) = self.trunks.calls.remove(&id) else {
                continue;
            };
            trunk.wait = None;
            let mut tell = Telling::by_timer("START", now);
            tell.tenant = trunk.tenant.clone();
            self.stands_alone(&mut tell, &id, &mut trunk);
            self.trunks.put(id, trunk);
            tell.finish_bare(out);
        }
    }

    /// A trunk call becomes a call, with all that has happened to it.
    fn stands_alone(&mut self, tell: &mut Telling, id: &Text, trunk: &mut Trunk) {
        trunk.alone = true;
        if let Some(session) = self.related(trunk) {
            trunk.patch.native.set("related_session", &*session);
        }
        let at = Some(trunk.started_at);
        let patch = trunk.patch.clone();
        tell.say(Basis::Native, "CALL.alone", at, call(id, true, patch));
        for (role, party) in [
            (LegRole::Caller, trunk.patch.caller.clone()),
            (LegRole::Callee, trunk.patch.callee.clone()),
        ] {
            let patch = LegPatch {
                role: Some(role),
                party,
                ..LegPatch::default()
            };
            let fact = leg(id, role, LegState::Initiated, patch);
            tell.say(Basis::Native, "CALL.alone", at, fact);
        }
        if trunk.answered_at.is_some() {
            self.trunk_answers(tell, id, trunk.answered_at);
        }
        if trunk.end.is_some() {
            trunk_ends(tell, id, trunk);
        }
    }

    fn trunk_answers(&mut self, tell: &mut Telling, id: &Text, at: Option<Timestamp>) {
        for role in [LegRole::Caller, LegRole::Callee] {
            let fact = leg(id, role, LegState::Connected, LegPatch::default());
            tell.say(Basis::Native, "CALL.answer", at, fact);
        }
    }

    /// The one session that may be the same call by direction, number and time. No proof.
    fn related(&self, trunk: &Trunk) -> Option<Text> {
        let outside = |patch: &CallPatch| {
            let party = match patch.direction? {
                Direction::Inbound => patch.caller.as_ref(),
                _ => patch.callee.as_ref(),
            };
            Some(party?.number.as_ref()?.raw.clone())
        };
        let wanted = outside(&trunk.patch)?;
        let since = trunk.began.saturating_sub(WINDOW);
        let mut fitting = self.sessions.since(since).filter(|session| {
            session.direction == trunk.patch.direction
                && session.tenant == trunk.tenant
                && session.began <= trunk.began + WINDOW
                && outside(&session.patch).as_ref() == Some(&wanted)
        });
        let found = fitting.next()?.key.clone();
        fitting.next().is_none().then_some(found)
    }

    /// `MAXCHANNELS`, `PEER_ERROR`, `FRAUD`.
    pub(super) fn trunk_alarm(
        &mut self,
        tell: &mut Telling,
        alarm: TrunkAlarm,
        body: &TrunkCall<'_>,
    ) {
        let (kind, what) = match alarm {
            TrunkAlarm::MaxChannels => ("max_channels", "the most channels are in use"),
            TrunkAlarm::PeerError => ("peer_error", "a peer does not take calls"),
            TrunkAlarm::Fraud => ("fraud", "a call was stopped as fraud"),
        };
        let mut details = std::collections::BTreeMap::new();
        for (name, value) in [
            ("callid", &body.call_id),
            ("from", &body.from),
            ("to", &body.to),
            ("peer_ip", &body.peer_ip),
            ("source_customer_id", &body.source_customer),
        ] {
            if let Some(value) = text(value) {
                details.insert(name.to_owned(), value.into());
            }
        }
        if let Some(limit) = number::<u64>(&body.limit) {
            details.insert("limit".to_owned(), limit.into());
        }
        let alert = Alert {
            kind: kind.into(),
            text: Some(what.into()),
            details,
        };
        tell.native("CALL.alarm", Fact::Alert(Box::new(alert), true));
    }
}

/// What a trunk knows that a PBX does not.
fn known_of(trunk: &Trunk) -> CallPatch {
    let mut native = model::Native::new();
    if let Some(account) = trunk.patch.native.text("voiceaccount") {
        native.set("voiceaccount", account);
    }
    CallPatch {
        did: trunk.patch.did.clone(),
        trunk: trunk.patch.trunk.clone(),
        native,
        ..CallPatch::default()
    }
}

fn call(id: &Text, opens: bool, patch: CallPatch) -> Fact {
    Fact::Call {
        call: id.clone(),
        opens,
        patch: Box::new(patch),
    }
}

fn leg(id: &Text, role: LegRole, state: LegState, patch: LegPatch) -> Fact {
    let side = if role == LegRole::Caller {
        "caller"
    } else {
        "callee"
    };
    Fact::Leg(Box::new(LegFact {
        call: id.clone(),
        leg: format!("{id}/{side}").into(),
        state: Some(state),
        patch,
        end: None,
    }))
}

fn reason(tell: &mut Telling, body: &TrunkCall<'_>) -> Option<Reason> {
    let by = text(&body.ended_by).and_then(|word| {
        let by = end::ended_by(word);
        if by.is_none() {
            tell.strange("endedBy", word);
        }
        by
    });
    let word = text(&body.reason)?;
    if end::of_trunk(word, by, false, false).is_none() {
        tell.strange("reason", word);
        return None;
    }
    let word = word.into();
    Some(Reason { word, by })
}

fn trunk_ends(tell: &mut Telling, id: &Text, trunk: &Trunk) {
    let Some((at, end)) = &trunk.end else {
        return;
    };
    let answered = trunk.answered_at.is_some();
    // Nothing says whether it rang.
    let end = end
        .as_ref()
        .and_then(|told| end::of_trunk(&told.word, told.by, answered, false))
        .map(|end| {
            let unheard = !answered && end.cause == model::Cause::Normal;
            if unheard { end::unheard(&end) } else { end }
        });
    let fact = Fact::CallEnded {
        call: id.clone(),
        end,
        settle: Duration::ZERO,
    };
    tell.say(Basis::Native, "CALL.end", Some(*at), fact);
}
