//! Lists: one page of a collection at a time.

use std::ops::ControlFlow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{Collection, EntityId, Timestamp};
use serde_json::Value;

use super::{render, select::Selection, visible};
use crate::{
    api::backend::View,
    auth::Principal,
    http::query::{Query, plus_restored},
};

/// Which part of a list is asked for.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    /// The most items.
    pub(super) limit: usize,
    /// What the last page ended with.
    pub(super) page: Option<String>,
    since: Option<Timestamp>,
}

impl Listing {
    /// The most items of a page.
    const MOST: usize = 1_000;
    const DEFAULT: usize = 100;

    /// Takes `limit`, `page` and `since` out of a query.
    pub(super) fn read(query: &mut Query, collection: Collection, selection: &Selection) -> Self {
        let since = query.read("since", |text| {
            let time = plus_restored(text).parse::<Timestamp>();
            time.map_err(|_| format!("`{text}` is not a time as in RFC 3339"))
        });
        let ended = collection == Collection::Calls && selection.wants_ended();
        if since.is_some() && !ended {
            query.wrong("since", "`since` goes with `state=ended` of calls");
        }
        Self {
            limit: query
                .number("limit", 1, Self::MOST)
                .unwrap_or(Self::DEFAULT),
            page: query.read("page", |text| {
                token_read(text).ok_or_else(|| "not a page of this list".to_owned())
            }),
            since: ended.then(|| since.unwrap_or_default()),
        }
    }

    /// Set when calls that have ended are asked for: from when.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.since
    }
}

/// A page of what is open.
pub(super) fn open(
    view: &dyn View,
    principal: &Principal,
    collection: Collection,
    parent: Option<&EntityId>,
    selection: &Selection,
    listing: &Listing,
) -> Vec<u8> {
    let mut page = Page::new(listing.limit);
    view.scan(collection, parent, listing.page.as_deref(), &mut |item| {
        let narrowing = principal.narrowing();
        let tenant = item.tenant.as_deref();
        if !selection.matches(&item.source, tenant, &item.entity, narrowing.pii)
            || visible::of_item(item, narrowing).is_none()
        {
            return ControlFlow::Continue(());
        }
        match render::item(item, narrowing) {
            Some(json) => page.push(&json, &item.id),
            None => ControlFlow::Continue(()),
        }
    });
    page.finish()
}

/// A page as it is written. It takes one item more than fits, to know whether there is a next page.
pub(super) struct Page {
    body: Vec<u8>,
    room: usize,
    last: String,
    more: bool,
}

impl Page {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            body: br#"{"items":["#.to_vec(),
            room: limit,
            last: String::new(),
            more: false,
        }
    }

    /// Adds an item, and the mark that the next page begins after.
    pub(super) fn push(&mut self, json: &[u8], mark: &str) -> ControlFlow<()> {
        if self.room == 0 {
            self.more = true;
            return ControlFlow::Break(());
        }
        if !self.body.ends_with(b"[") {
            self.body.push(b',');
        }
        self.body.extend_from_slice(json);
        self.room -= 1;
        mark.clone_into(&mut self.last);
        ControlFlow::Continue(())
    }

    /// Ends the page early, with more to come after a mark.
    pub(super) fn cut(&mut self, mark: &str) {
        mark.clone_into(&mut self.last);
        self.more = true;
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.body.push(b']');
        if self.more {
            let next = Value::from(URL_SAFE_NO_PAD.encode(&self.last));
            self.body
                .extend_from_slice(format!(",\"next\":{next}").as_bytes());
        }
        self.body.push(b'}');
        self.body
    }
}

fn token_read(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
