//! Which phones rang, who answered, who talked.

use std::collections::BTreeSet;

use adapter::truth::Talk;
use model::{Call, LegRole, OriginKind, Timestamp};

use super::{
    Fact, Verdict,
    bench::{Bench, is_inferred, off, rightly},
};
use crate::account::{Account, Told, number};

impl Bench<'_> {
    pub(super) fn ringing(&mut self, account: &Account, call: &Call) {
        // What was published last counts; who only rang in passing was told by `leg.ringing`.
        let mut said: Vec<Told> = Vec::new();
        for leg in call.legs.iter().filter(|leg| leg.role == LegRole::Callee) {
            let (Some(at), number) = (leg.ringing_at, number(&leg.party)) else {
                continue;
            };
            // A record dates the ringing of who answered at once by the answer.
            let only_answered = leg.answered_at == Some(at);
            let live = account.rang.iter().find(|told| told.number == number);
            if only_answered
                && !self
                    .truth
                    .rang
                    .iter()
                    .any(|ring| Some(&ring.number) == number.as_ref())
            {
                continue;
            }
            said.push(Told {
                number,
                at,
                published: live.map_or(Timestamp::default(), |live| live.published),
                kind: live.map_or(OriginKind::Native, |live| live.kind),
            });
        }
        for told in &account.rang {
            let instant = call.legs.iter().any(|leg| {
                number(&leg.party) == told.number
                    && leg.ringing_at.is_some()
                    && leg.ringing_at == leg.answered_at
            });
            if !instant && !said.iter().any(|known| known.number == told.number) {
                said.push(told.clone());
            }
        }
        let missed = account.missed.iter().flat_map(|missed| &missed.extensions);
        for extension in missed {
            if !self
                .truth
                .rang
                .iter()
                .any(|ring| ring.number == *extension.number)
            {
                let said = format!("missed by {}", extension.number);
                self.find(Fact::Ringing, Verdict::Invented, said, "did not ring");
            }
        }
        let mut numbers = BTreeSet::new();
        for ring in &self.truth.rang {
            if !numbers.insert(&ring.number) {
                continue;
            }
            let mut told = said
                .iter()
                .filter(|told| told.number.as_ref() == Some(&ring.number));
            let rings = || {
                self.truth
                    .rang
                    .iter()
                    .filter(|other| other.number == ring.number)
            };
            match told.next() {
                Some(told) => {
                    let nearest = rings()
                        .map(|ring| ring.at)
                        .min_by_key(|at| told.at.micros().abs_diff(at.micros()))
                        .unwrap_or(ring.at);
                    let (kind, published) = (told.kind, told.published);
                    let published = (published > Timestamp::default()).then_some(published);
                    self.timed(Fact::Ringing, told.at, nearest, published, kind);
                }
                None => self.find(Fact::Ringing, Verdict::Unknown, "", &*ring.number),
            }
        }
        for told in said {
            let known = told
                .number
                .as_ref()
                .is_some_and(|number| numbers.contains(number));
            if !known {
                let said = format!("{:?} at {}", told.number, told.at);
                self.find(Fact::Ringing, Verdict::Invented, said, "did not ring");
            }
        }
    }

    pub(super) fn answer(&mut self, account: &Account, call: &Call) {
        let really = self.truth.talked.first();
        let said = call.answered_by.as_ref().and_then(number);
        let live = account.answered.first();
        let kind = live.map_or(OriginKind::Native, |live| live.kind);
        for live in &account.answered {
            let named = |talk: &Talk| live.number.as_ref().is_none_or(|n| *n == talk.number);
            let right = really.is_some_and(named);
            if !right && !self.answered_later(live.number.as_ref(), live.at) {
                let said = format!("live: {:?} at {}", live.number, live.at);
                let really = really.map_or("nobody answered", |talk| &talk.number);
                self.find(Fact::Answer, Verdict::Wrong, said, really);
            }
        }
        match (really, call.answered_at) {
            (None, None) => {}
            (None, Some(at)) => {
                let said = format!("{said:?} at {at}");
                self.find(Fact::Answer, Verdict::Invented, said, "nobody answered");
            }
            (Some(talk), None) => self.find(Fact::Answer, Verdict::Unknown, "", &*talk.number),
            (Some(talk), Some(at)) => match said {
                Some(said) if said != talk.number => {
                    let verdict = if self.answered_later(Some(&said), at) {
                        Verdict::Unknown
                    } else {
                        Verdict::Wrong
                    };
                    self.find(Fact::Answer, verdict, said, &*talk.number);
                }
                _ => {
                    let published = live.map(|live| live.published);
                    self.timed(Fact::Answer, at, talk.from, published, kind);
                }
            },
        }
    }

    /// Whether somebody did answer then, after a first answer that may not have been heard: a source that was not
    /// heard throughout says so by its `source.gap`.
    fn answered_later(&self, number: Option<&String>, at: Timestamp) -> bool {
        // A list names who talks, and need not say since when.
        let then = |talk: &Talk| {
            let meanwhile = at >= talk.from && talk.to.is_none_or(|to| at <= to);
            meanwhile || off(at, talk.from).abs() <= self.precision
        };
        let mut talked = self.truth.talked.iter();
        !self.throughout && talked.any(|talk| Some(&talk.number) == number && then(talk))
    }

    pub(super) fn handled_by(&mut self, account: &Account, call: &Call) {
        let really: Vec<String> = self
            .truth
            .talked
            .iter()
            .map(|talk| talk.number.clone())
            .collect();
        let said = call.handled_by.iter();
        let said: Vec<String> = said.filter_map(|handled| number(&handled.party)).collect();
        if really.is_empty() && said.is_empty() {
            return;
        }
        let inferred = account.answered.iter().any(|told| is_inferred(told.kind));
        let verdict = if said == really {
            rightly(inferred)
        } else if is_part_of(&said, &really) {
            Verdict::Unknown
        } else if really.is_empty() {
            Verdict::Invented
        } else {
            Verdict::Wrong
        };
        self.find(Fact::HandledBy, verdict, said.join(" "), really.join(" "));
    }
}

/// Whether `part` is `whole` with some left out.
fn is_part_of(part: &[String], whole: &[String]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|item| whole.any(|other| other == item))
}
