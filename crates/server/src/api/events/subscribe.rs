//! From a wish to a subscription: what a client asked for, held against its rights and the log.

use std::sync::Arc;

use adapter::Support;
use hub::{
    fanout::{HistoryError, Start, Subscription},
    filter::{Filter, FilterSpec, TypeSet, Variant},
    stream::{Announcement, Reset, ResetReason, Warning},
};
use model::{EventType, event::Class};

use super::wish::{Place, Wish};
use crate::{
    api::{
        Surface,
        backend::Resume,
        state::{snapshot, visible},
    },
    auth::{Principal, Scope},
    problem::Problem,
};

/// The most warnings of one subscription: beyond it nobody reads them.
const WARNINGS: usize = 500;

/// What a stream carries that was wished for by somebody. May touch the disk.
///
/// `unsaid` is where it begins when the wish does not say.
pub(crate) fn subscription(
    surface: &Surface,
    principal: &Principal,
    wish: &Wish,
    unsaid: Start,
) -> Result<Subscription, Problem> {
    principal.require(Scope::EventsRead)?;
    if wish.snapshot {
        principal.require(Scope::StateRead)?;
    }
    let narrowing = principal.narrowing();
    let filter = Filter::compile(&wish.spec, narrowing);
    let (from, reset) =
        begin(surface, wish.after, unsaid).map_err(|error| Problem::of_history(&error))?;
    let at_head = matches!(wish.after, None | Some(Place::Latest));
    // A position that can be resumed wins over a snapshot; one that cannot asks for it.
    let wants_state =
        wish.snapshot && at_head || reset.is_some() && principal.may(Scope::StateRead);
    let snapshot = wants_state.then(|| state(surface, principal, &wish.spec, &filter));
    Ok(Subscription {
        variant: Variant::of(&wish.spec, narrowing),
        announcement: announcement(surface, principal, &wish.spec, &filter),
        filter: Arc::new(filter),
        from,
        snapshot,
        reset,
    })
}

/// The state a subscription's events are about.
pub(super) fn state(
    surface: &Surface,
    principal: &Principal,
    spec: &FilterSpec,
    filter: &Filter,
) -> hub::fanout::Snapshot {
    snapshot::of(
        surface.backend.view(),
        surface.tail.epoch(),
        spec.clone(),
        principal.narrowing().clone(),
        filter.types(),
    )
}

/// Why a position cannot be resumed, told to the client.
pub(super) fn reset(surface: &Surface, reason: ResetReason, requested: &str) -> Reset {
    let bounds = surface.backend.bounds();
    Reset {
        reason,
        requested: requested.into(),
        oldest: surface.tail.cursor(bounds.oldest),
        newest: surface.tail.cursor(bounds.newest),
    }
}

fn begin(
    surface: &Surface,
    after: Option<Place>,
    unsaid: Start,
) -> Result<(Start, Option<Reset>), HistoryError> {
    let from = match after {
        None => unsaid,
        Some(Place::Latest) => Start::Live,
        Some(Place::Earliest) => Start::After(surface.backend.bounds().oldest),
        Some(Place::Time(time)) => Start::After(surface.backend.before_time(time)?),
        Some(Place::Cursor(cursor)) => match surface.backend.resume(cursor)? {
            Resume::At(position) => Start::After(position),
            Resume::Reset(reason) => {
                let reset = reset(surface, reason, &cursor.to_string());
                return Ok((Start::After(reset.oldest.position), Some(reset)));
            }
        },
    };
    Ok((from, None))
}

fn announcement(
    surface: &Surface,
    principal: &Principal,
    spec: &FilterSpec,
    filter: &Filter,
) -> Announcement {
    Announcement {
        filter: spec.clone(),
        scope: principal.narrowing().clone(),
        scopes: principal.scopes().map(Scope::as_str).collect(),
        warnings: warnings(surface, principal, spec, filter),
    }
}

/// What was asked for by type and can never come.
fn warnings(
    surface: &Surface,
    principal: &Principal,
    spec: &FilterSpec,
    filter: &Filter,
) -> Vec<Warning> {
    if spec.types.is_none() && spec.profile.is_none() {
        return Vec::new();
    }
    let asked = asked(spec);
    let mut warnings = Vec::new();
    for source in surface.backend.sources() {
        let id = source.id.as_str();
        let listed = filter
            .sources()
            .is_none_or(|sources| sources.iter().any(|listed| **listed == *id));
        if !listed || !visible::is_listed_source(principal.narrowing(), id) {
            continue;
        }
        for kind in asked.iter() {
            let reason = if !filter.types().has(kind) {
                "the token may not see events of this type"
            } else if is_up_to_the_source(kind) && source.capabilities.of(kind) == Support::Never {
                "the source cannot tell"
            } else {
                continue;
            };
            if warnings.len() == WARNINGS {
                return warnings;
            }
            warnings.push(Warning {
                source: id.into(),
                kind,
                reason: reason.into(),
            });
        }
    }
    warnings
}

fn asked(spec: &FilterSpec) -> TypeSet {
    let globs = spec.types.iter().flatten();
    let named = globs.fold(TypeSet::NONE, |types, glob| {
        types.union(TypeSet::matching(glob))
    });
    spec.profile
        .map_or(named, |profile| named.union(profile.types()))
}

fn is_up_to_the_source(kind: EventType) -> bool {
    kind.class() == Class::Capability
}
