//! The figures of sources, as far as a token may see them: as much as `/v1/sources` shows it.

use std::sync::Arc;

use adapter::{Counters, Figure, Measure};
use hub::{
    filter::{Narrowing, TypeSet},
    meters::SourceMeters,
};
use model::{Collection, Source, SourceId, Timestamp};

use super::{NANO, families as family, text::Page};
use crate::api::{
    Surface,
    backend::Entity,
    probes::is_connected,
    state::visible::{self, Sight},
};

/// What is read of one source.
pub(super) struct Reading {
    id: SourceId,
    sight: Sight,
    /// The types of events that may be seen.
    types: TypeSet,
    now: Timestamp,
    link: Option<Arc<Counters>>,
    measures: Vec<Measure>,
    hub: Option<Arc<SourceMeters>>,
    entity: Option<Arc<Source>>,
}

/// Reads all sources that a token may know of, in order of id.
pub(super) fn read(surface: &Surface, narrowing: &Narrowing) -> Vec<Reading> {
    let (view, meters) = (surface.backend.view(), surface.backend.meters());
    let now = surface.clock.now().wall;
    let seen = |source: crate::api::backend::ConfiguredSource| {
        let id = source.id;
        let sight = visible::of(Collection::Sources, id.as_str(), None, narrowing)?;
        let entity = view
            .find(Collection::Sources, None, id.as_str())
            .and_then(|item| match item.entity {
                Entity::Source(source) => Some(source),
                _ => None,
            });
        Some(Reading {
            sight,
            types: narrowing.types.unwrap_or_else(TypeSet::all),
            now,
            link: surface.backend.counters(&id),
            measures: surface.backend.measures(&id),
            hub: meters.source(&id),
            entity,
            id,
        })
    };
    surface
        .backend
        .sources()
        .into_iter()
        .filter_map(seen)
        .collect()
}

/// Tells them, family by family. A token limited to tenants learns whether everything else is complete, and no more.
pub(super) fn write(page: &mut Page, sources: &[Reading]) {
    let mut samples = page.family(&family::SOURCE_CONNECTED);
    for source in sources {
        let state = source.entity.as_ref().map(|entity| entity.state);
        let connected = u64::from(state.is_some_and(is_connected));
        samples.value(&[source.id.as_str()], connected);
    }
    let mut samples = page.family(&family::SOURCE_RECONNECTS);
    for (source, link) in linked(sources.iter()) {
        samples.value(&[source.id.as_str()], link.reconnects());
    }
    let mut samples = page.family(&family::SOURCE_GAP);
    for source in sources {
        let gap = source.hub.as_ref().map(|hub| hub.gap());
        let seconds = gap.unwrap_or_default().as_secs_f64();
        samples.value(&[source.id.as_str()], seconds);
    }
    let whole: Vec<_> = sources
        .iter()
        .filter(|source| source.sight == Sight::Whole)
        .collect();
    traffic(page, &whole);
    links(page, &whole);
    clock(page, &whole);
    quality(page, &whole);
}

fn traffic(page: &mut Page, sources: &[&Reading]) {
    let mut samples = page.family(&family::SOURCE_FRAMES);
    for (source, link) in linked(sources.iter().copied()) {
        samples.value(&[source.id.as_str()], link.frames());
    }
    let mut samples = page.family(&family::SOURCE_EVENTS);
    for source in sources {
        let counted = source.hub.iter().flat_map(|hub| hub.events());
        for (kind, count) in counted.filter(|(kind, _)| source.types.has(*kind)) {
            samples.value(&[source.id.as_str(), kind.as_str()], count);
        }
    }
    let mut samples = page.family(&family::SOURCE_UNRECOGNIZED);
    for (source, entity) in known(sources) {
        for (shape, count) in &entity.unrecognized {
            samples.value(&[source.id.as_str(), shape], *count);
        }
    }
    let mut samples = page.family(&family::SOURCE_DECODE);
    for (source, link) in linked(sources.iter().copied()) {
        samples.distribution(&[source.id.as_str()], &link.decode().read(), NANO);
    }
}

/// What adapters count themselves.
fn links(page: &mut Page, sources: &[&Reading]) {
    let measures = || {
        let all = sources.iter();
        all.flat_map(|source| source.measures.iter().map(|measure| (&source.id, measure)))
    };
    let mut samples = page.family(&family::SOURCE_LINK_COUNTS);
    for (id, measure) in measures() {
        if let Figure::Counter(value) = measure.figure {
            let of = measure.of.as_deref().unwrap_or_default();
            samples.value(&[id.as_str(), measure.name, of], value);
        }
    }
    let mut samples = page.family(&family::SOURCE_LINK);
    for (id, measure) in measures() {
        if let Figure::Gauge(value) = measure.figure {
            let of = measure.of.as_deref().unwrap_or_default();
            samples.value(&[id.as_str(), measure.name, of], value);
        }
    }
}

fn clock(page: &mut Page, sources: &[&Reading]) {
    let mut samples = page.family(&family::SOURCE_LAST_EVENT_AGE);
    for source in sources {
        let of_link = source.link.as_ref().and_then(|link| link.last_frame_at());
        let before = source.entity.as_ref().and_then(|known| known.last_event_at);
        if let Some(last) = of_link.max(before) {
            let millis = source.now.millis_since(last);
            samples.value(&[source.id.as_str()], millis as f64 / 1e3);
        }
    }
    let mut samples = page.family(&family::SOURCE_CLOCK_SKEW);
    for (source, entity) in known(sources) {
        let skew = entity.clock_skew_ms.unwrap_or(0);
        samples.value(&[source.id.as_str()], skew as f64 / 1e3);
    }
}

fn quality(page: &mut Page, sources: &[&Reading]) {
    let judged = || {
        let known = known(sources);
        known.map(|(source, entity)| {
            let quality = entity.quality.clone().unwrap_or_default();
            (source.id.as_str(), quality)
        })
    };
    let mut samples = page.family(&family::SOURCE_CALLS_COMPARED);
    for (id, quality) in judged() {
        samples.value(&[id], quality.compared);
    }
    let mut samples = page.family(&family::SOURCE_CALLS_AGREED);
    for (id, quality) in judged() {
        samples.value(&[id], quality.agreed);
    }
    let mut samples = page.family(&family::SOURCE_CALLS_DIFFERED);
    for (id, quality) in judged() {
        for (field, count) in &quality.differed {
            samples.value(&[id, field], *count);
        }
    }
}

fn linked<'a>(
    sources: impl Iterator<Item = &'a Reading>,
) -> impl Iterator<Item = (&'a Reading, &'a Counters)> {
    sources.filter_map(|source| Some((source, source.link.as_deref()?)))
}

fn known<'a>(sources: &[&'a Reading]) -> impl Iterator<Item = (&'a Reading, &'a Source)> {
    sources
        .iter()
        .filter_map(|source| Some((*source, source.entity.as_deref()?)))
}
