//! Where the findings about one call are put down.

use adapter::truth::TrueCall;
use model::{OriginKind, Timestamp};

use super::{Fact, Finding, Verdict};

pub(super) struct Bench<'t> {
    pub(super) truth: &'t TrueCall,
    pub(super) throughout: bool,
    pub(super) precision: i64,
    pub(super) findings: Vec<Finding>,
}

impl Bench<'_> {
    pub(super) fn same(&mut self, fact: Fact, said: Option<&str>, really: &str, kind: OriginKind) {
        self.one_of(fact, said, [really], kind);
    }

    pub(super) fn one_of<'a>(
        &mut self,
        fact: Fact,
        said: Option<&str>,
        really: impl IntoIterator<Item = &'a str>,
        kind: OriginKind,
    ) {
        let really: Vec<&str> = really.into_iter().collect();
        let verdict = match said {
            None => Verdict::Unknown,
            Some(said) if really.contains(&said) => rightly(is_inferred(kind)),
            Some(_) => Verdict::Wrong,
        };
        self.find(fact, verdict, said.unwrap_or_default(), really.join(" or "));
    }

    /// A fact that is right but for its time.
    pub(super) fn timed(
        &mut self,
        fact: Fact,
        said: Timestamp,
        really: Timestamp,
        published: Option<Timestamp>,
        kind: OriginKind,
    ) {
        let error = off(said, really);
        let verdict = if self.throughout && error.abs() > self.precision {
            Verdict::Wrong
        } else {
            rightly(is_inferred(kind))
        };
        self.findings.push(Finding {
            error_ms: Some(error),
            delay_ms: published.map(|published| published.millis_since(really)),
            ..Finding::new(fact, verdict, said.to_string(), really.to_string())
        });
    }

    pub(super) fn find(
        &mut self,
        fact: Fact,
        verdict: Verdict,
        said: impl Into<String>,
        really: impl Into<String>,
    ) {
        self.findings
            .push(Finding::new(fact, verdict, said, really));
    }
}

impl Finding {
    pub(super) fn new(
        fact: Fact,
        verdict: Verdict,
        said: impl Into<String>,
        really: impl Into<String>,
    ) -> Self {
        Self {
            fact,
            verdict,
            said: said.into(),
            really: really.into(),
            error_ms: None,
            delay_ms: None,
        }
    }
}

pub(super) fn rightly(inferred: bool) -> Verdict {
    if inferred {
        Verdict::Inferred
    } else {
        Verdict::Correct
    }
}

pub(super) fn is_inferred(kind: OriginKind) -> bool {
    matches!(kind, OriginKind::Inferred | OriginKind::Unconfirmed)
}

/// Milliseconds from the truth to what was said.
pub(super) fn off(said: Timestamp, really: Timestamp) -> i64 {
    (said.micros() - really.micros()) / 1_000
}
