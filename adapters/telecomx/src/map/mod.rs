//! Meaning: native events in, observations out. Pure; remembers what an event needs to be understood.
//!
//! A call is a session of a PBX, and its legs are channels of it. Trunks tell of the same calls once more: an equal
//! Call-ID proves it, and then they say why a call ended. Everything else is a list that REST gives and events change.

mod call;
mod command;
mod conference;
mod directory;
mod end;
mod life;
mod manage;
mod queue;
mod read;
mod record;
mod register;
mod remark;
mod resume;
mod seen;
mod session;
mod sessions;
mod snapshot;
mod sync;
mod tell;
mod transfer;
mod trunk;
mod words;

use std::time::Duration;

pub use command::{Client, Reply, Request, commands};

use adapter::{Order, Output, Refusal, Resume};

use bytes::Bytes;
use model::{Fact, Now, SourceId, Text, observation::SourceFact};

use self::{
    command::Pending, directory::Directory, read::text, record::Records, register::Registrations,
    seen::Seen, sessions::Sessions, snapshot::Pages, sync::Sync, tell::Telling, trunk::Trunks,
};
use crate::{
    config::Config,
    wire::{self, Body, Event, Frame, Note},
};

/// Decodes frames of one Telecom X source and gives them meaning.
pub struct Translator {
    source: SourceId,
    directory: Directory,
    sessions: Sessions,
    trunks: Trunks,
    records: Records,
    registrations: Registrations,
    seen: Seen,
    sync: Sync,
    pages: Pages,
    pending: Pending,
    customer: Option<String>,
    include_native: bool,
    /// Trunks are subscribed to: ends wait for them.
    hears_trunks: bool,
    /// PBXs are subscribed to: trunk calls wait for them.
    hears_pbx: bool,
    /// There was a connection before, or a gateway that knew calls.
    had_before: bool,
    /// What is told is a list of what exists.
    listing: bool,
    /// Keys of the memo that nobody needs any more.
    left_over: Vec<Text>,
}

impl Translator {
    /// A translator for one source, which goes on from what was known before.
    #[must_use]
    pub fn new(source: &SourceId, config: &Config, resume: &Resume) -> Self {
        let channels = config.known_channels();
        let hears = |name: &str| {
            let mut delivered = channels.iter().flat_map(|channel| channel.delivers());
            delivered.any(|delivered| *delivered == name)
        };
        let mut translator = Self {
            source: source.clone(),
            directory: Directory::new(source, config.region.as_deref()),
            sessions: Sessions::default(),
            trunks: Trunks::default(),
            records: Records::default(),
            registrations: Registrations::default(),
            seen: Seen::default(),
            sync: Sync::new(config),
            pages: Pages::default(),
            pending: Pending::default(),
            customer: config.customer.clone(),
            include_native: config.include_native,
            hears_trunks: hears("CALL"),
            hears_pbx: hears("PBX"),
            had_before: false,
            listing: false,
            left_over: Vec::new(),
        };
        translator.resume(resume);
        translator
    }

    fn event(&mut self, event: &Event<'_>, bytes: &Bytes, now: Now, out: &mut Output) {
        let repeated = match text(&event.event_id) {
            Some(id) => self.seen.id(id),
            None if matches!(event.body, Body::PersonalQueue(_)) => self.seen.body(bytes, now.mono),
            None => false,
        };
        if repeated || matches!(event.body, Body::Nothing) {
            out.no_ops += 1;
            return;
        }
        let customer = text(&event.customer).or(self.customer.as_deref());
        let mut tell = Telling::of(&event.name, customer, now);
        for key in &event.unclaimed {
            tell.unrecognized(&format!("key:{}.{key}", tell.event()));
        }
        self.body(event, &mut tell);
        tell.finish(bytes, self.include_native, out);
    }

    fn body(&mut self, event: &Event<'_>, tell: &mut Telling) {
        match &event.body {
            Body::Call(step, leg) => self.call_leg(tell, text(&event.server), *step, leg),
            Body::Presence(told) => self.presence(tell, event, told),
            Body::Conference(step, member) => self.conference(tell, event, *step, member),
            Body::Variable(kind, variable) => self.variable(tell, event, *kind, variable),
            Body::Recording(step, recording) => self.recording(tell, event, *step, recording),
            Body::Queue(step, caller) => self.queue_caller(tell, event, *step, caller),
            Body::Member(step, members) => self.queue_member(tell, event, *step, members),
            Body::QueueUpdated { named } => self.queue_updated(tell, event, *named),
            Body::QueueDeleted => match text(&event.id) {
                Some(queue) => self.queue_deleted(tell, queue, "QUEUE_DELETED"),
                None => tell.missing("_id"),
            },
            Body::Voicemail(step, message) => self.voicemail(tell, event, *step, message),
            Body::AudioRecord(audio) => self.audio_record(tell, event, audio),
            Body::PhoneHost(host) => self.phone_host(tell, event, host),
            Body::PersonalQueue(caller) => self.personal_queue(tell, event, caller),
            Body::TrunkCall(step, call) => self.trunk_call(tell, *step, call),
            Body::TrunkAlarm(alarm, call) => self.trunk_alarm(tell, *alarm, call),
            Body::Register(step, registration) => self.registration(tell, *step, registration),
            Body::Redis(step, redis) => self.redis(tell, *step, redis),
            Body::Realtime(client) => self.realtime(tell, event, client),
            Body::Config(data) => self.config(tell, event, data),
            Body::Client(step, message) => self.client_message(tell, *step, message),
            Body::Nothing => {}
            Body::Unknown => tell.unrecognized(&shape(event)),
        }
    }

    fn note(&mut self, note: Note<'_>, bytes: &Bytes, now: Now, out: &mut Output) {
        let customer = self.customer.as_deref();
        match note {
            Note::Session(session) => {
                self.sync.session(&session);
                out.no_ops += 1;
            }
            Note::Subscribed(body) => {
                let mut tell = Telling::of("subscribed", None, now);
                self.sync.subscribed(&mut tell, &body);
                tell.conceal = true;
                tell.finish(bytes, false, out);
            }
            Note::Rest(answer) => {
                let path = text(&answer.path).unwrap_or("");
                let name = path.split('?').next().unwrap_or(path);
                let mut tell = Telling::of(&format!("GET {name}"), customer, now);
                self.rest(&mut tell, *answer);
                tell.finish(bytes, false, out);
            }
            Note::Ack(ack) => self.acknowledged(&ack, now, out),
            Note::Bad(bad) => {
                let kind = text(&bad.kind).unwrap_or("packet");
                tell::unreadable(kind, bytes, out);
                if text(&bad.alarm).is_some_and(|alarm| alarm != "false") {
                    let mut tell = Telling::by_timer(kind, now);
                    let reason = "more than 20 packets a minute cannot be read".into();
                    let fact = Fact::Source(SourceFact::Degraded { reason });
                    tell.inferred("packets.bad", fact);
                    tell.finish_bare(out);
                }
            }
            Note::Unknown(kind) => tell::unreadable(&format!("note:{kind}"), bytes, out),
        }
    }
}

/// What is not known, by its kind.
fn shape(event: &Event<'_>) -> String {
    if event.name == event.channel {
        format!("event:{}", event.name)
    } else {
        format!("event:{}.{}", event.channel, event.name)
    }
}

impl adapter::Translator for Translator {
    fn connected(&mut self, _: Option<&str>, now: Now, out: &mut Output) {
        self.forget_left_over(out);
        self.sessions.reconnected();
        self.directory.reconnected();
        self.pages = Pages::default();
        self.forget_orders();
        self.sync.connected(now);
    }

    fn frame(&mut self, frame: &Bytes, now: Now, out: &mut Output) {
        self.sessions.tidy(now);
        match wire::decode(frame) {
            Ok(Frame::Event(event)) => self.event(&event, frame, now, out),
            Ok(Frame::Note(note)) => self.note(note, frame, now, out),
            Err(error) => tell::unreadable(error.shape(), frame, out),
        }
    }

    fn poll_timeout(&self) -> Option<Duration> {
        [
            self.sync.deadline(),
            self.sessions.next_grace(),
            self.trunks.next(),
            self.registrations.next(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn timeout(&mut self, now: Now, out: &mut Output) {
        self.sessions.tidy(now);
        let look = self.had_before;
        self.sync.timeout(now, look, out);
        self.trunks_due(now, out);
        self.registrations_due(now, out);
        while let Some(session) = self.sessions.take_due(now) {
            self.deserted(session, now, out);
        }
    }

    fn disconnected(&mut self, _: Now, _: &mut Output) {
        self.sync.disconnected();
        self.had_before = true;
        self.forget_orders();
    }

    fn command(&mut self, order: &Order, _: Now, out: &mut Output) -> Result<(), Refusal> {
        self.order(order, out)
    }
}
