//! State told on a stream, page by page, before the events that follow it.

use std::{ops::ControlFlow, sync::Arc};

use hub::{
    fanout::{Pages, Snapshot},
    filter::{FilterSpec, Narrowing, TypeSet},
};
use model::{Collection, Cursor, Epoch};
use serde_json::value::RawValue;

use super::{render, select, visible};
use crate::api::backend::View;

/// The pages of a view that a filter and a token let pass.
struct ViewPages {
    view: Arc<dyn View>,
    as_of: Cursor,
    spec: FilterSpec,
    narrowing: Narrowing,
    /// Those that are still to be told, the next one last.
    collections: Vec<Collection>,
    /// The last item told of the collection under way.
    after: Option<String>,
    ended: bool,
}

/// About how many bytes of items a page holds.
const PAGE: usize = 64 * 1024;

/// State as of now, to be told before the events after it.
pub(crate) fn of(
    view: Arc<dyn View>,
    epoch: Epoch,
    spec: FilterSpec,
    narrowing: Narrowing,
    types: TypeSet,
) -> Snapshot {
    let as_of = view.position();
    let collections = visible::COLLECTIONS
        .into_iter()
        .rev()
        .filter(|collection| visible::carries(types, *collection))
        .collect();
    Snapshot {
        as_of,
        pages: Box::new(ViewPages {
            view,
            as_of: epoch.at(as_of),
            spec,
            narrowing,
            collections,
            after: None,
            ended: false,
        }),
    }
}

impl Pages for ViewPages {
    fn next(&mut self) -> Option<Box<RawValue>> {
        let Some(collection) = self.collections.last().copied() else {
            return if std::mem::replace(&mut self.ended, true) {
                None
            } else {
                Some(self.page("null", b"", true))
            };
        };
        let mut items = Vec::new();
        let mut last = None;
        let mut more = false;
        self.view
            .scan(collection, None, self.after.as_deref(), &mut |item| {
                if !select::passes(&self.spec, item) {
                    return ControlFlow::Continue(());
                }
                let Some(json) = render::item(item, &self.narrowing) else {
                    return ControlFlow::Continue(());
                };
                if items.len() + json.len() > PAGE && !items.is_empty() {
                    more = true;
                    return ControlFlow::Break(());
                }
                if !items.is_empty() {
                    items.push(b',');
                }
                items.extend_from_slice(&json);
                last = Some(item.id.to_string());
                ControlFlow::Continue(())
            });
        if more {
            self.after = last;
        } else {
            self.after = None;
            self.collections.pop();
        }
        Some(self.page(&format!("\"{collection}\""), &items, !more))
    }
}

impl ViewPages {
    #[expect(
        clippy::expect_used,
        reason = "the pieces are JSON: a quoted word, encoded objects, a cursor of hex digits"
    )]
    fn page(&self, collection: &str, items: &[u8], done: bool) -> Box<RawValue> {
        let items = String::from_utf8_lossy(items);
        let as_of = self.as_of;
        let text = format!(
            r#"{{"as_of":"{as_of}","collection":{collection},"items":[{items}],"done":{done}}}"#
        );
        RawValue::from_string(text).expect("a page is JSON")
    }
}
