//! Meaning: native messages in, observations out. Pure; remembers what a message needs to be understood.
//!
//! PortSIP tells the same fact through several topics, each with a part of the truth and in no order among them. The
//! map keeps a small session for each call, gives every leg its key, and joins what has no key.

mod call;
mod cdr;
mod directory;
mod end;
mod extension;
mod infer;
mod leg;
mod life;
mod manage;
mod queue;
mod read;
mod register;
mod resume;
mod session;
mod sessions;
mod step;
mod sync;
mod target;
mod tell;
mod transfer;
mod words;

use std::time::Duration;

use adapter::{Output, Resume};
use bytes::Bytes;
use model::{Now, SourceId};

use self::{directory::Directory, sessions::Sessions, sync::Sync, tell::Telling};
use crate::{
    config::Config,
    wire::{self, Body, Dialect, Event, Frame},
};

/// Decodes frames of one PortSIP PBX and gives them meaning.
pub struct Translator {
    directory: Directory,
    sessions: Sessions,
    sync: Sync,
    include_native: bool,
    /// A record of each call will come: ends wait for it.
    expects_cdrs: bool,
    /// It was connected before this connection.
    connected_before: bool,
    /// Until when a call that began unheard may ring an extension for the first time.
    unheard_until: Option<Duration>,
}

/// How long after a gap that is: as long as menus and the way into a queue take. Whoever waits in a queue is told of.
const UNHEARD: Duration = Duration::from_secs(30);

impl Translator {
    /// A translator for one source, which goes on from what was known before.
    #[must_use]
    pub fn new(source: &SourceId, config: &Config, resume: &Resume) -> Self {
        let mut translator = Self {
            directory: Directory::new(config),
            sessions: Sessions::default(),
            sync: Sync::new(config, resume),
            include_native: config.include_native,
            expects_cdrs: config
                .known_topics()
                .iter()
                .any(|topic| matches!(topic, wire::Topic::Cdrs | wire::Topic::GlobalCdrs)),
            connected_before: !(resume.calls.is_empty() && resume.extensions.is_empty()),
            unheard_until: None,
        };
        translator.resume(source, resume);
        translator
    }

    fn event(&mut self, event: &Event<'_>, bytes: &Bytes, now: Now, out: &mut Output) {
        let mut tell = Telling::of(event, now);
        for key in &event.unclaimed {
            tell.unrecognized(&format!("key:{}.{key}", tell.event()));
        }
        self.body(event, &mut tell);
        tell.finish(bytes, self.include_native, out);
    }

    fn body(&mut self, event: &Event<'_>, tell: &mut Telling) {
        match &event.body {
            Body::CallStart(info) => self.call_start(tell, info),
            Body::CallUpdate(info) => self.call_update(tell, info),
            Body::CallStep(step, target) => self.call_step(tell, *step, target),
            Body::CallHold(held, hold) => self.call_hold(tell, *held, hold),
            Body::TargetStep(step, target) => self.target_step(tell, *step, target),
            Body::Cdr(cdr) => self.cdr(tell, cdr, &event.tenant_name),
            Body::Registration(registration) => self.registration(tell, registration),
            Body::ExtensionStatus(states) => self.extension_status(tell, states),
            Body::ExtensionCall(state) => self.extension_call(tell, state),
            Body::ExtensionPresence(state) => self.extension_presence(tell, state),
            Body::ExtensionAgent(agent) => self.extension_agent(tell, agent),
            Body::ExtensionHold(held, hold) => self.extension_hold(tell, *held, hold),
            Body::ExtensionManaged(change, extension) => {
                self.extension_managed(tell, *change, extension);
            }
            Body::QueueManaged(change, queue) => self.queue_managed(tell, *change, queue),
            Body::QueueStatus(status) => self.queue_status(tell, status),
            Body::QueueCallers(callers) => self.queue_callers(tell, callers),
            Body::QueueAgents(agents) => self.queue_agents(tell, agents),
            Body::QueueSla(sla) => self.queue_sla(tell, sla),
            Body::QueueMember(member) => self.queue_member(tell, member),
            Body::Trunk(connected, trunk) => register::trunk(tell, *connected, trunk),
            Body::Unknown => tell.unrecognized(&format!("event:{}", tell.event())),
        }
    }
}

impl adapter::Translator for Translator {
    fn connected(&mut self, dialect: Option<&str>, now: Now, out: &mut Output) {
        self.sessions.reconnected();
        let again = std::mem::replace(&mut self.connected_before, true);
        self.unheard_until = again.then(|| now.mono + UNHEARD);
        self.sync
            .connected(dialect.and_then(Dialect::parse), now, out);
    }

    fn frame(&mut self, frame: &Bytes, now: Now, out: &mut Output) {
        self.sessions.tidy(now);
        match wire::decode(frame) {
            Ok(Frame::Event(event)) => self.event(&event, frame, now, out),
            Ok(Frame::Reply(reply)) => self.sync.reply(&reply, now, out),
            Err(error) => tell::unreadable(&error, frame, out),
        }
    }

    fn poll_timeout(&self) -> Option<Duration> {
        let (a, b) = (self.sync.deadline(), self.sessions.next_grace());
        [a, b].into_iter().flatten().min()
    }

    fn timeout(&mut self, now: Now, out: &mut Output) {
        self.sessions.tidy(now);
        self.sync.timeout(now, out);
        while let Some(session) = self.sessions.take_due(now) {
            self.deserted(session, now, out);
        }
    }

    fn disconnected(&mut self, _: Now, _: &mut Output) {
        self.sync.disconnected();
        self.sessions.disconnected();
    }
}
