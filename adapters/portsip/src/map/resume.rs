//! Going on after a restart: sessions out of calls, numbers out of extensions and queues.

use adapter::Resume;
use model::{
    Call, Leg, LegRole, LegState, Now, Party, SourceId, Text, Timestamp, observation::CallPatch,
};

use super::{
    Translator,
    call::number,
    session::{Service, Session, Track},
};

impl Translator {
    pub(super) fn resume(&mut self, source: &SourceId, resume: &Resume) {
        for extension in &resume.extensions {
            let Some(tenant) = extension.native.text("tenant_id").map(Text::from) else {
                self.directory.adopt_extension(&extension.number);
                continue;
            };
            let id = extension.native.text("extension_id");
            self.directory
                .note_extension(Some(&tenant), &extension.number, id);
        }
        for queue in &resume.queues {
            let number = queue.number.as_deref();
            let Some(tenant) = queue.native.text("tenant_id").map(Text::from) else {
                if let Some(number) = number {
                    self.directory.adopt_queue(number);
                }
                continue;
            };
            let id = queue.native.text("queue_id");
            self.directory.note_queue(Some(&tenant), number, id);
        }
        for agent in &resume.agents {
            self.directory.note_agent(&agent.extension.number);
        }
        let now = Now {
            mono: std::time::Duration::ZERO,
            wall: Timestamp::default(),
        };
        for call in resume
            .calls
            .iter()
            .filter(|call| call.is_open() && call.source == *source)
        {
            let session = self.session_of(call);
            self.sessions.put(session, now);
        }
    }

    fn session_of(&self, call: &Call) -> Box<Session> {
        let key = call.native.text("session_id").unwrap_or(call.id.key());
        let mut session = Session::new(key, call.native.text("tenant_id").map(Into::into));
        session.stale = true;
        session.gapped = true;
        session.patch = CallPatch {
            direction: Some(call.direction),
            caller: some(&call.caller),
            callee: some(&call.callee),
            did: call.did.clone(),
            trunk: call.trunk.clone(),
            route: call.route.clone(),
            native: call.native.clone(),
        };
        session.called_by = user(&call.caller);
        session.caller = session.called_by.clone();
        session.callee = user(&call.callee);
        session.latest = call.native.text("routed_to").map(Into::into);
        session.started_at = Some(call.started_at);
        session.answered = call.answered_at.is_some();
        for leg in &call.legs {
            match leg.role {
                LegRole::Caller => {
                    session.caller_state = Some(leg.state);
                    session.caller = user(&leg.party).or(session.caller.take());
                }
                LegRole::Callee | LegRole::Service | LegRole::Monitor => {
                    session.restore(track(key, leg));
                }
            }
        }
        session
    }
}

fn track(session: &str, leg: &Leg) -> Track {
    let queue = leg.queue.as_ref();
    let number = user(&leg.party)
        .or_else(|| queue.and_then(|queue| queue.number.clone()))
        .or_else(|| queue.map(|queue| queue.id.key().into()))
        .unwrap_or_else(|| "".into());
    let key: Text = leg.id.key().into();
    let mut track = Track::known(session, &key, number, leg.device.clone());
    track.service = match (leg.role, queue) {
        (LegRole::Service, Some(_)) => Some(Service::Queue),
        (LegRole::Service, None) => Some(Service::Other),
        _ => None,
    };
    track.state = leg.state;
    track.started_at = Some(leg.started_at);
    track.rang = leg.ringing_at.is_some();
    track.answered = leg.answered_at.is_some() || leg.state == LegState::Queued;
    track.handed_on = leg.native.get("transferred_to").is_some();
    track.end = leg.end.clone().map(|end| (leg.ended_at, end));
    track.native = ["destination", "call_target"]
        .iter()
        .any(|name| leg.native.get(name).is_some());
    track
}

fn user(party: &Party) -> Option<Text> {
    let number = party.number.as_ref()?;
    number_of(&number.raw)
}

fn number_of(raw: &str) -> Option<Text> {
    number(&Some(raw.into()))
}

fn some(party: &Party) -> Option<Party> {
    (!party.is_empty()).then(|| party.clone())
}
