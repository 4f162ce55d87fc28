//! Events sent to an endpoint of yours.

use http::Method;
use serde_json::{Value, json};

use super::{empty, filters};
use crate::describe::{
    operation::{Answer, Operation, Parameter, Tag},
    shapes::of,
};

pub(super) fn operations() -> Vec<Operation> {
    let mut all = endpoints();
    all.extend(actions());
    all
}

fn endpoints() -> Vec<Operation> {
    let one = "/v1/webhooks/{id}";
    vec![
        Operation::get("/v1/webhooks", "listWebhooks", Tag::Webhooks)
            .says(
                "List webhooks",
                "Those that you made; all of them for an administrator who is not limited to tenants.",
            )
            .answers(Answer::new(200, "The webhooks.").json(of("WebhookList"))),
        Operation::post("/v1/webhooks", "createWebhook", Tag::Webhooks)
            .says(
                "Make a webhook",
                "What you may see and the filter lets pass is sent to the URL from now on: at least once, signed as Standard Webhooks \
                 say, in the order of each call. The answer shows the secret, this once.",
            )
            .body(true, body(&["url"]))
            .answers(
                Answer::new(201, "The webhook, with its secret.")
                    .json(of("NewWebhook"))
                    .header("Location", "The webhook."),
            )
            .fails(&[409]),
        Operation::get(one, "getWebhook", Tag::Webhooks)
            .says("One webhook", "Everything but its secret and headers.")
            .answers(Answer::new(200, "The webhook.").json(of("WebhookEndpoint"))),
        Operation::new(Method::PATCH, one, "changeWebhook", Tag::Webhooks)
            .says("Change a webhook", "Only the members that are sent; `null` takes one back.")
            .body(true, body(&[]))
            .answers(Answer::new(200, "The webhook.").json(of("WebhookEndpoint"))),
        Operation::new(Method::DELETE, one, "deleteWebhook", Tag::Webhooks)
            .says("Remove a webhook", "What was not delivered is forgotten.")
            .answers(Answer::new(204, "It is gone.")),
    ]
}

fn actions() -> Vec<Operation> {
    let at = |action: &str| format!("/v1/webhooks/{{id}}/{action}");
    let status = json!({"type": "string", "enum": ["pending", "delivered", "failed", "expired"]});
    vec![
        Operation::post(at("test"), "testWebhook", Tag::Webhooks)
            .says("Send a test event", "A signed `webhook.test` that is not in the log; waits for the answer.")
            .body(false, empty())
            .answers(Answer::new(200, "What the receiver answered.").json(of("TestDelivery")))
            .fails(&[409]),
        Operation::post(at("rotate"), "rotateWebhook", Tag::Webhooks)
            .says("Make a new secret", "For 24 h the old one signs along.")
            .body(false, empty())
            .answers(Answer::new(200, "The webhook, with its new secret.").json(of("NewWebhook"))),
        Operation::post(at("enable"), "enableWebhook", Tag::Webhooks)
            .says("Start a webhook again", "Tries at once what waits, and goes on from the head of the log.")
            .body(false, empty())
            .answers(Answer::new(200, "The webhook.").json(of("WebhookEndpoint"))),
        Operation::post(at("replay"), "replayWebhook", Tag::Webhooks)
            .says("Deliver a part of the log once more", "Under the same ids, among the others.")
            .body(true, replay())
            .answers(Answer::new(200, "With `dry_run`: how many events it would be.").json(of("ReplayCount")))
            .answers(Answer::new(202, "It begins.").json(of("Replay")))
            .fails(&[410]),
        Operation::get(at("deliveries"), "listDeliveries", Tag::Webhooks)
            .says(
                "What became of what",
                "What waits, failed or expired; and the latest that were delivered, until the gateway stops.",
            )
            .takes([
                Parameter::query("status", "Only in this state.", status),
                Parameter::query("limit", "The most items.", json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100})),
                Parameter::text("page", "`next` of the page before."),
            ])
            .answers(Answer::new(200, "The deliveries.").json(of("DeliveryList"))),
    ]
}

/// What a webhook is made of, or changed to.
fn body(required: &[&str]) -> Value {
    let mut properties = json!({
        "url": {"type": "string", "format": "uri", "maxLength": 2048, "description": "`https`; others where the operator allows them."},
        "description": {"type": ["string", "null"], "maxLength": 2048},
        "headers": {
            "type": ["object", "null"],
            "maxProperties": 32,
            "additionalProperties": {"type": "string"},
            "description": "Sent along, never shown again; not Host, Content-* or webhook-*.",
        },
        "order": {
            "type": ["string", "null"],
            "enum": ["partition", "none", null],
            "description": "`partition`: events of one call wait for each other. `none`: nothing waits.",
        },
        "retry_for_s": {"type": ["integer", "null"], "minimum": 1, "description": "How long an event is tried at most, seconds."},
    });
    for filter in filters()
        .into_iter()
        .filter(|filter| filter.name != "subjects")
    {
        let mut schema = match filter.schema["type"].as_str() {
            Some("array") => {
                json!({"type": ["string", "array", "null"], "items": {"type": "string"}})
            }
            Some("boolean") => json!({"type": ["boolean", "null"]}),
            _ => json!({"type": ["string", "null"], "examples": filter.schema["enum"]}),
        };
        schema["description"] = json!(filter.text);
        properties[filter.name] = schema;
    }
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
}

fn replay() -> Value {
    let place = json!({"type": "string", "description": "An event id, an RFC 3339 time, `earliest` or `latest`. Exclusive."});
    json!({
        "type": "object",
        "required": ["after"],
        "properties": {"after": place, "before": place, "dry_run": {"type": "boolean"}},
        "additionalProperties": false,
    })
}
