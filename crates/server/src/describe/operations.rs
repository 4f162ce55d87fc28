//! What there is to say of every route. A route that is not described here, or the other way round, fails a test.

mod webhooks;

use model::Collection;
use serde_json::{Value, json};

use super::{
    operation::{Answer, Operation, Parameter, Tag},
    shapes::{item, list_of, of},
};

/// Every operation, in the order in which somebody learns the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let mut all = events();
    all.extend(state());
    all.extend(sources());
    all.extend(commands());
    all.extend(webhooks::operations());
    all.extend(access());
    all.extend(gateway());
    all
}

fn events() -> Vec<Operation> {
    let event = || of("Event");
    vec![
        Operation::get("/v1/events", "events", Tag::Events)
            .says(
                "Events: live, or a page of history",
                "With `Upgrade: websocket` a live stream of one CloudEvent per text frame (described in `asyncapi.json`); with \
                 `Accept: text/event-stream` the same as Server-Sent Events; otherwise a page of history. The `id` of the last event \
                 you handled is where you go on, on any transport. A page always has a next link, also at the head, so that a poller \
                 always has a next URL; with `order=desc` or `before` the last page has none.",
            )
            .takes(filters())
            .takes([
                place("after", "Only what comes after this place (exclusive). Streams begin at `latest` unless told otherwise, pages at `earliest`."),
                place("before", "Pages only: only what comes before this place (exclusive)."),
                Parameter::query("order", "Pages only.", json!({"type": "string", "enum": ["asc", "desc"], "default": "asc"})),
                limit("Pages only: the most events. A page may be short or empty and still have a next link."),
                Parameter::flag("snapshot", "Streams only: state first, then exactly the events after it. Needs `state:read`."),
                Parameter::text("ticket", "From `POST /v1/tickets`, for browsers that cannot set headers. The only credential that a URL may carry."),
                Parameter::header(
                    "Last-Event-ID",
                    "Server-Sent Events: where a browser comes back. Overrides `after` and suppresses `snapshot`.",
                    json!({"type": "string"}),
                ),
            ])
            .answers(
                Answer::new(200, "A page of history, or a stream of Server-Sent Events.")
                    .media("application/cloudevents-batch+json", json!({"type": "array", "items": event()}))
                    .media("text/event-stream", json!({"type": "string"}))
                    .header("Link", "The next page: `<…>; rel=\"next\"`."),
            )
            .answers(Answer::new(101, "A WebSocket is open."))
            .fails(&[410, 426]),
        Operation::get("/v1/events/{id}", "event", Tag::Events)
            .says("One event", "The event with this id, as long as the log retains it.")
            .answers(Answer::new(200, "The event.").media("application/cloudevents+json", event())),
        Operation::get("/v1/events/{id}/explain", "explainEvent", Tag::Events)
            .says(
                "Why an event says what it says",
                "From the event back to its origin: the native frame (secrets redacted), what it says decoded, the rule of the mapping \
                 that made an event of it, and the subject before and after.",
            )
            .answers(Answer::new(200, "The explanation.").json(of("Explanation"))),
        Operation::get("/v1/catalog", "catalog", Tag::Events)
            .says(
                "Every type of event",
                "What each means, how far it can be relied on, its schema, an example, and which sources can emit it.",
            )
            .answers(Answer::new(200, "The catalogue.").json(of("Catalog"))),
    ]
}

fn state() -> Vec<Operation> {
    let mut all = Vec::new();
    for (collection, one, many) in [
        (Collection::Calls, "call", "calls"),
        (Collection::Extensions, "extension", "extensions"),
        (Collection::Agents, "agent", "agents"),
        (Collection::Queues, "queue", "queues"),
        (Collection::Trunks, "trunk", "trunks"),
        (Collection::Conferences, "conference", "conferences"),
        (Collection::Devices, "device", "devices"),
        (Collection::Users, "user", "users"),
        (Collection::Sources, "source", "sources"),
    ] {
        all.extend(collection_of(
            &format!("/v1/{collection}"),
            collection,
            one,
            many,
        ));
    }
    all.extend(collection_of(
        "/v1/queues/{parent}/callers",
        Collection::Callers,
        "caller",
        "callers",
    ));
    all.extend(collection_of(
        "/v1/conferences/{parent}/participants",
        Collection::Participants,
        "participant",
        "participants",
    ));
    all
}

/// The list of a collection, and one of its entities.
fn collection_of(path: &str, collection: Collection, one: &str, many: &str) -> [Operation; 2] {
    let is_calls = collection == Collection::Calls;
    let (list_text, one_text) = if is_calls {
        (
            "Open calls, in order of id. `state=ended` lists those that ended, the latest first, from the log while it retains them.",
            "An open call, or one that ended, from the log while it retains it.",
        )
    } else {
        ("In order of id.", "")
    };
    let cursor = "The position this answer is true at: state is never older than an event that was delivered.";
    let mut list = Operation::get(path, format!("list{}", capital(many)), Tag::State)
        .says(format!("List {many}"), list_text)
        .takes([
            Parameter::text("source", "Only of this source."),
            Parameter::text("tenant", "Only of this tenant."),
            Parameter::text("state", "Only in this state."),
            Parameter::text(
                "extension",
                "Only what involves this extension: number, canonical id or native id.",
            ),
            Parameter::text(
                "queue",
                "Only what involves this queue: number, canonical id or native id.",
            ),
            Parameter::text(
                "number",
                "Only what involves this number: as the PBX sent it, E.164, or an extension.",
            ),
            limit("The most items."),
            Parameter::text("page", "`next` of the page before."),
        ])
        .takes([min_cursor()])
        .answers(
            Answer::new(200, "A page of them.")
                .json(list_of(item(collection)))
                .header("Switchhook-Cursor", cursor),
        )
        .fails(&[410]);
    if is_calls {
        list = list.takes([Parameter::query(
            "since",
            "With `state=ended`: only calls that ended at this time or later.",
            json!({"type": "string", "format": "date-time"}),
        )]);
    }
    let single = Operation::get(
        format!("{path}/{{id}}"),
        format!("get{}", capital(one)),
        Tag::State,
    )
    .says(format!("One {one}"), one_text)
    .takes([min_cursor()])
    .answers(
        Answer::new(200, "The entity.")
            .json(of(item(collection)))
            .header("Switchhook-Cursor", cursor),
    )
    .fails(&[410]);
    [list, single]
}

fn sources() -> Vec<Operation> {
    let time = || json!({"type": "string", "format": "date-time"});
    vec![
        Operation::get("/v1/sources/{id}/capabilities", "capabilities", Tag::Sources)
            .says("What a source can tell", "By type of event: told by the PBX, concluded by the gateway, or never.")
            .answers(Answer::new(200, "Its capabilities.").json(of("Capabilities"))),
        Operation::get("/v1/sources/{id}/gaps", "gaps", Tag::Sources)
            .says(
                "What was heard of a source",
                "The completeness ledger: a span of time without holes, each part of it heard, missed, or not yet connected. A gap \
                 names what a snapshot has set right since, and what may be missing for ever.",
            )
            .takes([
                Parameter::query("from", "The beginning of the span; the first event in the log unless told otherwise.", time()),
                Parameter::query("to", "The end of the span; now unless told otherwise.", time()),
            ])
            .answers(Answer::new(200, "The ledger.").json(of("Ledger"))),
        Operation::post("/v1/sources/{id}/reconnect", "reconnect", Tag::Sources)
            .says("Connect a source anew", "Ends the connection, or the wait for the next attempt; never beyond the budget of attempts.")
            .body(false, empty())
            .answers(Answer::new(202, "It will.").json(of("Reconnecting"))),
    ]
}

fn commands() -> Vec<Operation> {
    let body = json!({
        "type": "object",
        "required": ["type"],
        "additionalProperties": false,
        "properties": {
            "type": {"type": "string", "description": "One of those that the source offers."},
            "target": {"type": "string", "description": "The id of an open call, where the type has a target."},
            "params": {"type": "object", "description": "As the schema of the type says."},
            "if_version": {"type": "integer", "minimum": 1, "description": "Only if the call still has this version."},
        },
    });
    vec![
        Operation::get(
            "/v1/sources/{id}/commands",
            "listCommandTypes",
            Tag::Commands,
        )
        .says(
            "What a source can be told to do",
            "Each type with its target, how long the PBX may take, and the schema of its `params`.",
        )
        .answers(Answer::new(200, "The types of commands.").json(of("CommandTypes"))),
        Operation::post(
            "/v1/sources/{id}/commands",
            "giveCommand",
            Tag::Commands,
        )
        .says(
            "Tell a PBX to do something",
            "Accepted, logged, sent once; the outcome comes as `command.succeeded` or `command.failed` and at the `Location`. With an \
             `Idempotency-Key` the same request again gets the same answer, for 24 h. What was in flight when the gateway or the link \
             died is `unknown`, and never sent again.",
        )
        .takes([Parameter::header(
            "Idempotency-Key",
            "1 to 255 visible ASCII characters, chosen by you; belongs to the token.",
            json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}),
        )])
        .body(true, body)
        .answers(
            Answer::new(202, "Accepted.")
                .json(of("Command"))
                .header("Location", "Where its outcome will be."),
        )
        .fails(&[409, 412, 422]),
        Operation::get("/v1/commands/{id}", "getCommand", Tag::Commands)
            .says("What became of a command", "Kept for 24 h.")
            .answers(Answer::new(200, "The command.").json(of("Command"))),
    ]
}

fn access() -> Vec<Operation> {
    vec![
        Operation::post("/v1/tickets", "createTicket", Tag::Access)
            .says(
                "A credential for one request",
                "With the rights of the token that asks; good once, for 30 seconds, as `?ticket=` of `/v1/events`.",
            )
            .body(false, empty())
            .answers(Answer::new(201, "The ticket.").json(of("Ticket"))),
    ]
}

fn gateway() -> Vec<Operation> {
    let document = || json!({"type": "object"});
    let page = || json!({"type": "string"});
    vec![
        Operation::get("/livez", "live", Tag::Gateway)
            .says("Whether the process runs", "")
            .answers(Answer::new(200, "It does.").json(of("Live"))),
        Operation::get("/readyz", "ready", Tag::Gateway)
            .says(
                "Whether the gateway does its work",
                "The log takes events, state is rebuilt, and every required source is connected. Who is known sees the health of each source.",
            )
            .answers(Answer::new(200, "It does.").json(of("Ready")))
            .answers(Answer::new(503, "It does not.").json(of("Ready"))),
        Operation::get("/metrics", "metrics", Tag::Gateway)
            .says(
                "What is counted and timed, for Prometheus",
                "In its text format, version 0.0.4; `docs/metrics.md` lists every family. A token that is limited in any way sees the \
                 figures of its sources alone, and one limited to tenants of those only what tells how complete everything else is.",
            )
            .answers(Answer::new(200, "The figures.").media("text/plain", page())),
        Operation::get("/openapi.json", "openapi", Tag::Gateway)
            .says("This document", "")
            .answers(Answer::new(200, "OpenAPI 3.1.").json(document())),
        Operation::get("/asyncapi.json", "asyncapi", Tag::Gateway)
            .says("The streams", "")
            .answers(Answer::new(200, "AsyncAPI 3.0.").json(document())),
        Operation::get("/", "dashboard", Tag::Gateway)
            .says("The dashboard", "A page that shows all this to a supervisor. Where a token is needed it asks for one.")
            .answers(Answer::new(200, "The page.").media("text/html", page())),
        Operation::get("/dashboard/{file}", "dashboardFile", Tag::Gateway)
            .says("What the dashboard is made of", "")
            .answers(
                Answer::new(200, "A module, a style sheet or an icon.")
                    .media("text/javascript", page())
                    .media("text/css", page())
                    .media("image/svg+xml", page()),
            ),
        Operation::get("/docs", "docs", Tag::Gateway)
            .says("Both documents, for people", "")
            .answers(Answer::new(200, "A page without scripts.").media("text/html", page())),
        Operation::get("/docs/{file}", "docsFile", Tag::Gateway)
            .says("What the page for people needs", "")
            .answers(Answer::new(200, "Its style sheet.").media("text/css", page())),
        Operation::get("/schemas/v1/{file}", "schema", Tag::Gateway)
            .says("A JSON Schema", "`<entity>.json` for each `dataschema`, and `event.json` for the envelope.")
            .answers(Answer::new(200, "Draft 2020-12.").media("application/schema+json", document())),
        Operation::get("/problems/{slug}", "problem", Tag::Gateway)
            .says("What a problem means and what to do", "HTML for browsers, JSON for programs.")
            .answers(
                Answer::new(200, "What to do.")
                    .json(document())
                    .media("text/html", page()),
            ),
    ]
}

/// The parameters that choose events, the same on every transport.
pub(super) fn filters() -> Vec<Parameter> {
    vec![
        Parameter::list(
            "types",
            "Globs over types; `*` matches any characters: `call.*,queue.caller_*`. With `profile`, their union.",
        ),
        Parameter::query(
            "profile",
            "A named selection of types.",
            json!({"type": "string", "enum": ["crm", "wallboard", "all"]}),
        ),
        Parameter::list("sources", "Source ids."),
        Parameter::list("tenants", "Tenants, by their configured names."),
        Parameter::list(
            "extensions",
            "Number, canonical id or native id of any extension the entity ever involved.",
        ),
        Parameter::list(
            "queues",
            "Number, canonical id or native id of any queue the entity ever involved.",
        ),
        Parameter::list("subjects", "Subjects, whole."),
        Parameter::query(
            "payload",
            "`false` leaves `data.origin.payload` out.",
            json!({"type": "boolean", "default": true}),
        ),
    ]
}

fn place(name: &'static str, text: &'static str) -> Parameter {
    let examples = [
        "k3v9q2xw-0000000000004712",
        "2026-11-20T09:41:07Z",
        "earliest",
        "latest",
    ];
    Parameter::query(
        name,
        text,
        json!({"type": "string", "examples": examples, "description": "An event id, an RFC 3339 time (by `recordedtime`), `earliest` or `latest`."}),
    )
}

fn limit(text: &'static str) -> Parameter {
    let schema = json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100});
    Parameter::query("limit", text, schema)
}

fn min_cursor() -> Parameter {
    let schema = json!({"type": "string", "pattern": "^[a-z0-9]{8}-[0-9a-f]{16}$"});
    Parameter::query(
        "min_cursor",
        "Waits up to 2 s until the answer is true at this position, else 503.",
        schema,
    )
}

/// A body with nothing in it, for requests that need none.
pub(super) fn empty() -> Value {
    json!({"type": "object", "additionalProperties": false})
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}
