//! Commands: requests and replies to other clients of the same interface.

use std::{collections::BTreeMap, time::Duration};

use adapter::{CommandSpec, Order, Output, Refusal, Target, json::Json};
use model::{Fact, Native, Now, Text, observation::CommandOutcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Translator,
    read::{flag, text},
    tell::Telling,
};
use crate::wire::{Ack, request};

/// How long the service may take to say whether it hands something on.
const ANSWER: Duration = Duration::from_secs(10);
/// When the hub gives up: a moment after the link has.
const PATIENCE: Duration = Duration::from_secs(12);
/// Commands on their way; the hub has a lower limit.
const MAX_PENDING: usize = 1_024;

/// Somebody who is connected to the interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The employee's id.
    pub employee: String,
    /// One of that employee's clients; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename(serialize = "instanceId"))]
    pub instance_id: Option<String>,
}

/// The parameters of `request`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// To whom.
    pub to: Client,
    /// What is asked: `CommunicatorGetStatus`.
    pub request: String,
    /// More about it.
    #[serde(default)]
    pub data: Option<Value>,
    /// Who is to be answered; nobody when absent. Answers to this gateway's own employee are `reply.received`.
    #[serde(default)]
    pub reply_to: Option<Client>,
}

/// The parameters of `reply`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// To whom, as `request.from` said.
    pub to: Client,
    /// What was asked.
    pub request: String,
    /// Which request it was: `request.id`.
    pub request_id: String,
    /// The answer.
    #[serde(default)]
    pub data: Option<Value>,
    /// Who answers.
    #[serde(default)]
    pub from: Option<Client>,
}

/// What a source takes.
#[must_use]
pub fn commands() -> Vec<CommandSpec> {
    vec![
        CommandSpec::new::<Request>(
            "request",
            "Asks other clients of an employee for something.",
            Target::None,
            PATIENCE,
        ),
        CommandSpec::new::<Reply>(
            "reply",
            "Answers a request of another client.",
            Target::None,
            PATIENCE,
        ),
    ]
}

/// Commands whose answer has not come: by the id under which it will.
#[derive(Default)]
pub(super) struct Pending {
    orders: BTreeMap<Text, Text>,
    sent: u64,
}

impl Translator {
    pub(super) fn order(&mut self, order: &Order, out: &mut Output) -> Result<(), Refusal> {
        let (name, body) = match order.kind {
            "request" => {
                let asked: Request = order.params()?;
                let mut body = json!({"to": asked.to, "request": asked.request});
                put(&mut body, "data", asked.data);
                put(
                    &mut body,
                    "replyTo",
                    asked.reply_to.map(|client| json!(client)),
                );
                ("request", body)
            }
            "reply" => {
                let reply: Reply = order.params()?;
                let mut body = json!({
                    "to": reply.to, "request": reply.request, "requestId": reply.request_id,
                });
                put(&mut body, "data", reply.data);
                put(&mut body, "from", reply.from.map(|client| json!(client)));
                ("reply", body)
            }
            _ => return Err(Refusal::not_supported()),
        };
        if self.pending.orders.len() >= MAX_PENDING {
            return Err(Refusal::new("busy", "too many commands wait for an answer"));
        }
        self.pending.sent += 1;
        let ack: Text = format!("cmd-{}", self.pending.sent).into();
        out.requests.push(request::emit(name, &body, &ack, ANSWER));
        self.pending.orders.insert(ack, order.id.clone());
        Ok(())
    }

    /// The service has taken something in, or has not.
    pub(super) fn acknowledged(&mut self, ack: &Ack<'_>, now: Now, out: &mut Output) {
        let order = text(&ack.id).and_then(|id| self.pending.orders.remove(id));
        let Some(id) = order else {
            out.no_ops += 1;
            return;
        };
        let outcome = match text(&ack.error) {
            Some("timeout") => CommandOutcome::Unknown {
                reason: "timeout".into(),
            },
            Some(error) => CommandOutcome::Failed {
                reason: "not_sent".into(),
                detail: Some(error.into()),
            },
            None => answer(&ack.args),
        };
        let mut tell = Telling::of("ack", self.customer.as_deref(), now);
        tell.native("ack", Fact::Command { id, outcome });
        tell.finish_bare(out);
    }

    /// The link is another: answers to what was sent before will not come.
    pub(super) fn forget_orders(&mut self) {
        self.pending.orders.clear();
    }
}

/// `{success, requestId}`.
fn answer(args: &Json<'_>) -> CommandOutcome {
    let first = match args {
        Json::Array(items) => items.first(),
        other => Some(other),
    };
    let field = |name: &str| match first {
        Some(Json::Object(pairs)) => {
            let found = pairs.iter().rev().find(|(key, _)| key == name);
            found.and_then(|(_, value)| value.clone().into_text())
        }
        _ => None,
    };
    match flag(&field("success")) {
        Some(true) => {
            let mut native = Native::new();
            native.set("requestId", text(&field("requestId")).unwrap_or(""));
            CommandOutcome::Succeeded { native }
        }
        Some(false) => CommandOutcome::Failed {
            reason: "refused".into(),
            detail: text(&field("error"))
                .or(text(&field("message")))
                .map(Into::into),
        },
        None => CommandOutcome::Unknown {
            reason: "no_outcome".into(),
        },
    }
}

fn put(body: &mut Value, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        body[name] = value;
    }
}
