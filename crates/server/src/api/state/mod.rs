//! State: what is true now, by collection, for those who may see it.

mod ended;
mod list;
mod render;
pub(super) mod select;
pub(super) mod snapshot;
pub(crate) mod visible;

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use hub::stream::ResetReason;
use model::{Collection, Cursor, EntityId, Position};

use self::{list::Listing, select::Selection};
use super::{
    Surface,
    backend::View,
    extract::Named,
    routes::{Access, Routes},
};
use crate::{
    auth::{Principal, Scope},
    http::{envelope::CURSOR, query::Query},
    problem::{Gone, Kind, Problem},
};

/// A call that has ended, for somebody who may see it.
pub(super) fn ended_call(
    surface: &Surface,
    principal: &Principal,
    id: &str,
) -> Result<Vec<u8>, Problem> {
    ended::one(surface, principal, id)
}

/// The collections that have a path of their own.
const COLLECTIONS: [Collection; 9] = [
    Collection::Calls,
    Collection::Extensions,
    Collection::Agents,
    Collection::Queues,
    Collection::Trunks,
    Collection::Conferences,
    Collection::Devices,
    Collection::Users,
    Collection::Sources,
];

const READER: Access = Access::Scopes(&[Scope::StateRead]);

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    for collection in COLLECTIONS {
        let path = format!("/v1/{collection}");
        routes = routes
            .get(
                &path,
                READER,
                async move |State(surface), principal, query| {
                    list(surface, principal, query, collection, None).await
                },
            )
            .get(
                format!("{path}/{{id}}"),
                READER,
                async move |State(surface), principal, Named(id), query| {
                    one(surface, principal, query, collection, None, id).await
                },
            );
    }
    for (parent, collection) in [
        (Collection::Queues, Collection::Callers),
        (Collection::Conferences, Collection::Participants),
    ] {
        let path = format!("/v1/{parent}/{{parent}}/{collection}");
        routes = routes
            .get(
                &path,
                READER,
                async move |State(surface), principal, Named(id), query| {
                    list(surface, principal, query, collection, Some((parent, id))).await
                },
            )
            .get(
                format!("{path}/{{id}}"),
                READER,
                async move |State(surface),
                            principal,
                            Named((above, id)): Named<(String, String)>,
                            query| {
                    let parent = Some((parent, above));
                    one(surface, principal, query, collection, parent, id).await
                },
            );
    }
    routes
}

/// The collection and id of the entity that another lives below.
type Parent = (Collection, String);

async fn list(
    surface: Arc<Surface>,
    principal: Principal,
    mut query: Query,
    collection: Collection,
    parent: Option<Parent>,
) -> Result<Response, Problem> {
    principal.require(Scope::StateRead)?;
    let selection = Selection::read(&mut query, collection);
    let listing = Listing::read(&mut query, collection, &selection);
    let least = min_cursor(&mut query);
    query.finish()?;
    let view = view(&surface, least).await?;
    let as_of = view.position();
    let body = surface
        .blocking(move |surface| {
            let parent = existing(&*view, &principal, parent)?;
            match listing.since() {
                Some(since) => ended::list(surface, &principal, &selection, &listing, since),
                None => Ok(list::open(
                    &*view,
                    &principal,
                    collection,
                    parent.as_ref(),
                    &selection,
                    &listing,
                )),
            }
        })
        .await?;
    Ok(answer(&surface, as_of, body))
}

async fn one(
    surface: Arc<Surface>,
    principal: Principal,
    mut query: Query,
    collection: Collection,
    parent: Option<Parent>,
    id: String,
) -> Result<Response, Problem> {
    principal.require(Scope::StateRead)?;
    let least = min_cursor(&mut query);
    query.finish()?;
    let view = view(&surface, least).await?;
    let as_of = view.position();
    let body = surface
        .blocking(move |surface| {
            let parent = existing(&*view, &principal, parent)?;
            let open = view
                .find(collection, parent.as_ref(), &id)
                .and_then(|item| render::item(&item, principal.narrowing()));
            match open {
                Some(body) => Ok(body),
                None if collection == Collection::Calls => ended::one(surface, &principal, &id),
                None => Err(Problem::not_found()),
            }
        })
        .await?;
    Ok(answer(&surface, as_of, body))
}

fn existing(
    view: &dyn View,
    principal: &Principal,
    parent: Option<Parent>,
) -> Result<Option<EntityId>, Problem> {
    let Some((collection, id)) = parent else {
        return Ok(None);
    };
    view.find(collection, None, &id)
        .filter(|item| visible::of_item(item, principal.narrowing()).is_some())
        .map(|_| Some(EntityId::from_text(&id)))
        .ok_or_else(Problem::not_found)
}

fn min_cursor(query: &mut Query) -> Option<Cursor> {
    query.read("min_cursor", |text| {
        text.parse().map_err(|error| format!("{error}"))
    })
}

/// The view, not older than a cursor.
async fn view(surface: &Surface, least: Option<Cursor>) -> Result<Arc<dyn View>, Problem> {
    let Some(least) = least else {
        return Ok(surface.backend.view());
    };
    if least.epoch != surface.tail.epoch() {
        let bounds = surface.backend.bounds();
        return Err(Problem::gone(Gone {
            reason: ResetReason::Epoch,
            oldest: surface.tail.cursor(bounds.oldest),
            newest: surface.tail.cursor(bounds.newest),
        }));
    }
    let mut head = surface.tail.watch();
    let reached = |view: &Arc<dyn View>| view.position() >= least.position;
    let waiting = async {
        loop {
            // The view is swapped before its events are published: a newer head means a newer view.
            head.mark_unchanged();
            let view = surface.backend.view();
            if reached(&view) || head.changed().await.is_err() {
                return view;
            }
        }
    };
    match tokio::time::timeout(surface.pace.cursor_wait, waiting).await {
        Ok(view) if reached(&view) => Ok(view),
        _ => Err(Problem::new(
            Kind::StateBehind,
            format!("the state has not reached {least} yet"),
        )
        .after(surface.pace.cursor_wait)),
    }
}

fn answer(surface: &Surface, as_of: Position, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(Bytes::from(body)));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Ok(cursor) = HeaderValue::from_str(&surface.tail.cursor(as_of).to_string()) {
        headers.insert(CURSOR, cursor);
    }
    response
}
