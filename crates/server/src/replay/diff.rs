//! Two accounts compared by meaning: which subjects only one of them has, and in what the others differ.
//!
//! Ids are compared where they are the same PBX's, and ignored where two recordings can only have told the same story
//! with other ids: then subjects are held against each other by who called whom, or by their number. Times count when
//! both are accounts of one recording; else only that there is one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value;

use super::account::{Account, Subject};

/// What differs in one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The subject, with who called whom where it is a call.
    pub subject: String,
    /// What differs in it, each in a line: `end.cause: "normal" → "busy"`.
    pub what: Vec<String>,
}

/// Everything in which `after` differs from `before`; empty when both say the same.
#[must_use]
pub fn diff(before: &Account, after: &Account) -> Vec<Difference> {
    let pairs = Pairs::of(before, after);
    let exact = before.began == after.began;
    let mut all = Vec::new();
    for (subject, left) in &before.subjects {
        let Some(other) = pairs.partner.get(subject.as_str()) else {
            all.push(only(subject, left, "-", "only before"));
            continue;
        };
        let Some(right) = after.subjects.get(*other) else {
            continue;
        };
        let comparison = Comparison {
            exact,
            same_ids: subject == other,
            names: &pairs.names,
        };
        let what = comparison.subject(left, right);
        if !what.is_empty() {
            all.push(Difference {
                subject: title(subject, left),
                what,
            });
        }
    }
    let taken: BTreeSet<&str> = pairs.partner.values().copied().collect();
    let new = after
        .subjects
        .iter()
        .filter(|(subject, _)| !taken.contains(subject.as_str()));
    all.extend(new.map(|(subject, right)| only(subject, right, "+", "only after")));
    all
}

/// Which subject of the one is which of the other.
struct Pairs<'a> {
    partner: BTreeMap<&'a str, &'a str>,
    /// Ids of `after`, and the ids that `before` has for the same.
    names: BTreeMap<String, String>,
}

impl<'a> Pairs<'a> {
    fn of(before: &'a Account, after: &'a Account) -> Self {
        let mut partner: BTreeMap<&str, &str> = BTreeMap::new();
        let mut waiting: BTreeMap<String, Vec<(usize, &str)>> = BTreeMap::new();
        for (subject, right) in &after.subjects {
            if before.subjects.contains_key(subject) {
                partner.insert(subject, subject);
            } else {
                let like = waiting.entry(likeness(subject, right)).or_default();
                like.push((right.first, subject));
            }
        }
        let mut left: Vec<(&usize, &str, &Subject)> = before
            .subjects
            .iter()
            .filter(|(subject, _)| !after.subjects.contains_key(*subject))
            .map(|(subject, left)| (&left.first, subject.as_str(), left))
            .collect();
        left.sort_unstable_by_key(|(first, ..)| **first);
        for like in waiting.values_mut() {
            // The earliest last, to be taken first.
            like.sort_unstable_by(|a, b| b.cmp(a));
        }
        for (_, subject, known) in left {
            let like = waiting.get_mut(&likeness(subject, known));
            if let Some((_, other)) = like.and_then(Vec::pop) {
                partner.insert(subject, other);
            }
        }
        let id = |subject: &str| subject.split_once('/').map_or("", |(_, id)| id).to_owned();
        let renamed = partner.iter().filter(|(left, right)| left != right);
        let names = renamed.map(|(left, right)| (id(right), id(left))).collect();
        Self { partner, names }
    }
}

/// What a subject is known by to people, where ids say nothing.
fn likeness(subject: &str, known: &Subject) -> String {
    let collection = subject.split('/').next().unwrap_or("");
    let entity = &known.entity;
    let parts = match collection {
        "calls" | "cdrs" => {
            let direction = entity["direction"].as_str().unwrap_or("");
            vec![
                direction.to_owned(),
                party(&entity["caller"]),
                party(&entity["callee"]),
            ]
        }
        "agents" => vec![
            text(&entity["extension"]["number"]),
            text(&entity["queue"]["number"]),
        ],
        _ => vec![
            text(&entity["queue"]["number"]),
            text(&entity["number"]),
            text(&entity["name"]),
            party(&entity["party"]),
        ],
    };
    format!("{collection} {}", parts.join(" "))
}

fn party(party: &Value) -> String {
    let number = party["extension"]["number"]
        .as_str()
        .or_else(|| party["number"]["raw"].as_str());
    number
        .or_else(|| party["name"].as_str())
        .unwrap_or("?")
        .to_owned()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

fn title(subject: &str, known: &Subject) -> String {
    if !subject.starts_with("calls/") {
        return subject.to_owned();
    }
    let (caller, callee) = (
        party(&known.entity["caller"]),
        party(&known.entity["callee"]),
    );
    format!("{subject} ({caller} → {callee})")
}

fn only(subject: &str, known: &Subject, sign: &str, words: &str) -> Difference {
    let kinds: Vec<&str> = known.events.iter().map(|(kind, _)| kind.as_str()).collect();
    Difference {
        subject: title(subject, known),
        what: vec![words.to_owned(), format!("{sign} {}", kinds.join(", "))],
    }
}

/// How two subjects are compared.
struct Comparison<'a> {
    /// Times count.
    exact: bool,
    /// So do ids, and what the PBX calls things.
    same_ids: bool,
    names: &'a BTreeMap<String, String>,
}

/// What is no meaning, but bookkeeping.
const IGNORED: [&str; 3] = ["version", "counters", "last_event_at"];
/// What another story's ids and addresses stand in.
const OF_IDS: [&str; 8] = [
    "id",
    "source",
    "native",
    "device",
    "other_leg",
    "uri",
    "user_agent",
    "address",
];

impl Comparison<'_> {
    fn subject(&self, left: &Subject, right: &Subject) -> Vec<String> {
        let mut what = Vec::new();
        self.value("", &left.entity, &right.entity, &mut what);
        self.events(left, right, &mut what);
        what
    }

    /// Events that only one has, in order; and what the others tell beside the entity.
    fn events(&self, left: &Subject, right: &Subject, what: &mut Vec<String>) {
        let (a, b) = (&left.events, &right.events);
        for (at_a, at_b) in alignment(a, b) {
            match (at_a, at_b) {
                (Some(i), Some(j)) => self.value(&a[i].0, &a[i].1, &b[j].1, what),
                (Some(i), None) => what.push(format!("- {}", a[i].0)),
                (None, Some(j)) => what.push(format!("+ {}", b[j].0)),
                (None, None) => {}
            }
        }
    }

    fn value(&self, path: &str, left: &Value, right: &Value, what: &mut Vec<String>) {
        let below = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        match (left, right) {
            (Value::Object(a), Value::Object(b)) => {
                let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                for name in names {
                    let ignored = IGNORED.contains(&name.as_str())
                        || (!self.same_ids && OF_IDS.contains(&name.as_str()));
                    if !ignored {
                        let (a, b) = (a.get(name), b.get(name));
                        let null = &Value::Null;
                        self.value(&below(name), a.unwrap_or(null), b.unwrap_or(null), what);
                    }
                }
            }
            (Value::Array(a), Value::Array(b)) => {
                for n in 0..a.len().max(b.len()) {
                    let null = &Value::Null;
                    let (a, b) = (a.get(n).unwrap_or(null), b.get(n).unwrap_or(null));
                    self.value(&below(&n.to_string()), a, b, what);
                }
            }
            (a, b) if self.alike(path, a, b) => {}
            (a, b) => what.push(format!("{path}: {} → {}", shown(a), shown(b))),
        }
    }

    fn alike(&self, path: &str, left: &Value, right: &Value) -> bool {
        if left == right {
            return true;
        }
        let (Some(a), Some(b)) = (left.as_str(), right.as_str()) else {
            let lasts = path.ends_with("_ms") && left.is_u64() && right.is_u64();
            return lasts && !self.exact;
        };
        let time = |text: &str| text.parse::<model::Timestamp>().is_ok();
        if !self.exact && time(a) && time(b) {
            return true;
        }
        self.names.get(b).is_some_and(|name| name == a)
    }
}

/// A value in a line, not too long.
fn shown(value: &Value) -> String {
    const MOST: usize = 120;
    let text = match value {
        Value::Null => "nothing".to_owned(),
        value => value.to_string(),
    };
    if text.chars().count() > MOST {
        return text.chars().take(MOST).chain(['…']).collect();
    }
    text
}

/// Which event of the one is which of the other: the longest common subsequence of types.
fn alignment<T>(a: &[(String, T)], b: &[(String, T)]) -> Vec<(Option<usize>, Option<usize>)> {
    // A subject with more events than this is compared in order alone.
    const MOST: usize = 2_000;
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() && a[i].0 == b[j].0 {
        pairs.push((Some(i), Some(j)));
        (i, j) = (i + 1, j + 1);
    }
    let (rows, columns) = (a.len() - i, b.len() - j);
    if rows > MOST || columns > MOST {
        pairs.extend((i..a.len()).map(|i| (Some(i), None)));
        pairs.extend((j..b.len()).map(|j| (None, Some(j))));
        return pairs;
    }
    let mut best = vec![vec![0_u32; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            best[row][column] = if a[i + row].0 == b[j + column].0 {
                best[row + 1][column + 1] + 1
            } else {
                best[row + 1][column].max(best[row][column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    while row < rows || column < columns {
        let both = row < rows && column < columns;
        if both && a[i + row].0 == b[j + column].0 {
            pairs.push((Some(i + row), Some(j + column)));
            (row, column) = (row + 1, column + 1);
        } else if row < rows
            && (column == columns || best[row + 1][column] >= best[row][column + 1])
        {
            pairs.push((Some(i + row), None));
            row += 1;
        } else {
            pairs.push((None, Some(j + column)));
            column += 1;
        }
    }
    pairs
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.subject)?;
        for what in &self.what {
            writeln!(f, "  {what}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
