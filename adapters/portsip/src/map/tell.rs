//! Writing a report: the facts of one message, with its time and tenant.

use adapter::Output;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use model::{
    Basis, Fact, LegState, MemoChange, Native, Now, Observation, Party, Payload, Precision, Report,
    Text, Timestamp,
    observation::{CallPatch, LegFact, LegPatch},
};

use super::{read, session::Session};
use crate::wire::{DecodeError, Event};

/// The most characters of an event's name, and of the shape of what is not known.
const MAX_NAME: usize = 96;

/// What one message tells.
pub(super) struct Telling {
    /// The tenant that all of it is about.
    pub(super) tenant: Option<Text>,
    /// The event's time by the PBX's clock.
    pub(super) time: Option<Timestamp>,
    pub(super) now: Now,
    /// What to remember over a restart.
    pub(super) memo: Vec<MemoChange>,
    report: Report,
}

impl Telling {
    pub(super) fn of(event: &Event<'_>, now: Now) -> Self {
        let tenant = read::id(&event.tenant_id).map(Into::into);
        Self {
            tenant,
            time: read::time(&event.time),
            now,
            memo: Vec::new(),
            report: Report::new(short(&event.name)),
        }
    }

    /// For what the map says by itself.
    pub(super) fn by_timer(event: &str, now: Now) -> Self {
        Self {
            tenant: None,
            time: None,
            now,
            memo: Vec::new(),
            report: Report::new(event),
        }
    }

    /// The event's name.
    pub(super) fn event(&self) -> Text {
        self.report.event.clone()
    }

    /// A fact that the PBX told, at the message's time.
    pub(super) fn native(&mut self, rule: &'static str, fact: Fact) {
        self.say(Basis::Native, rule, self.time, fact);
    }

    /// A fact that was concluded, at the message's time.
    pub(super) fn inferred(&mut self, rule: &'static str, fact: Fact) {
        self.say(Basis::Inferred, rule, self.time, fact);
    }

    pub(super) fn say(
        &mut self,
        basis: Basis,
        rule: &'static str,
        time: Option<Timestamp>,
        fact: Fact,
    ) {
        self.report.observations.push(Observation {
            time,
            tenant: self.tenant.clone(),
            basis,
            rule,
            fact,
        });
    }

    /// Speaks of another time from here on, where one is known; gives back the message's own.
    pub(super) fn shift(&mut self, time: Option<Timestamp>) -> Option<Timestamp> {
        let own = self.time;
        self.time = time.or(own);
        own
    }

    /// Something that the map does not know, by its shape.
    pub(super) fn unrecognized(&mut self, shape: &str) {
        let shape = short(shape).into();
        self.native("unrecognized", Fact::Unrecognized { shape });
    }

    /// A key without which the message tells nothing.
    pub(super) fn missing(&mut self, key: &str) {
        self.unrecognized(&format!("missing:{}.{key}", self.event()));
    }

    /// A word of an enumeration that the map does not know.
    pub(super) fn strange(&mut self, key: &str, word: &str) {
        self.unrecognized(&format!("value:{}.{key}={word}", self.event()));
    }

    /// Hands the report over, or counts a message that told nothing.
    pub(super) fn finish(mut self, bytes: &Bytes, include_native: bool, out: &mut Output) {
        out.memo.append(&mut self.memo);
        if self.report.observations.is_empty() {
            out.no_ops += 1;
            return;
        }
        let strange =
            |observation: &Observation| matches!(observation.fact, Fact::Unrecognized { .. });
        if include_native || self.report.observations.iter().any(strange) {
            attach(&mut self.report, bytes);
        }
        self.report.precision = Some(Precision::Seconds);
        out.reports.push(self.report);
    }

    /// Hands over what has no message behind it.
    pub(super) fn finish_bare(mut self, out: &mut Output) {
        if !self.report.observations.is_empty() {
            self.report.precision = Some(Precision::Seconds);
            out.reports.push(self.report);
        }
    }
}

/// A frame that is no message.
pub(super) fn unreadable(error: &DecodeError, bytes: &Bytes, out: &mut Output) {
    let mut report = Report::new(error.shape());
    let shape = error.shape().into();
    let fact = Fact::Unrecognized { shape };
    report
        .observations
        .push(Observation::native("unrecognized", fact));
    attach(&mut report, bytes);
    out.reports.push(report);
}

/// A leg in a state.
pub(super) fn leg(session: &Session, leg: &Text, state: Option<LegState>, patch: LegPatch) -> Fact {
    Fact::Leg(Box::new(LegFact {
        call: session.key.clone(),
        leg: leg.clone(),
        state,
        patch,
        end: None,
    }))
}

/// A call.
pub(super) fn call(session: &Session, opens: bool, patch: CallPatch) -> Fact {
    Fact::Call {
        call: session.key.clone(),
        opens,
        patch: Box::new(patch),
    }
}

/// A patch of a leg that only says who is there.
pub(super) fn party(party: Party) -> LegPatch {
    LegPatch {
        party: Some(party),
        ..LegPatch::default()
    }
}

/// Attributes of the PBX by name, those that were told.
pub(super) fn native(pairs: &[(&str, Option<&str>)]) -> Native {
    let mut native = Native::new();
    for (name, value) in pairs {
        if let Some(value) = value {
            native.set(name, *value);
        }
    }
    native
}

fn attach(report: &mut Report, bytes: &Bytes) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let payload = Payload::parse(text.to_owned())
                .unwrap_or_else(|_| Payload::from_value(&text.into()));
            report.payload = Some(payload);
        }
        Err(_) => report.payload_base64 = Some(BASE64_STANDARD.encode(bytes).into()),
    }
}

fn short(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(MAX_NAME)
        .map_or(text.len(), |(end, _)| end);
    &text[..end]
}
