//! Going on after a restart: legs out of calls, numbers out of extensions and queues. The lists that the PBX tells next
//! set right what changed meanwhile.

use adapter::Resume;
use model::{
    Agent, AgentState, CallState, LegRole, RouteKind, SourceId, Text, observation::LegPatch,
};

use super::{
    Translator,
    directory::{Group, Member, User},
    leg::{Call, Leg, Parked, Place, Sight},
    monitor::Monitor,
};

impl Translator {
    pub(super) fn resume(&mut self, source: &SourceId, resume: &Resume) {
        for extension in &resume.extensions {
            let id = Text::from(extension.id.key());
            let user = User {
                number: Some(extension.number.clone()).filter(|number| *number != id),
                name: extension.user.as_ref().and_then(|user| user.name.clone()),
                label: extension.name.clone(),
            };
            self.directory.note_user(&id, user);
        }
        for queue in &resume.queues {
            let id = Text::from(queue.id.key());
            let group = Group {
                number: queue.number.clone(),
                name: queue.name.clone(),
                queue: queue
                    .native
                    .get("queue")
                    .is_some_and(|queue| queue.as_i64() != Some(0)),
            };
            self.directory.note_group(&id, group);
        }
        for (n, agent) in resume.agents.iter().enumerate() {
            // The keys of memberships are in the list that comes next.
            let key = Text::from(format!("resumed {n}"));
            if let Some(member) = member(agent) {
                self.directory.note_member(&key, member);
            }
        }
        self.resume_domain(resume.memo.get("domain"));
        for call in resume
            .calls
            .iter()
            .filter(|call| call.is_open() && call.source == *source)
        {
            self.resume_call(call);
        }
    }

    fn resume_call(&mut self, call: &model::Call) {
        let key = Text::from(call.id.key());
        let mut known = Call::new(key.clone());
        if let Some(root) = call.native.text("channel_uuid") {
            known.root = root.into();
        }
        known.started = Some(call.started_at);
        known.direction = call.direction;
        known.caller = call.caller.clone();
        known.callee = call.callee.clone();
        known.native = call.native.clone();
        known.has_did = call.did.is_some();
        known.answered = call.answered_at.is_some();
        let is_with = |kind: RouteKind| call.route.as_ref().is_some_and(|route| route.kind == kind);
        known.voicemail = is_with(RouteKind::Voicemail);
        known.served = is_with(RouteKind::Conference);
        known.places = u32::try_from(
            call.legs
                .iter()
                .filter(|leg| leg.role == LegRole::Service)
                .count(),
        )
        .unwrap_or(u32::MAX);
        let parked = call
            .route
            .clone()
            .filter(|_| call.state == CallState::Parked);
        self.calls.open(known);
        for leg in &call.legs {
            self.resume_leg(&key, leg);
        }
        let place = call.open_legs().find(|leg| leg.role == LegRole::Service);
        let caller = self.calls.call(&key).and_then(|call| {
            let mut legs = self.calls.legs_of(call);
            legs.find(|leg| leg.is_open() && leg.role == LegRole::Caller)
                .map(|leg| leg.uuid.clone())
        });
        let Some(caller) = caller else {
            return;
        };
        if let (Some(place), Some(route)) = (place, call.route.clone()) {
            let conference = (route.kind == RouteKind::Conference)
                .then(|| route.id.clone())
                .flatten();
            let key = Text::from(place.id.key());
            if let Some(leg) = self.calls.leg_mut(&caller) {
                leg.place = Some(Place {
                    key,
                    route,
                    conference,
                });
            }
        }
        if let Some(slot) = parked {
            if let Some(number) = &slot.number {
                self.calls.park(number, &caller);
            }
            if let Some(call) = self.calls.call_mut(&key) {
                call.parked = Some(Parked {
                    leg: caller,
                    slot: slot.number,
                    parker: None,
                });
            }
        }
    }

    fn resume_leg(&mut self, call: &Text, leg: &model::Leg) {
        let Some(uuid) = leg.native.text("channel_uuid").map(Text::from) else {
            return;
        };
        if leg.role == LegRole::Monitor {
            if leg.is_open() {
                let key = Text::from(leg.id.key());
                let times = key
                    .rsplit_once('#')
                    .and_then(|(_, n)| n.parse().ok())
                    .unwrap_or(1);
                let hears = Some((call.clone(), key));
                self.monitors.insert(uuid, Monitor { hears, times });
            }
            return;
        }
        // A leg that went on in another call is known there.
        let moved = leg.other_leg.is_some() && !leg.is_open();
        if moved || self.calls.leg(&uuid).is_some_and(Leg::is_open) {
            return;
        }
        let mut known = Leg::new(uuid.clone(), call.clone(), leg.role);
        known.key = leg.id.key().into();
        known.outbound = leg.native.text("direction") == Some("outbound");
        known.user = leg
            .party
            .user
            .as_ref()
            .and_then(|user| Some(user.id.as_ref()?.key().into()));
        known.group = leg.native.text("group_id").map(Into::into);
        known.offered = Some(leg.started_at);
        known.state = leg.state;
        known.told = LegPatch {
            role: Some(leg.role),
            party: Some(leg.party.clone()).filter(|party| !party.is_empty()),
            native: leg.native.clone(),
            ..LegPatch::default()
        };
        known.rang = leg.ringing_at.is_some();
        known.answered = leg.answered_at.is_some();
        known.conversed = known.answered;
        known.sight = Sight::Before;
        known.end = leg.end.clone();
        self.calls.add(known);
        self.calls.index(&uuid, None);
    }
}

fn member(agent: &Agent) -> Option<Member> {
    Some(Member {
        user: agent.extension.id.as_ref()?.key().into(),
        group: agent.queue.id.key().into(),
        logged_in: agent.state != AgentState::LoggedOut,
        kept: agent.stats.clone().unwrap_or_default(),
    })
}
