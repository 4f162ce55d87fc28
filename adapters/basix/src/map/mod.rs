//! Meaning: native messages in, observations out. Pure; remembers what a message needs to be understood.
//!
//! The PBX tells of legs, not of calls: the map joins legs that name each other to calls, and never takes a call apart
//! while a leg of it lives.

mod act;
mod busy;
mod calls;
mod channel;
mod command;
mod describe;
mod directory;
mod domain;
mod end;
mod groups;
mod leg;
mod list;
mod monitor;
mod party;
mod people;
mod place;
mod read;
mod resume;
mod sync;
mod tell;
mod transfer;
mod waiting;
mod words;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use adapter::{Order, Output, Refusal, Resume};
use bytes::Bytes;
use model::{Fact, Now, SourceId, Text, observation::SourceFact, source::Message as Mail};
use serde_json::{Value, json};

use self::{
    busy::Told,
    calls::Calls,
    command::Pending,
    directory::Directory,
    monitor::Monitor,
    sync::{Sync, Verdict},
    tell::Telling,
};
use crate::{
    config::Config,
    wire::{self, Body, Change, Element, Entity, FieldSpec, Message, Specs, SystemMsg, Term},
};

/// Decodes frames of one Basix PBX and gives them meaning.
pub struct Translator {
    source: SourceId,
    specs: Specs,
    directory: Directory,
    calls: Calls,
    monitors: HashMap<Text, Monitor>,
    /// Supervisors named by the list that is being told.
    monitors_seen: HashSet<Text>,
    /// Legs named by the list of those that wait.
    waiting_seen: HashSet<Text>,
    /// Legs that were removed on this connection, until the list of legs has come.
    early_removed: Option<HashSet<Text>>,
    /// What was told of users.
    told: HashMap<Text, Told>,
    domain: Option<Value>,
    /// Commands whose effect has not shown.
    pending: Vec<Pending>,
    sync: Sync,
    include_native: bool,
}

/// The most bytes of a message between clients that are handed on.
const MAX_MAIL: usize = 48 * 1024;

impl Translator {
    /// A translator for one source, which goes on from what was known before.
    #[must_use]
    pub fn new(source: &SourceId, config: &Config, resume: &Resume) -> Self {
        let mut translator = Self {
            source: source.clone(),
            specs: Specs::default(),
            directory: Directory::new(source, config),
            calls: Calls::default(),
            monitors: HashMap::new(),
            monitors_seen: HashSet::new(),
            waiting_seen: HashSet::new(),
            early_removed: None,
            told: HashMap::new(),
            domain: None,
            pending: Vec::new(),
            sync: Sync::new(config.full_events),
            include_native: config.include_native,
        };
        translator.resume(source, resume);
        translator
    }

    fn telling(&self, event: &str, now: Now) -> Telling {
        Telling::new(event, self.directory.tenant.as_ref(), now)
    }

    fn message(&mut self, message: Message<'_>, frame: &Bytes, now: Now, out: &mut Output) {
        match message {
            Message::FieldSpec(spec) => self.field_spec(spec, now, out),
            Message::InitialInfo { element, entities } => match self.specs.get(&element) {
                Some(spec) => self.listed(&spec, entities, now, out),
                None => self.too_early(&element, frame, now, out),
            },
            Message::InfoEvent {
                element,
                entity,
                change,
            } => match self.specs.get(&element) {
                Some(spec) => self.info_event(&spec, entity, &change, now, out),
                None => self.too_early(&element, frame, now, out),
            },
            Message::SystemMsg(SystemMsg::Other(body)) => self.mail("system_msg", body, now, out),
            // The link ends with these, and says why.
            Message::SystemMsg(_) => out.no_ops += 1,
            Message::Msg(body) => self.mail("msg", body, now, out),
            Message::Unknown { kind, message } => {
                let mut tell = self.telling(&kind, now);
                tell.unrecognized(&format!("kind:{kind}"));
                tell.finish(&message, true, out);
            }
        }
    }

    /// The fields of an element. Those that nobody knows are told of here, once, and not with every entity.
    fn field_spec(&mut self, spec: FieldSpec, now: Now, out: &mut Output) {
        let element = spec.element.clone();
        let mut tell = self.telling(&format!("{element}.field_spec"), now);
        if let Element::Other(name) = &element {
            tell.unrecognized(&format!("element:{name}"));
        } else {
            for name in spec.unknown() {
                tell.unrecognized(&format!("field:{element}.{name}"));
            }
        }
        let names: Vec<&str> = spec.names().collect();
        tell.finish(&names, true, out);
        if !self.specs.learn(spec) {
            return;
        }
        self.sync.announced(&element);
        for frame in self.sync.take_early(&element) {
            if let Ok(message) = wire::decode(&frame) {
                self.message(message, &frame, now, out);
            }
        }
    }

    fn info_event(
        &mut self,
        spec: &FieldSpec,
        term: Term<'_>,
        change: &Change<'_>,
        now: Now,
        out: &mut Output,
    ) {
        let element = &spec.element;
        let mut tell = self.telling(&format!("{element}.{}", change.as_str()), now);
        if let Change::Other(name) = change {
            tell.strange("info_event", name);
        }
        match spec.entity(term) {
            Some(entity) => {
                self.entity(&mut tell, spec, &entity, Some(change));
                tell.finish(&entity, self.include_native, out);
            }
            None => {
                tell.unrecognized(&format!("entity:{element}"));
                tell.finish(&term, true, out);
            }
        }
    }

    /// An entity as it is now; without a change a row of a list.
    fn entity(
        &mut self,
        tell: &mut Telling,
        spec: &FieldSpec,
        entity: &Entity<'_>,
        change: Option<&Change<'_>>,
    ) {
        self.strange_values(tell, spec, entity);
        let action = people::action(change);
        let over = matches!(change, Some(Change::Removed));
        match (&entity.body, &spec.element) {
            (Body::Channel(channel), Element::Channel) => {
                let gone = change.is_none()
                    && read::id(&channel.uuid).is_some_and(|uuid| {
                        self.early_removed
                            .as_ref()
                            .is_some_and(|early| early.contains(&uuid))
                    });
                if !gone {
                    self.channel(tell, entity, channel, over);
                }
            }
            (Body::Channel(channel), _) => {
                if let Some(uuid) = read::id(&channel.uuid).filter(|_| change.is_none()) {
                    self.waiting_seen.insert(uuid);
                }
                self.waiting(tell, entity, channel, over, change.is_none());
            }
            (Body::User(user), _) => {
                self.user(tell, entity, user, action);
                if let Some(id) = read::number_id(user.id).filter(|_| change.is_some()) {
                    self.tell_busy(tell, &id);
                }
            }
            (Body::Group(group), _) => self.group(tell, entity, group, action),
            (Body::GroupMember(member), _) => self.group_member(tell, member, action),
            (Body::Terminal(terminal), _) => self.terminal(tell, entity, terminal, action),
            (Body::Domain(domain), _) => self.domain(tell, entity, domain, action),
            (Body::Unknown, element) => tell.unrecognized(&format!("element:{element}")),
        }
        if let Body::Channel(channel) = &entity.body
            && let Some(uuid) = read::id(&channel.uuid)
        {
            self.outcomes(tell, &uuid);
        }
    }

    /// Values that make no sense where they stand, and values that have no name.
    fn strange_values(&self, tell: &mut Telling, spec: &FieldSpec, entity: &Entity<'_>) {
        if entity.unclaimed.is_empty() || matches!(spec.element, Element::Other(_)) {
            return;
        }
        for name in &entity.unclaimed {
            // Fields without a known name were told of with the names.
            if spec.unknown().any(|unknown| unknown == *name) {
                continue;
            }
            let kind = if spec.names().any(|known| known == *name) {
                "value"
            } else {
                "extra"
            };
            tell.unrecognized(&format!("{kind}:{}.{name}", spec.element));
        }
    }

    /// An entity of which it is not known what stands where. It waits.
    fn too_early(&mut self, element: &Element, frame: &Bytes, now: Now, out: &mut Output) {
        if self.sync.keep(element.clone(), frame) {
            return;
        }
        self.without_fields(element, frame, now, out);
    }

    fn without_fields(&self, element: &Element, frame: &Bytes, now: Now, out: &mut Output) {
        let mut tell = self.telling(element.as_str(), now);
        tell.unrecognized(&format!("no_field_spec:{element}"));
        tell.finish_raw(frame, out);
    }

    /// A message for people or other clients.
    fn mail(&self, kind: &str, body: Term<'_>, now: Now, out: &mut Output) {
        let mut tell = self.telling(kind, now);
        let text = serde_json::to_string(&body).unwrap_or_default();
        let body = if text.len() <= MAX_MAIL {
            json!(body)
        } else {
            json!(read::cut(&text))
        };
        let mail = Mail {
            kind: kind.into(),
            id: None,
            from: None,
            body,
        };
        tell.native(
            if kind == "msg" { "msg" } else { "system_msg" },
            Fact::Message(Box::new(mail)),
        );
        tell.finish(&json!(null), false, out);
    }

    fn settle(&mut self, now: Now, out: &mut Output) {
        let Some(verdict) = self.sync.verdict(now) else {
            return;
        };
        let mut tell = self.telling("initial_info", now);
        match verdict {
            Verdict::Synced => {
                tell.native("initial_info.complete", Fact::Source(SourceFact::Synced));
            }
            Verdict::Late(missing) => {
                let names: Vec<&str> = missing.iter().map(Element::as_str).collect();
                let reason = format!("no list of {}", names.join(", ")).into();
                tell.inferred(
                    "initial_info.missing",
                    Fact::Source(SourceFact::Degraded { reason }),
                );
                for (element, frame) in self.sync.take_all_early() {
                    self.without_fields(&element, &frame, now, out);
                }
            }
        }
        tell.finish_bare(out);
    }
}

impl adapter::Translator for Translator {
    fn connected(&mut self, _: Option<&str>, now: Now, _: &mut Output) {
        self.specs.clear();
        self.sync.connected(now);
        self.calls.reconnected();
        self.early_removed = Some(HashSet::new());
    }

    fn frame(&mut self, frame: &Bytes, now: Now, out: &mut Output) {
        match wire::decode(frame) {
            Ok(message) => self.message(message, frame, now, out),
            Err(error) => tell::unreadable(&error, frame, out),
        }
        if self.sync.is_complete() {
            self.settle(now, out);
        }
    }

    fn command(&mut self, order: &Order, _: Now, out: &mut Output) -> Result<(), Refusal> {
        self.order(order, out)
    }

    fn poll_timeout(&self) -> Option<Duration> {
        [self.sync.due(), self.calls.next_grace()]
            .into_iter()
            .flatten()
            .min()
    }

    fn timeout(&mut self, now: Now, out: &mut Output) {
        self.settle(now, out);
        while let Some(call) = self.calls.take_due(now.mono) {
            let mut tell = self.telling("silence", now);
            self.grace_over(&mut tell, &call);
            tell.finish_bare(out);
        }
    }

    fn disconnected(&mut self, _: Now, _: &mut Output) {
        self.sync.disconnected();
        self.specs.clear();
        self.early_removed = None;
        self.pending.clear();
    }
}
