//! Writing a report: the facts of one message, with its time and tenant.

use adapter::Output;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use model::{
    Basis, Fact, MemoChange, Native, Now, Observation, Payload, Precision, Report, Text, Timestamp,
};

/// The most characters of an event's name, and of the shape of what is not known.
const MAX_NAME: usize = 96;

/// What one message tells.
pub(super) struct Telling {
    /// Whose it is.
    pub(super) tenant: Option<Text>,
    pub(super) now: Now,
    /// What to remember over a restart.
    pub(super) memo: Vec<MemoChange>,
    /// Requests to make.
    pub(super) requests: Vec<Bytes>,
    /// The body names somebody who is not to be shown, and no fact says so: it is withheld.
    pub(super) conceal: bool,
    report: Report,
}

impl Telling {
    pub(super) fn of(event: &str, tenant: Option<&str>, now: Now) -> Self {
        Self {
            tenant: tenant.map(Into::into),
            now,
            memo: Vec::new(),
            requests: Vec::new(),
            conceal: false,
            report: Report::new(short(event)),
        }
    }

    /// For what the map says by itself.
    pub(super) fn by_timer(event: &str, now: Now) -> Self {
        Self::of(event, None, now)
    }

    /// The event's name.
    pub(super) fn event(&self) -> Text {
        self.report.event.clone()
    }

    /// A fact that the PBX told.
    pub(super) fn native(&mut self, rule: &'static str, fact: Fact) {
        self.say(Basis::Native, rule, None, fact);
    }

    /// A fact that was concluded.
    pub(super) fn inferred(&mut self, rule: &'static str, fact: Fact) {
        self.say(Basis::Inferred, rule, None, fact);
    }

    pub(super) fn say(
        &mut self,
        basis: Basis,
        rule: &'static str,
        time: Option<Timestamp>,
        fact: Fact,
    ) {
        if time.is_some() {
            self.report.precision = Some(Precision::Millis);
        }
        self.report.observations.push(Observation {
            time,
            tenant: self.tenant.clone(),
            basis,
            rule,
            fact,
        });
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
        self.hand_over_rest(out);
        if self.report.observations.is_empty() {
            out.no_ops += 1;
            return;
        }
        let strange =
            |observation: &Observation| matches!(observation.fact, Fact::Unrecognized { .. });
        let unknown = self.report.observations.iter().any(strange);
        if (include_native && !self.conceal) || unknown {
            attach(&mut self.report, bytes);
        }
        out.reports.push(self.report);
    }

    /// Hands over what has no message behind it.
    pub(super) fn finish_bare(mut self, out: &mut Output) {
        self.hand_over_rest(out);
        if !self.report.observations.is_empty() {
            out.reports.push(self.report);
        }
    }

    fn hand_over_rest(&mut self, out: &mut Output) {
        out.memo.append(&mut self.memo);
        out.requests.append(&mut self.requests);
    }
}

/// A frame that is no event.
pub(super) fn unreadable(shape: &str, bytes: &Bytes, out: &mut Output) {
    let mut report = Report::new(short(shape));
    let shape = short(shape).into();
    let fact = Fact::Unrecognized { shape };
    report
        .observations
        .push(Observation::native("unrecognized", fact));
    attach(&mut report, bytes);
    out.reports.push(report);
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
