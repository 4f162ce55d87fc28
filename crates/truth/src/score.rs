//! Adds findings up, and prints them as a table.

use std::{collections::BTreeMap, fmt::Write as _};

use adapter::truth::TrueCall;

use crate::judge::{Fact, Finding, Verdict};

/// What was found, per dialect and per weather.
#[derive(Debug, Default)]
pub struct Score {
    facts: BTreeMap<(String, Fact), Tally>,
    weathers: BTreeMap<(usize, String), Tally>,
    /// Of calls that changed hands, by source, story and fact.
    handovers: BTreeMap<(String, String, Fact), Tally>,
    /// Calls that were judged.
    pub calls: u64,
    /// Calls, callers, recordings and participants that were still there when everything was over.
    pub ghosts: u64,
    /// Calls that started or ended twice.
    pub twice: u64,
    /// Invariants that were broken.
    pub violations: u64,
    /// Faults by kind: how many, and the first, for people.
    kinds: BTreeMap<String, (u64, String)>,
}

/// Sums of one fact.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<Verdict, u64>,
    errors: Vec<u32>,
    delays: Vec<u32>,
}

/// Kinds of faults that are told apart.
const KINDS: usize = 60;

impl Score {
    /// Adds what was found about one call.
    pub fn add(
        &mut self,
        column: &str,
        weather: (usize, &str),
        truth: Option<&TrueCall>,
        findings: &[Finding],
    ) {
        self.calls += u64::from(truth.is_some());
        for finding in findings {
            let fact = (column.to_owned(), finding.fact);
            self.facts.entry(fact).or_default().add(finding);
            let sky = (weather.0, weather.1.to_owned());
            self.weathers.entry(sky).or_default().add(finding);
            let tells = matches!(
                finding.fact,
                Fact::Transfer | Fact::HandledBy | Fact::Interaction
            );
            if let Some(truth) = truth.filter(|truth| tells && !truth.transfers.is_empty()) {
                let source = column.split(' ').next().unwrap_or(column);
                let story = (source.to_owned(), truth.story.clone(), finding.fact);
                self.handovers.entry(story).or_default().add(finding);
            }
            if finding.verdict.is_a_fault() {
                let (story, key) =
                    truth.map_or(("", ""), |truth| (truth.story.as_str(), truth.key.as_str()));
                let (fact, verdict) = (finding.fact.name(), finding.verdict);
                let first = || {
                    let Finding { said, really, .. } = finding;
                    format!("{}: {key}: said {said:?}, really {really:?}", weather.1)
                };
                self.fault(&format!("{column}: {story}: {fact} {verdict:?}"), 1, first);
            }
        }
    }

    /// Takes over another score.
    pub fn join(&mut self, other: Self) {
        for (key, tally) in other.facts {
            self.facts.entry(key).or_default().join(tally);
        }
        for (key, tally) in other.weathers {
            self.weathers.entry(key).or_default().join(tally);
        }
        for (key, tally) in other.handovers {
            self.handovers.entry(key).or_default().join(tally);
        }
        self.calls += other.calls;
        self.ghosts += other.ghosts;
        self.twice += other.twice;
        self.violations += other.violations;
        for (kind, (count, first)) in other.kinds {
            self.fault(&kind, count, || first);
        }
    }

    fn fault(&mut self, kind: &str, count: u64, first: impl FnOnce() -> String) {
        let known = self.kinds.len() < KINDS || self.kinds.contains_key(kind);
        let kind = if known { kind } else { "others" };
        let kind = self.kinds.entry(kind.to_owned());
        kind.or_insert_with(|| (0, first())).0 += count;
    }

    /// Every kind of fault with its first, one on each line.
    #[must_use]
    pub fn faults(&self) -> String {
        let kinds = self.kinds.iter();
        let lines =
            kinds.map(|(kind, (count, first))| format!("{kind}, {count}×, first in {first}\n"));
        lines.collect()
    }

    /// How often a verdict was passed.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.facts.values().map(|tally| tally.count(verdict)).sum()
    }

    /// True when nothing was wrong, invented, doubled or left open.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.count(Verdict::Wrong) == 0
            && self.count(Verdict::Invented) == 0
            && self.ghosts == 0
            && self.twice == 0
            && self.violations == 0
    }

    /// Facts by column.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::from(
            "| source, dialect | fact | detected | correct | inferred | wrong | invented | unknown | time error p50 / p99 / max | heard after p50 / p99 |\n\
             |---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        );
        for ((column, fact), tally) in &self.facts {
            let _ = writeln!(text, "| {column} | {} | {} |", fact.name(), tally.cells());
        }
        text
    }

    /// Sums by weather.
    #[must_use]
    pub fn weather_table(&self) -> String {
        let mut text = String::from(
            "| weather | detected | correct | inferred | wrong | invented | unknown |\n|---|---:|---:|---:|---:|---:|---:|\n",
        );
        for ((_, weather), tally) in &self.weathers {
            let _ = writeln!(text, "| {weather} | {} |", tally.counts().join(" | "));
        }
        text
    }

    /// How often each verdict was passed on a fact of calls that changed hands in a story.
    #[must_use]
    pub fn handover(&self, source: &str, story: &str, fact: Fact, verdict: Verdict) -> u64 {
        let key = (source.to_owned(), story.to_owned(), fact);
        self.handovers
            .get(&key)
            .map_or(0, |tally| tally.count(verdict))
    }

    /// Calls that changed hands, by story.
    #[must_use]
    pub fn handover_table(&self) -> String {
        let mut text = String::from(
            "| source | story | fact | detected | correct | inferred | wrong | invented | unknown |\n\
             |---|---|---|---:|---:|---:|---:|---:|---:|\n",
        );
        for ((source, story, fact), tally) in &self.handovers {
            let counts = tally.counts().join(" | ");
            let _ = writeln!(text, "| {source} | {story} | {} | {counts} |", fact.name());
        }
        text
    }

    /// The last line.
    #[must_use]
    pub fn last_line(&self) -> String {
        format!(
            "wrong: {}, invented: {}, ghosts: {}, twice: {}, violations: {}, unknown: {}, calls: {}",
            self.count(Verdict::Wrong),
            self.count(Verdict::Invented),
            self.ghosts,
            self.twice,
            self.violations,
            self.count(Verdict::Unknown),
            self.calls
        )
    }
}

impl Tally {
    fn add(&mut self, finding: &Finding) {
        *self.counts.entry(finding.verdict).or_default() += 1;
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        self.errors
            .extend(finding.error_ms.map(|ms| small(ms.unsigned_abs())));
        self.delays.extend(finding.delay_ms.map(small));
    }

    fn join(&mut self, other: Self) {
        for (verdict, count) in other.counts {
            *self.counts.entry(verdict).or_default() += count;
        }
        self.errors.extend(other.errors);
        self.delays.extend(other.delays);
    }

    fn count(&self, verdict: Verdict) -> u64 {
        self.counts.get(&verdict).copied().unwrap_or(0)
    }

    /// Detected, correct, inferred, wrong, invented, unknown.
    fn counts(&self) -> Vec<String> {
        let of = |verdict| self.count(verdict);
        let detected = of(Verdict::Correct) + of(Verdict::Inferred) + of(Verdict::Wrong);
        [
            detected,
            of(Verdict::Correct),
            of(Verdict::Inferred),
            of(Verdict::Wrong),
            of(Verdict::Invented),
            of(Verdict::Unknown),
        ]
        .map(|count| count.to_string())
        .to_vec()
    }

    fn cells(&self) -> String {
        let mut cells = self.counts();
        let error = spread(&self.errors)
            .map(|[p50, p99, max]| format!("{} / {} / {}", time(p50), time(p99), time(max)));
        let delay =
            spread(&self.delays).map(|[p50, p99, _]| format!("{} / {}", time(p50), time(p99)));
        cells.push(error.unwrap_or_default());
        cells.push(delay.unwrap_or_default());
        cells.join(" | ")
    }
}

/// Median, 99th percentile and maximum.
fn spread(values: &[u32]) -> Option<[u32; 3]> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let max = *sorted.last()?;
    let at = |percent: usize| sorted[(sorted.len() - 1) * percent / 100];
    Some([at(50), at(99), max])
}

fn time(millis: u32) -> String {
    match millis {
        0..10_000 => format!("{:.1} s", f64::from(millis) / 1_000.0),
        10_000..600_000 => format!("{} s", millis / 1_000),
        _ => format!("{} min", millis / 60_000),
    }
}
