//! Entities as JSON, as far as a token may see them.

use hub::filter::{Narrowing, mask_entity};
use model::Collection;
use serde_json::{Map, Value, value::RawValue};

use super::{select, visible};
use crate::api::backend::{Freshness, Item};

/// An item with its freshness; none when it does not exist for the token.
pub(crate) fn item(item: &Item, narrowing: &Narrowing) -> Option<Vec<u8>> {
    let sight = visible::of_item(item, narrowing)?;
    let masked = !narrowing.pii && select::is_private(&item.entity);
    let mut body = match sight {
        visible::Sight::Whole if !masked => item.json.to_vec(),
        sight => {
            let mut object = serde_json::from_slice::<Map<String, Value>>(&item.json).ok()?;
            if masked {
                mask_entity(&mut object);
            }
            if sight == visible::Sight::Outline {
                object.retain(|name, _| OUTLINE.contains(&name.as_str()));
            }
            serde_json::to_vec(&object).ok()?
        }
    };
    if let Some(parent) = &item.parent {
        // These entities do not name themselves: their id is only unique below their parent.
        append(&mut body, "id", own_id(&item.id));
        if item.entity.collection() == Collection::Participants {
            append(&mut body, "conference", parent.as_str());
        }
    }
    fresh(&mut body, item.freshness);
    Some(body)
}

/// A call as an event of the log carries it.
pub(crate) fn call_of_event(event: &[u8]) -> Option<Vec<u8>> {
    #[derive(serde::Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        data: Data<'a>,
    }
    #[derive(serde::Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        call: &'a RawValue,
    }
    let event: Event<'_> = serde_json::from_slice(event).ok()?;
    let mut body = event.data.call.get().as_bytes().to_vec();
    fresh(&mut body, Freshness::Live);
    Some(body)
}

/// The last segment of the id of an entity that lives below another.
fn own_id(id: &str) -> &str {
    ["/callers/", "/participants/"]
        .iter()
        .find_map(|below| id.split_once(below))
        .map_or(id, |(_, own)| own)
}

fn fresh(body: &mut Vec<u8>, freshness: Freshness) {
    append(
        body,
        "freshness",
        match freshness {
            Freshness::Live => "live",
            Freshness::Stale => "stale",
            Freshness::Unconfirmed => "unconfirmed",
        },
    );
}

/// Adds a member to an encoded object.
fn append(body: &mut Vec<u8>, name: &str, value: &str) {
    if body.pop() != Some(b'}') {
        return;
    }
    if !body.ends_with(b"{") {
        body.push(b',');
    }
    body.extend_from_slice(format!("\"{name}\":{}}}", Value::from(value)).as_bytes());
}

const OUTLINE: [&str; 4] = ["id", "adapter", "state", "since"];
