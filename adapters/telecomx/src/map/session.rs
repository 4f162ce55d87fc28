//! A session: what the map remembers of one conversation and its legs.

use std::time::Duration;

use model::{
    Direction, End, EndedBy, Fact, LegRole, LegState, Party, Text, Timestamp,
    observation::{CallPatch, LegFact, LegPatch},
};

/// Legs remembered of a session; beyond it the oldest ended one is forgotten.
const MAX_LEGS: usize = 128;
/// For how long a phone that stopped ringing still counts as ringing, when its caller gives up.
pub(super) const A_MOMENT: Duration = Duration::from_secs(1);
/// Call-IDs remembered of a session.
const MAX_CALL_IDS: usize = 8;

/// What is remembered of a conversation.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) key: Text,
    pub(super) tenant: Option<Text>,
    /// Which of all sessions it is, counted from the first: the older one survives a transfer.
    pub(super) serial: u64,
    /// When it was first heard of, on the monotonic clock.
    pub(super) began: Duration,
    /// Not heard of since the link came: it may be over.
    pub(super) stale: bool,
    /// Not heard of throughout: it may have been answered unheard.
    pub(super) gapped: bool,
    /// Something that nobody tells of picked up, while no phone rang: a menu, a box, music.
    pub(super) served: bool,
    pub(super) direction: Option<Direction>,
    /// `direction` as the PBX tells it: from outside.
    pub(super) from_outside: Option<bool>,
    /// What has been told of the call.
    pub(super) patch: CallPatch,
    /// SIP Call-IDs of the leg that came in.
    pub(super) call_ids: Vec<Text>,
    pub(super) legs: Vec<Leg>,
    /// The queue it waits in.
    pub(super) waits_in: Option<Text>,
    /// How it left the last queue it was in.
    pub(super) left: Option<Departure>,
    /// How the trunk says that it ended.
    pub(super) trunk_end: Option<End>,
    /// Who handed the call on and is gone, while nobody has come yet.
    pub(super) handed_on_by: Option<Party>,
    /// Sessions whose legs have moved here by transfer.
    pub(super) gained_from: Vec<Text>,
    /// Further ids that the PBX gave it.
    pub(super) names: Vec<Text>,
    /// A phone of it, by its Call-ID, serves the caller of another call since an unheard transfer.
    pub(super) serves_another: bool,
    /// A leg went on elsewhere: the hub ends this call with its last leg.
    pub(super) lost_a_leg: bool,
    pub(super) ended: bool,
    /// When the last leg ended, by the gateway's clock.
    pub(super) deserted_at: Option<Timestamp>,
    /// Set by the store: when to end it, and when to forget it.
    pub(super) grace: Option<Duration>,
    pub(super) forget: Duration,
}

/// How a caller left a queue without being answered.
#[derive(Clone, Debug)]
pub(super) struct Departure {
    pub(super) reason: &'static str,
    /// A phone was ringing for him, or had been a moment ago.
    pub(super) ringing: bool,
}

/// A leg.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    /// `<server>:<channel>`, as REST spells it.
    pub(super) id: Text,
    /// The key it has in its call: the id, or after a transfer `<id>~2`.
    pub(super) key: Text,
    pub(super) role: LegRole,
    pub(super) state: LegState,
    pub(super) party: Party,
    pub(super) extension: Option<Text>,
    pub(super) queue: Option<Text>,
    /// The number that is shown to it as the other side.
    pub(super) shows: Option<Text>,
    pub(super) rang: bool,
    pub(super) answered: bool,
    /// The call was handed on by it.
    pub(super) handed_on: bool,
    pub(super) ended_at: Option<Duration>,
    /// An event of this connection, or a list, has told that it lives.
    pub(super) confirmed: bool,
    /// How many lists since the link came have not named it.
    pub(super) absences: u8,
}

impl Session {
    pub(super) fn new(key: &str, tenant: Option<Text>, serial: u64, began: Duration) -> Self {
        Self {
            key: key.into(),
            tenant,
            serial,
            began,
            stale: false,
            gapped: false,
            served: false,
            direction: None,
            from_outside: None,
            patch: CallPatch::default(),
            call_ids: Vec::new(),
            legs: Vec::new(),
            waits_in: None,
            left: None,
            trunk_end: None,
            handed_on_by: None,
            gained_from: Vec::new(),
            names: Vec::new(),
            serves_another: false,
            lost_a_leg: false,
            ended: false,
            deserted_at: None,
            grace: None,
            forget: Duration::ZERO,
        }
    }

    /// Where a leg stands, by its id.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.legs.iter().rposition(|leg| *leg.id == *id)
    }

    /// Adds a leg. Says where it stands, and which one had to go for it.
    pub(super) fn add(&mut self, leg: Leg) -> (usize, Option<Leg>) {
        let gone = (self.legs.len() >= MAX_LEGS).then(|| {
            let oldest = self.legs.iter().position(|leg| !leg.is_open());
            self.legs.remove(oldest.unwrap_or(0))
        });
        self.legs.push(leg);
        (self.legs.len() - 1, gone)
    }

    pub(super) fn has_call_id(&self, id: &str) -> bool {
        self.call_ids.iter().any(|known| **known == *id)
    }

    pub(super) fn note_call_id(&mut self, id: &str) -> bool {
        if self.has_call_id(id) || self.call_ids.len() >= MAX_CALL_IDS {
            return false;
        }
        self.call_ids.push(id.into());
        true
    }

    pub(super) fn caller(&self) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.role == LegRole::Caller)
    }

    /// Legs of the called side.
    pub(super) fn called(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter().filter(|leg| leg.role == LegRole::Callee)
    }

    pub(super) fn is_answered(&self) -> bool {
        self.called().any(|leg| leg.answered)
    }

    /// True when a phone rang until the caller hung up, give or take a moment.
    pub(super) fn rang_to_the_end(&self) -> bool {
        let left = self.caller().and_then(|leg| leg.ended_at);
        self.called().any(|leg| {
            let stopped = leg.ended_at.or(left);
            let moment = left
                .zip(stopped)
                .map(|(left, stopped)| left.abs_diff(stopped));
            leg.rang && !leg.answered && moment.is_none_or(|moment| moment < A_MOMENT)
        })
    }

    /// True when legs were there and none is left.
    pub(super) fn is_deserted(&self) -> bool {
        !self.legs.is_empty() && !self.legs.iter().any(Leg::is_open)
    }

    /// Somebody in it is not to be shown.
    pub(super) fn is_private(&self) -> bool {
        let shy = |party: &Option<Party>| party.as_ref().is_some_and(|party| party.private);
        shy(&self.patch.caller)
            || shy(&self.patch.callee)
            || self.legs.iter().any(|leg| leg.party.private)
    }

    /// A fact about one of its legs.
    pub(super) fn leg_fact(&self, at: usize, state: Option<LegState>, patch: LegPatch) -> Fact {
        self.leg_end(at, state, patch, None)
    }

    /// The same with how it ended.
    pub(super) fn leg_end(
        &self,
        at: usize,
        state: Option<LegState>,
        patch: LegPatch,
        end: Option<End>,
    ) -> Fact {
        Fact::Leg(Box::new(LegFact {
            call: self.key.clone(),
            leg: self.legs[at].key.clone(),
            state,
            patch,
            end,
        }))
    }

    /// A fact about the call.
    pub(super) fn call_fact(&self, opens: bool, patch: CallPatch) -> Fact {
        Fact::Call {
            call: self.key.clone(),
            opens,
            patch: Box::new(patch),
        }
    }
}

impl Leg {
    pub(super) fn new(id: &str, role: LegRole) -> Self {
        Self {
            id: id.into(),
            key: id.into(),
            role,
            state: LegState::Initiated,
            party: Party::default(),
            extension: None,
            queue: None,
            shows: None,
            rang: false,
            answered: false,
            handed_on: false,
            ended_at: None,
            confirmed: true,
            absences: 0,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state != LegState::Ended
    }

    /// A phone that alerts.
    pub(super) fn is_ringing(&self) -> bool {
        self.role == LegRole::Callee && self.state == LegState::Ringing
    }
}

/// `<server>:<channel>`.
pub(super) fn leg_id(server: &str, channel: &str) -> Text {
    format!("{server}:{channel}").into()
}

/// The key under which a leg goes on in another call.
pub(super) fn moved_key(key: &str) -> Text {
    let (base, n) = match key.rsplit_once('~') {
        Some((base, n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => {
            (base, n.parse().unwrap_or(1))
        }
        _ => (key, 1_u32),
    };
    format!("{base}~{}", n.saturating_add(1)).into()
}

/// Who hung up, when nobody says.
pub(super) const NOBODY: EndedBy = EndedBy::Unknown;
