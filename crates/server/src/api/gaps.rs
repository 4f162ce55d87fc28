//! `GET /v1/sources/{id}/gaps`: the ledger of what was heard of a source, and what may have been missed.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use hub::filter::{Filter, FilterSpec, Narrowing};
use model::{Collection, EventType, Gap, Position, SourceId, SourceState, Text, Timestamp};
use serde::Serialize;

use super::{Surface, backend::Entity, extract::Named, sources::find};
use crate::{
    auth::{Principal, Scope},
    http::query::{Query, plus_restored},
    problem::Problem,
};

/// What was heard of a source in a span of time.
#[derive(Debug, Serialize)]
struct Ledger {
    source: SourceId,
    from: Timestamp,
    to: Timestamp,
    /// All of it was heard, or set right afterwards as far as the PBX allows.
    complete: bool,
    /// Without holes, in order of time.
    periods: Vec<Period>,
    /// Where to go on when there are more gaps than an answer holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A part of the span.
#[derive(Debug, PartialEq, Serialize)]
struct Period {
    from: Timestamp,
    to: Timestamp,
    #[serde(flatten)]
    state: Heard,
}

/// Whether the source was heard.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Heard {
    /// Everything that the PBX told.
    Complete,
    /// The PBX may have told something that was not heard.
    Gap {
        reason: Text,
        /// The collections that a snapshot has set right since.
        reconciled: Vec<Text>,
        /// The collections and event types of which something may be missing for ever.
        unknown: Vec<Text>,
        /// It lasts: the source is not connected.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        open: bool,
    },
    /// The source was not connected for the first time yet.
    Unheard,
}

/// The most gaps in an answer.
const GAPS: usize = 1_000;
/// About how many bytes of blocks are read at a time.
const READ: usize = 512 * 1024;

pub(super) async fn show(
    State(surface): State<Arc<Surface>>,
    principal: Principal,
    Named(id): Named<String>,
    mut query: Query,
) -> Result<Response, Problem> {
    principal.require(Scope::EventsRead)?;
    let mut time = |name| {
        query.read(name, |text| {
            let text = plus_restored(text);
            let wrong = || format!("`{text}` is not an RFC 3339 time");
            text.parse::<Timestamp>().map_err(|_| wrong())
        })
    };
    let (from, to) = (time("from"), time("to"));
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        query.wrong("to", "`to` is before `from`");
    }
    query.finish()?;
    let source = find(&surface, &principal, &id)?.id;
    let ledger = surface
        .blocking(move |surface| read(surface, principal.narrowing(), source, from, to))
        .await?;
    Ok(Json(ledger).into_response())
}

fn read(
    surface: &Surface,
    narrowing: &Narrowing,
    source: SourceId,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Ledger, Problem> {
    let now = surface.clock.now().wall;
    let begin = Begin::of(surface, &source)?;
    let from = from.unwrap_or(begin.log).min(now);
    let to = to.unwrap_or(now).min(now).max(from);
    let mut gaps = surface
        .backend
        .gaps(&source, from, to)
        .map_err(|error| Problem::of_history(&error))?;
    let full = gaps.len() >= GAPS;
    let to = match gaps.last() {
        Some(last) if full => last.to.clamp(from, to),
        _ => to,
    };
    if narrowing.tenants.is_some() {
        for gap in &mut gaps {
            gap.reason = "withheld".into();
        }
    }
    let mut periods = Periods::new(from, to);
    if let Some(connected) = begin.connected {
        periods.add(from, connected, Heard::Unheard);
    }
    for gap in gaps {
        periods.add_gap(gap, false);
    }
    if let Some(since) = silent_since(surface, &source, from).filter(|_| !full) {
        periods.add(since, to, lasting());
    }
    let periods = periods.finish();
    Ok(Ledger {
        complete: periods.iter().all(|period| match &period.state {
            Heard::Complete => true,
            Heard::Gap { unknown, open, .. } => unknown.is_empty() && !open,
            Heard::Unheard => false,
        }),
        next: full.then(|| format!("/v1/sources/{source}/gaps?from={to}")),
        source,
        from,
        to,
        periods,
    })
}

/// Where the record of a source begins.
struct Begin {
    /// The first event in the log; now, when there is none.
    log: Timestamp,
    /// The first connection ever, when the log still goes back to before it.
    connected: Option<Timestamp>,
}

impl Begin {
    fn of(surface: &Surface, source: &SourceId) -> Result<Self, Problem> {
        let now = surface.clock.now();
        let spec = FilterSpec {
            sources: Some(vec![source.as_str().into()]),
            ..FilterSpec::default()
        };
        let filter = Filter::compile(&spec, &Narrowing::none());
        let oldest = surface.backend.bounds().oldest;
        let (mut at, mut begin) = (oldest, None);
        loop {
            let page = surface
                .backend
                .page(at, &filter, READ)
                .map_err(|error| Problem::of_history(&error))?;
            for entry in page.blocks.iter().flat_map(|block| &block.entries) {
                let log = *begin.get_or_insert(entry.recorded);
                if entry.kind == EventType::SourceConnected && entry.source.as_ref() == Some(source)
                {
                    // A log that has lost its beginning may have lost the first connection.
                    let connected = (oldest == Position(0)).then_some(entry.recorded);
                    return Ok(Self { log, connected });
                }
            }
            let passed = surface.clock.now().mono.saturating_sub(now.mono);
            if page.scanned_to <= at || passed > surface.pace.page_time {
                let log = begin.unwrap_or(now.wall);
                return Ok(Self {
                    log,
                    connected: (oldest == Position(0)).then_some(now.wall),
                });
            }
            at = page.scanned_to;
        }
    }
}

/// Since when a source that is not connected has not been heard; none when it is connected.
fn silent_since(surface: &Surface, source: &SourceId, from: Timestamp) -> Option<Timestamp> {
    let item = surface
        .backend
        .view()
        .find(Collection::Sources, None, source.as_str())?;
    let Entity::Source(entity) = &item.entity else {
        return None;
    };
    let connected = matches!(
        entity.state,
        SourceState::Connected | SourceState::Synced | SourceState::Degraded
    );
    (!connected).then(|| entity.last_event_at.unwrap_or(from))
}

fn lasting() -> Heard {
    Heard::Gap {
        reason: "the source is not connected".into(),
        reconciled: Vec::new(),
        unknown: Vec::new(),
        open: true,
    }
}

/// Fills a span of time, in order, without overlaps.
struct Periods {
    to: Timestamp,
    /// Filled up to here.
    at: Timestamp,
    all: Vec<Period>,
}

impl Periods {
    fn new(from: Timestamp, to: Timestamp) -> Self {
        Self {
            to,
            at: from,
            all: Vec::new(),
        }
    }

    fn add_gap(&mut self, gap: Gap, open: bool) {
        let state = Heard::Gap {
            reason: gap.reason,
            reconciled: gap.reconciled,
            unknown: gap.unknown,
            open,
        };
        self.add(gap.from, gap.to, state);
    }

    /// Adds a period; what lies between it and the one before was heard.
    fn add(&mut self, from: Timestamp, to: Timestamp, state: Heard) {
        let from = from.clamp(self.at, self.to);
        let to = to.min(self.to);
        if to <= from {
            return;
        }
        if from > self.at {
            self.push(from, Heard::Complete);
        }
        self.push(to, state);
    }

    fn finish(mut self) -> Vec<Period> {
        if self.at < self.to {
            self.push(self.to, Heard::Complete);
        }
        self.all
    }

    fn push(&mut self, to: Timestamp, state: Heard) {
        self.all.push(Period {
            from: self.at,
            to,
            state,
        });
        self.at = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn gap(from: i64, to: i64) -> Gap {
        Gap {
            from: at(from),
            to: at(to),
            reason: "lost".into(),
            reconciled: Vec::new(),
            unknown: vec!["calls".into()],
            count: None,
        }
    }

    fn spans(periods: &[Period]) -> Vec<(i64, i64, bool)> {
        let is_complete = |period: &Period| period.state == Heard::Complete;
        periods
            .iter()
            .map(|period| (period.from.secs(), period.to.secs(), is_complete(period)))
            .collect()
    }

    #[test]
    fn periods_leave_no_hole_and_never_overlap() {
        let mut periods = Periods::new(at(10), at(100));
        for (from, to) in [(0, 20), (30, 40), (35, 38), (39, 50), (90, 200)] {
            periods.add_gap(gap(from, to), false);
        }
        let expected = [
            (10, 20, false),
            (20, 30, true),
            (30, 40, false),
            (40, 50, false),
            (50, 90, true),
            (90, 100, false),
        ];
        assert_eq!(spans(&periods.finish()), expected);
    }

    #[test]
    fn without_a_gap_all_was_heard() {
        assert_eq!(spans(&Periods::new(at(1), at(2)).finish()), [(1, 2, true)]);
        assert_eq!(spans(&Periods::new(at(1), at(1)).finish()), []);
    }
}
