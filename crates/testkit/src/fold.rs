//! What a hub would hold after some observations: simple, and only as much as a translator resumes from.

use std::{collections::BTreeMap, sync::Arc};

use adapter::{Output, Resume};
use bytes::Bytes;
use model::{
    Agent, AgentState, Call, EntityId, Extension, ExtensionCallState, ExtensionRef, Fact, Leg,
    LegRole, LegState, Native, Observation, Party, Queue, QueueKind, QueueRef, SourceId, Text,
    Timestamp,
    observation::{CallPatch, LegFact, Ref},
};

/// Entities, as far as a translator resumes from them, and its memo.
pub struct Fold {
    source: SourceId,
    calls: BTreeMap<Text, Call>,
    extensions: BTreeMap<Text, Extension>,
    queues: BTreeMap<Text, Queue>,
    agents: BTreeMap<Text, Agent>,
    memo: BTreeMap<Text, Bytes>,
}

impl Fold {
    /// Of a source of which nothing is known.
    #[must_use]
    pub fn new(source: &SourceId) -> Self {
        Self {
            source: source.clone(),
            calls: BTreeMap::new(),
            extensions: BTreeMap::new(),
            queues: BTreeMap::new(),
            agents: BTreeMap::new(),
            memo: BTreeMap::new(),
        }
    }

    /// Takes over what a translator puts out.
    pub fn take(&mut self, out: &Output) {
        let told = out.reports.iter().flat_map(|report| &report.observations);
        told.for_each(|observation| self.apply(observation));
        for change in &out.memo {
            match &change.value {
                Some(value) => drop(self.memo.insert(change.key.clone(), value.clone())),
                None => drop(self.memo.remove(&change.key)),
            }
        }
    }

    /// Takes over what is observed.
    pub fn apply(&mut self, observation: &Observation) {
        let time = observation.time.unwrap_or_default();
        match &observation.fact {
            Fact::Call { call, opens, patch } => {
                let call = self.call(call, time);
                if *opens {
                    call.started_at = time;
                }
                merge(call, patch);
            }
            Fact::Leg(leg) => self.leg(leg, time),
            Fact::LegMoved { from, leg, to } => self.moved(from, leg, to, time),
            Fact::CallEnded { call, .. } => drop(self.calls.remove(call)),
            Fact::Cdr(cdr) => drop(self.calls.remove(&cdr.call)),
            Fact::Extension { at, patch, action } => {
                if *action == Some(model::source::Action::Deleted) {
                    self.extensions
                        .retain(|_, known| Some(&known.number) != at.number.as_ref());
                } else {
                    let native = patch.native.clone();
                    self.extension(at, &native);
                }
            }
            Fact::Agent {
                extension, queue, ..
            } => {
                self.extension(extension, &Native::new());
                self.queue(queue, &Native::new());
                self.agent(extension, queue);
            }
            Fact::Queue { at, patch, .. } => self.queue(at, &patch.native),
            Fact::Caller(caller) => self.queue(&caller.queue, &Native::new()),
            _ => {}
        }
    }

    /// What a translator goes on from after a restart.
    #[must_use]
    pub fn resume(&self) -> Resume {
        Resume {
            calls: self.calls.values().cloned().map(Arc::new).collect(),
            extensions: self.extensions.values().cloned().map(Arc::new).collect(),
            queues: self.queues.values().cloned().map(Arc::new).collect(),
            agents: self.agents.values().cloned().map(Arc::new).collect(),
            devices: Vec::new(),
            memo: self.memo.clone(),
        }
    }

    fn call(&mut self, key: &Text, time: Timestamp) -> &mut Call {
        let source = &self.source;
        self.calls
            .entry(key.clone())
            .or_insert_with(|| Call::begun(source.entity(key), source.clone(), time))
    }

    fn leg(&mut self, fact: &LegFact, time: Timestamp) {
        let source = self.source.clone();
        let id = source.entity(&fact.leg);
        let call = self.call(&fact.call, time);
        let at = call
            .legs
            .iter()
            .position(|leg| leg.id == id)
            .unwrap_or_else(|| {
                call.legs.push(Arc::new(Leg {
                    id,
                    role: LegRole::Callee,
                    state: LegState::Initiated,
                    party: Party::default(),
                    device: None,
                    queue: None,
                    started_at: time,
                    ringing_at: None,
                    answered_at: None,
                    ended_at: None,
                    end: None,
                    other_leg: None,
                    native: Native::new(),
                }));
                call.legs.len() - 1
            });
        let leg = Arc::make_mut(&mut call.legs[at]);
        if let Some(party) = &fact.patch.party {
            leg.party.merge(party);
        }
        leg.role = fact.patch.role.unwrap_or(leg.role);
        leg.device = fact.patch.device.clone().or(leg.device.take());
        leg.native.merge(&fact.patch.native);
        if let Some(queue) = &fact.patch.queue {
            let key = queue.key().cloned().unwrap_or_else(|| "".into());
            leg.queue = Some(QueueRef {
                id: source.entity(&key),
                number: queue.number.clone(),
                name: None,
            });
        }
        let Some(state) = fact.state else {
            return;
        };
        leg.state = state;
        let person = leg.role == LegRole::Callee;
        match state {
            LegState::Ringing => leg.ringing_at = leg.ringing_at.or(Some(time)),
            LegState::Connected | LegState::Held => {
                leg.answered_at = leg.answered_at.or(Some(time));
                if person {
                    call.answered_at = call.answered_at.or(Some(time));
                }
            }
            LegState::Queued => leg.answered_at = leg.answered_at.or(Some(time)),
            LegState::Ended => {
                leg.ended_at = Some(time);
                leg.end = fact.end.clone();
            }
            LegState::Initiated => {}
        }
    }

    fn moved(&mut self, from: &Text, leg: &Text, to: &Text, time: Timestamp) {
        let id = self.source.entity(leg);
        let Some(old) = self.calls.get_mut(from) else {
            return;
        };
        let Some(leg) = old.legs.iter_mut().rfind(|leg| leg.id == id) else {
            return;
        };
        let mut moved = (**leg).clone();
        let next = successor(&id);
        let ended = Arc::make_mut(leg);
        ended.state = LegState::Ended;
        ended.ended_at = Some(time);
        ended.other_leg = Some(next.clone());
        moved.id = next;
        moved.other_leg = Some(id);
        moved.state = LegState::Connected;
        moved.started_at = time;
        moved.ended_at = None;
        moved.end = None;
        let new = self.call(to, time);
        new.answered_at = new.answered_at.or(Some(time));
        new.legs.push(Arc::new(moved));
    }

    fn extension(&mut self, at: &Ref, native: &Native) {
        let Some(number) = at.number.clone().or_else(|| at.key().cloned()) else {
            return;
        };
        let source = &self.source;
        let extension = self
            .extensions
            .entry(number.clone())
            .or_insert_with(|| Extension {
                id: source.entity(at.key().unwrap_or(&number)),
                number: number.clone(),
                name: None,
                uri: None,
                user: None,
                call_state: ExtensionCallState::Unknown,
                online: None,
                push_online: None,
                presence: None,
                dnd: None,
                agent_state: None,
                enabled: None,
                version: 1,
                native: Native::new(),
            });
        extension.native.merge(native);
    }

    fn agent(&mut self, extension: &Ref, queue: &Ref) {
        let number = extension
            .number
            .clone()
            .or_else(|| extension.key().cloned());
        let (Some(number), Some(of)) = (number, queue.key().cloned()) else {
            return;
        };
        let key = Text::from(format!("{number}@{of}"));
        let source = &self.source;
        self.agents.entry(key.clone()).or_insert_with(|| Agent {
            id: source.entity(&key),
            extension: ExtensionRef {
                id: extension.id.as_ref().map(|id| source.entity(id)),
                number,
            },
            queue: QueueRef {
                id: source.entity(&of),
                number: queue.number.clone(),
                name: None,
            },
            state: AgentState::Unknown,
            reason: None,
            busy_kind: None,
            call: None,
            since: None,
            stats: None,
            version: 1,
        });
    }

    fn queue(&mut self, at: &Ref, native: &Native) {
        let Some(key) = at.key().cloned() else {
            return;
        };
        let source = &self.source;
        let queue = self.queues.entry(key.clone()).or_insert_with(|| Queue {
            id: source.entity(&key),
            number: None,
            name: None,
            kind: QueueKind::Queue,
            waiting: None,
            longest_waiting_since: None,
            agents_ready: None,
            agents_busy: None,
            agents_total: None,
            version: 1,
            native: Native::new(),
        });
        queue.number = at.number.clone().or(queue.number.take());
        queue.native.merge(native);
    }
}

/// The id under which a leg goes on in another call.
fn successor(id: &EntityId) -> EntityId {
    let text = id.as_str();
    let (base, n) = text
        .rsplit_once('~')
        .and_then(|(base, n)| Some((base, n.parse::<u32>().ok()?)))
        .unwrap_or((text, 1));
    EntityId::from_text(&format!("{base}~{}", n + 1))
}

fn merge(call: &mut Call, patch: &CallPatch) {
    call.direction = patch.direction.unwrap_or(call.direction);
    if let Some(caller) = &patch.caller {
        call.caller.merge(caller);
    }
    if let Some(callee) = &patch.callee {
        call.callee.merge(callee);
    }
    call.did = patch.did.clone().or(call.did.take());
    call.trunk = patch.trunk.clone().or(call.trunk.take());
    call.route = patch.route.clone().or(call.route.take());
    call.native.merge(&patch.native);
}
