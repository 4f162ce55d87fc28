//! Writing a report: the facts of one message or entity.

use adapter::Output;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use model::{
    Basis, Fact, MemoChange, Native, Now, Observation, Payload, Precision, Report, Text, Timestamp,
};
use serde::Serialize;

use crate::wire::DecodeError;

/// The most characters of an event's name, and of the shape of what is not known.
const MAX_NAME: usize = 96;

/// What one message tells.
pub(super) struct Telling {
    pub(super) now: Now,
    /// When it happened, by the PBX's clock, unless a fact says otherwise.
    pub(super) time: Option<Timestamp>,
    /// What to remember over a restart.
    pub(super) memo: Vec<MemoChange>,
    tenant: Option<Text>,
    report: Report,
}

impl Telling {
    pub(super) fn new(event: &str, tenant: Option<&Text>, now: Now) -> Self {
        Self {
            now,
            time: None,
            memo: Vec::new(),
            tenant: tenant.cloned(),
            report: Report::new(short(event)),
        }
    }

    /// A fact that the PBX told, at the message's time.
    pub(super) fn native(&mut self, rule: &'static str, fact: Fact) {
        self.say(Basis::Native, rule, self.time, fact);
    }

    /// A fact that was concluded, at the message's time.
    pub(super) fn inferred(&mut self, rule: &'static str, fact: Fact) {
        self.say(Basis::Inferred, rule, self.time, fact);
    }

    /// A fact that the PBX told, at a time of its own where one is known.
    pub(super) fn native_at(&mut self, rule: &'static str, time: Option<Timestamp>, fact: Fact) {
        self.say(Basis::Native, rule, time.or(self.time), fact);
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

    /// Something that the map does not know, by its shape.
    pub(super) fn unrecognized(&mut self, shape: &str) {
        let shape = short(shape).into();
        self.say(
            Basis::Native,
            "unrecognized",
            self.time,
            Fact::Unrecognized { shape },
        );
    }

    /// A word of an enumeration that the map does not know.
    pub(super) fn strange(&mut self, field: &str, word: &str) {
        self.unrecognized(&format!("value:{field}={word}"));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.report.observations.is_empty()
    }

    /// Hands the report over with its native body, or counts a message that told nothing.
    pub(super) fn finish(mut self, body: &impl Serialize, include_native: bool, out: &mut Output) {
        out.memo.append(&mut self.memo);
        if self.is_empty() {
            out.no_ops += 1;
            return;
        }
        let strange =
            |observation: &Observation| matches!(observation.fact, Fact::Unrecognized { .. });
        if include_native || self.report.observations.iter().any(strange) {
            let text = serde_json::to_string(body).unwrap_or_default();
            self.report.payload = Payload::parse(text).ok();
        }
        self.report.precision = Some(Precision::Micros);
        out.reports.push(self.report);
    }

    /// Hands the report over with the frame as it came.
    pub(super) fn finish_raw(mut self, frame: &Bytes, out: &mut Output) {
        self.report.payload_base64 = Some(BASE64_STANDARD.encode(frame).into());
        self.finish_bare(out);
    }

    /// Hands over what has no message behind it.
    pub(super) fn finish_bare(mut self, out: &mut Output) {
        out.memo.append(&mut self.memo);
        if !self.is_empty() {
            self.report.precision = Some(Precision::Micros);
            out.reports.push(self.report);
        }
    }
}

/// A frame that is no message.
pub(super) fn unreadable(error: &DecodeError, frame: &Bytes, out: &mut Output) {
    let mut report = Report::new("frame");
    let shape: Text = match error {
        DecodeError::Scan(_) | DecodeError::NoMessage => error.shape().into(),
        DecodeError::Form(kind) => format!("form:{kind}").into(),
        DecodeError::Outdated(kind) => short(&format!("outdated:{kind}")).into(),
    };
    let fact = Fact::Unrecognized { shape };
    report
        .observations
        .push(Observation::native("unrecognized", fact));
    report.payload_base64 = Some(BASE64_STANDARD.encode(frame).into());
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

fn short(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(MAX_NAME)
        .map_or(text.len(), |(end, _)| end);
    &text[..end]
}
