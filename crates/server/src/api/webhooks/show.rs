//! A webhook as its owner sees it: everything but its secrets and headers.

use model::Text;
use serde_json::{Value, json};

use crate::{api::Surface, webhooks::Shared};

pub(super) fn shown(surface: &Surface, shared: &Shared) -> Value {
    let endpoint = shared.endpoint();
    let reached = shared.reached();
    let mut value = json!({
        "id": endpoint.id,
        "url": endpoint.url,
        "order": if endpoint.ordered { "partition" } else { "none" },
        "owner": endpoint.owner.name,
        "state": endpoint.state,
        "since": endpoint.since,
        "created_at": endpoint.created_at,
        "cursor": surface.tail.cursor(reached.line),
        "pending": reached.waiting,
    });
    for (name, member) in &endpoint.filter {
        value[name] = member.clone();
    }
    for (name, member) in [
        (
            "description",
            endpoint.description.as_deref().map(Text::from),
        ),
        ("reason", endpoint.reason.clone()),
    ] {
        if let Some(member) = member {
            value[name] = json!(member);
        }
    }
    if let Some(seconds) = endpoint.retry_for_s {
        value["retry_for_s"] = json!(seconds);
    }
    value
}
