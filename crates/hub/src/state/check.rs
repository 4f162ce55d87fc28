//! The invariants of calls and versions, checked on the events themselves.

use std::collections::{HashMap, HashSet};

use model::{Event, EventType, LegState, Text};

use crate::draft::Draft;

/// Follows a stream of events and says which of them break an invariant. For tests: it remembers every subject.
#[derive(Debug, Default)]
pub struct History {
    versions: HashMap<Text, u64>,
    ended: HashSet<Text>,
}

impl History {
    /// Checks one event, and describes what is wrong with it.
    ///
    /// # Errors
    /// When the event breaks an invariant.
    pub fn event(&mut self, event: &Event) -> Result<(), String> {
        self.look(
            event.kind,
            &event.subject,
            event.subjectversion,
            &event.data,
        )
    }

    /// The same for an event that has no position yet.
    ///
    /// # Errors
    /// When the event breaks an invariant.
    pub fn draft(&mut self, draft: &Draft) -> Result<(), String> {
        self.look(draft.kind, &draft.subject, draft.version, &draft.data)
    }

    fn look(
        &mut self,
        kind: EventType,
        subject: &Text,
        version: u64,
        data: &model::Data,
    ) -> Result<(), String> {
        let before = self.versions.insert(Text::clone(subject), version);
        let expected = before.unwrap_or(0) + 1;
        if version != expected {
            return Err(format!(
                "{kind} of {subject} has version {version}, not {expected}"
            ));
        }
        if !subject.starts_with("calls/") {
            return Ok(());
        }
        if (kind == EventType::CallStarted) != (version == 1) {
            return Err(format!("{kind} of {subject} has version {version}"));
        }
        let over = self.ended.contains(subject);
        if over != (kind == EventType::CallAmended) {
            return Err(format!("{kind} of {subject} (ended: {over})"));
        }
        if kind == EventType::CallEnded {
            self.ended.insert(Text::clone(subject));
        }
        sound(kind, version, data).map_err(|rule| format!("{kind} of {subject}: {}", rule.broken()))
    }
}

/// An invariant that an event shows by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A call has the version of its event.
    Version,
    /// A call is open until its end, and not after it.
    Open,
    /// No leg outlives its call.
    Outlived,
    /// A call that has ended says how.
    End,
    /// The times of a call are in order.
    CallTimes,
    /// The times of a leg are in order.
    LegTimes,
    /// A leg that has ended says when.
    LegEnd,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 7] = [
        Self::Version,
        Self::Open,
        Self::Outlived,
        Self::End,
        Self::CallTimes,
        Self::LegTimes,
        Self::LegEnd,
    ];

    /// A word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Version => "call_version",
            Self::Open => "call_open",
            Self::Outlived => "leg_outlives_call",
            Self::End => "call_end",
            Self::CallTimes => "call_times",
            Self::LegTimes => "leg_times",
            Self::LegEnd => "leg_end",
        }
    }

    const fn broken(self) -> &'static str {
        match self {
            Self::Version => "the call has another version than its event",
            Self::Open => "the call is ended before its end or open after it",
            Self::Outlived => "a leg is open after the end of its call",
            Self::End => "a call has ended and does not say how",
            Self::CallTimes => "the times of the call are out of order",
            Self::LegTimes => "the times of a leg are out of order",
            Self::LegEnd => "a leg has ended and does not say when",
        }
    }
}

/// The invariant that an event breaks, as far as it shows by itself.
pub(super) fn broken(draft: &Draft) -> Option<Rule> {
    sound(draft.kind, draft.version, &draft.data).err()
}

fn sound(kind: EventType, version: u64, data: &model::Data) -> Result<(), Rule> {
    let Some(call) = &data.call else {
        return Ok(());
    };
    if call.version != version {
        return Err(Rule::Version);
    }
    let over = matches!(kind, EventType::CallEnded | EventType::CallAmended);
    if over == call.is_open() {
        return Err(Rule::Open);
    }
    if over && call.legs.iter().any(|leg| leg.is_open()) {
        return Err(Rule::Outlived);
    }
    if over && call.end.is_none() {
        return Err(Rule::End);
    }
    let ordered = |times: &[Option<model::Timestamp>]| {
        let known: Vec<_> = times.iter().flatten().collect();
        known.is_sorted()
    };
    if !ordered(&[
        Some(call.started_at),
        call.queued_at,
        call.ringing_at,
        call.answered_at,
        call.ended_at,
    ]) {
        return Err(Rule::CallTimes);
    }
    for leg in &call.legs {
        if !ordered(&[
            Some(leg.started_at),
            leg.ringing_at,
            leg.answered_at,
            leg.ended_at,
        ]) {
            return Err(Rule::LegTimes);
        }
        if (leg.state == LegState::Ended) != leg.ended_at.is_some() {
            return Err(Rule::LegEnd);
        }
    }
    Ok(())
}
