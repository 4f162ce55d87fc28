//! Calls that have ended, from the log, while it retains them.

use std::{ops::ControlFlow, sync::Arc};

use hub::filter::{FilterSpec, Variant};
use model::{Collection, EntityId, Timestamp};

use super::{
    list::{Listing, Page},
    render,
    select::Selection,
    visible,
};
use crate::{
    api::{
        Surface,
        backend::{EndedCall, Entity},
    },
    auth::Principal,
    problem::Problem,
};

/// How many calls one request looks at; beyond it the page ends short, with a `next`.
const LOOK: usize = 4_000;
const BATCH: usize = 250;

/// A page of calls that ended at a time or later.
pub(super) fn list(
    surface: &Surface,
    principal: &Principal,
    selection: &Selection,
    listing: &Listing,
    since: Timestamp,
) -> Result<Vec<u8>, Problem> {
    let mut page = Page::new(listing.limit);
    let mut after = match &listing.page {
        None => None,
        Some(mark) => Some(
            unmarked(mark).ok_or_else(|| Problem::parameter("page", "not a page of this list"))?,
        ),
    };
    for _ in 0..LOOK / BATCH {
        let calls = surface
            .backend
            .ended_calls(since, after.as_ref(), BATCH)
            .map_err(|error| Problem::of_history(&error))?;
        for call in &calls {
            let place = (call.closed_at, call.id.clone());
            let found = read(surface, principal, call, Some(selection))?;
            if let Some(json) = found
                && page.push(&json, &mark(&place)) == ControlFlow::Break(())
            {
                return Ok(page.finish());
            }
            after = Some(place);
        }
        if calls.len() < BATCH {
            return Ok(page.finish());
        }
    }
    if let Some(place) = &after {
        page.cut(&mark(place));
    }
    Ok(page.finish())
}

/// One call that has ended.
pub(super) fn one(surface: &Surface, principal: &Principal, id: &str) -> Result<Vec<u8>, Problem> {
    let call = surface
        .backend
        .ended_call(&EntityId::from_text(id))
        .map_err(|error| Problem::of_history(&error))?
        .ok_or_else(Problem::not_found)?;
    read(surface, principal, &call, None)?.ok_or_else(Problem::not_found)
}

/// The call as its last event carries it; none when that is gone, not wanted, or not to be seen.
fn read(
    surface: &Surface,
    principal: &Principal,
    call: &EndedCall,
    selection: Option<&Selection>,
) -> Result<Option<Vec<u8>>, Problem> {
    let block = surface
        .backend
        .block(call.last)
        .map_err(|error| Problem::of_history(&error))?;
    let Some(block) = block else {
        return Ok(None);
    };
    let Some(entry) = block
        .entries
        .iter()
        .find(|entry| entry.position == call.last)
    else {
        return Ok(None);
    };
    let source = entry.source.as_ref().map_or("", model::SourceId::as_str);
    let (tenant, narrowing) = (entry.tenant.as_deref(), principal.narrowing());
    if visible::of(Collection::Calls, source, tenant, narrowing).is_none() {
        return Ok(None);
    }
    if let Some(selection) = selection {
        let event = serde_json::from_slice::<model::Event>(block.json(entry));
        let Some(call) = event.ok().and_then(|event| event.data.call) else {
            return Ok(None);
        };
        if !selection.matches(source, tenant, &Entity::Call(Arc::clone(&call))) {
            return Ok(None);
        }
    }
    let variant = Variant::of(&FilterSpec::default(), narrowing);
    Ok(render::call_of_event(
        &variant.render(&block, entry).to_vec(),
    ))
}

fn mark((closed_at, id): &(Timestamp, EntityId)) -> String {
    format!("{} {id}", closed_at.micros())
}

fn unmarked(mark: &str) -> Option<(Timestamp, EntityId)> {
    let (micros, id) = mark.split_once(' ')?;
    Some((
        Timestamp::from_micros(micros.parse().ok()?),
        EntityId::from_text(id),
    ))
}
