//! What the messages mean. Pure: no IO, no clock.

use std::time::Duration;

use adapter::{Output, Translator, json::Json};
use bytes::Bytes;
use model::{
    Collection, Fact, LegRole, LegState, Now, Observation, Party, Payload, Report, Text,
    observation::{CallPatch, LegFact, LegPatch, Scope, SourceFact},
};

use super::wire::{self, Message};

/// Nothing need be remembered: every message names its call.
pub(crate) struct Bell;

impl Translator for Bell {
    fn connected(&mut self, _: Option<&str>, _: Now, _: &mut Output) {}

    fn frame(&mut self, frame: &Bytes, _: Now, out: &mut Output) {
        let (name, facts) = match wire::decode(frame) {
            None => ("frame".to_owned(), vec![unrecognized("frame".to_owned())]),
            Some((message, unclaimed)) => {
                let name = message.bell.clone().unwrap_or_default().into_owned();
                let mut facts = meaning(&name, &message);
                facts.extend(
                    unclaimed
                        .iter()
                        .map(|key| unrecognized(format!("key:{name}.{key}"))),
                );
                (name, facts)
            }
        };
        let mut report = Report::new(&name);
        let text = String::from_utf8_lossy(frame).into_owned();
        report.payload = Payload::parse(text.clone()).ok();
        if report.payload.is_none() {
            report.payload = Some(Payload::from_value(&text.into()));
        }
        report.observations = facts;
        out.reports.push(report);
    }

    fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    fn timeout(&mut self, _: Now, _: &mut Output) {}

    fn disconnected(&mut self, _: Now, _: &mut Output) {}
}

fn meaning(name: &str, message: &Message<'_>) -> Vec<Observation> {
    let key = || message.call.as_deref().map(Text::from);
    let facts = match (name, key(), &message.from, &message.to, &message.at) {
        ("call", Some(call), Some(from), Some(to), _) => opened(call, from, to),
        ("ring", Some(call), _, _, Some(at)) => vec![leg(call, at, LegState::Ringing)],
        ("pick_up", Some(call), _, _, Some(at)) => vec![
            leg(call.clone(), at, LegState::Connected),
            caller(call, LegState::Connected, None),
        ],
        ("over", Some(call), ..) => vec![Fact::CallEnded {
            call,
            end: None,
            settle: Duration::ZERO,
        }],
        ("calls", ..) => listed(&message.open),
        ("call" | "ring" | "pick_up" | "over", ..) => {
            return vec![unrecognized(format!("missing:{name}"))];
        }
        _ => return vec![unrecognized(format!("event:{name}"))],
    };
    facts
        .into_iter()
        .map(|fact| Observation::native(RULE, fact))
        .collect()
}

/// The messages of Bell are told as they are; a richer map names the rule that it applied.
const RULE: &str = "as_told";

fn opened(call: Text, from: &str, to: &str) -> Vec<Fact> {
    let patch = CallPatch {
        caller: Some(Party::extension(from)),
        callee: Some(Party::extension(to)),
        ..CallPatch::default()
    };
    let opening = Fact::Call {
        call: call.clone(),
        opens: true,
        patch: Box::new(patch),
    };
    vec![opening, caller(call, LegState::Initiated, Some(from))]
}

/// The calls there are: what the list does not name has ended while nobody listened.
fn listed(open: &Json<'_>) -> Vec<Fact> {
    let all = || Scope {
        collection: Collection::Calls,
        tenant: None,
        within: None,
        complete: true,
    };
    let keys = match open {
        Json::Array(keys) => keys.as_slice(),
        _ => &[],
    };
    let calls = keys
        .iter()
        .filter_map(|key| key.clone().into_text())
        .map(|key| Fact::Call {
            call: key.as_ref().into(),
            opens: true,
            patch: Box::default(),
        });
    let mut facts = vec![Fact::SnapshotBegin(all())];
    facts.extend(calls);
    facts.push(Fact::SnapshotEnd(all()));
    facts.push(Fact::Source(SourceFact::Synced));
    facts
}

fn caller(call: Text, state: LegState, number: Option<&str>) -> Fact {
    let patch = LegPatch {
        role: Some(LegRole::Caller),
        party: number.map(Party::extension),
        ..LegPatch::default()
    };
    part(format!("{call}-caller"), call, state, patch)
}

fn leg(call: Text, at: &str, state: LegState) -> Fact {
    let patch = LegPatch {
        role: Some(LegRole::Callee),
        party: Some(Party::extension(at)),
        ..LegPatch::default()
    };
    part(format!("{call}-{at}"), call, state, patch)
}

fn part(leg: String, call: Text, state: LegState, patch: LegPatch) -> Fact {
    Fact::Leg(Box::new(LegFact {
        call,
        leg: leg.into(),
        state: Some(state),
        patch,
        end: None,
    }))
}

fn unrecognized(shape: String) -> Observation {
    let shape = shape.into();
    Observation::native("unrecognized", Fact::Unrecognized { shape })
}
