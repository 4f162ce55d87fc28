//! Calls that have ended, from the log, while it retains them.

use std::{ops::ControlFlow, sync::Arc};

use hub::filter::{FilterSpec, Variant};
use model::{Collection, EntityId, Position, SourceId, Timestamp};

use super::{
    list::{Listing, Page},
    render,
    select::Selection,
    visible,
};
use crate::{
    api::{Surface, backend::Entity},
    auth::Principal,
    problem::Problem,
};

/// How many calls one request looks at; beyond it the page ends short, with a `next`.
const LOOK: usize = 4_000;
const BATCH: usize = 250;

/// A page of calls that ended at a time or later, the latest first.
pub(super) fn list(
    surface: &Surface,
    principal: &Principal,
    selection: &Selection,
    listing: &Listing,
    since: Timestamp,
) -> Result<Vec<u8>, Problem> {
    let mut page = Page::new(listing.limit);
    let mut before = match &listing.page {
        None => None,
        Some(mark) => Some(
            mark.parse()
                .map(Position)
                .map_err(|_| Problem::parameter("page", "not a page of this list"))?,
        ),
    };
    for _ in 0..LOOK / BATCH {
        let calls = surface
            .backend
            .ended_calls(since, before, BATCH)
            .map_err(|error| Problem::of_history(&error))?;
        for last in calls.last {
            let found = read(surface, principal, last, Some(selection))?;
            if let Some(json) = found
                && page.push(&json, &last.0.to_string()) == ControlFlow::Break(())
            {
                return Ok(page.finish());
            }
        }
        before = calls.next;
        if before.is_none() {
            return Ok(page.finish());
        }
    }
    if let Some(before) = before {
        page.cut(&before.0.to_string());
    }
    Ok(page.finish())
}

/// One call that has ended.
pub(super) fn one(surface: &Surface, principal: &Principal, id: &str) -> Result<Vec<u8>, Problem> {
    let last = surface
        .backend
        .ended_call(&EntityId::from_text(id))
        .map_err(|error| Problem::of_history(&error))?
        .ok_or_else(Problem::not_found)?;
    read(surface, principal, last, None)?.ok_or_else(Problem::not_found)
}

/// The call as its last event carries it; none when that is gone, not wanted, or not to be seen.
fn read(
    surface: &Surface,
    principal: &Principal,
    last: Position,
    selection: Option<&Selection>,
) -> Result<Option<Vec<u8>>, Problem> {
    let block = surface
        .backend
        .block(last)
        .map_err(|error| Problem::of_history(&error))?;
    let Some(block) = block else {
        return Ok(None);
    };
    let Some(entry) = block.entries.iter().find(|entry| entry.position == last) else {
        return Ok(None);
    };
    let source = entry.source.as_ref().map_or("", SourceId::as_str);
    let (tenant, narrowing) = (entry.tenant.as_deref(), principal.narrowing());
    if visible::of(Collection::Calls, source, tenant, narrowing).is_none() {
        return Ok(None);
    }
    if let Some(selection) = selection {
        let event = serde_json::from_slice::<model::Event>(block.json(entry));
        let Some(call) = event.ok().and_then(|event| event.data.call) else {
            return Ok(None);
        };
        let call = Entity::Call(Arc::clone(&call));
        if !selection.matches(source, tenant, &call, narrowing.pii) {
            return Ok(None);
        }
    }
    let variant = Variant::of(&FilterSpec::default(), narrowing);
    Ok(render::call_of_event(
        &variant.render(&block, entry).to_vec(),
    ))
}
