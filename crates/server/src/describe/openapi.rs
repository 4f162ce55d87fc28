//! OpenAPI 3.1, assembled.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    operation::{Answer, Operation, Parameter, Tag},
    operations::operations,
    shapes,
};
use crate::{
    api::{self, routes::Access},
    problem::Kind,
};

/// The document of all requests.
#[must_use]
pub fn openapi() -> Value {
    let access: BTreeMap<_, _> = api::table()
        .into_iter()
        .map(|route| ((route.path, route.method), route.access))
        .collect();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let key = (operation.path.clone(), operation.method.clone());
        let access = access.get(&key).copied().unwrap_or(Access::Open);
        let method = operation.method.as_str().to_ascii_lowercase();
        let item = paths
            .entry(operation.path.clone())
            .or_insert_with(|| json!({}));
        item[method] = described(&operation, access);
    }
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Switchhook",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "One canonical telephony event stream, whatever the PBX behind.",
            "description": INTRODUCTION,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This gateway."}],
        "tags": Tag::ALL
            .iter()
            .map(|tag| json!({"name": tag.name(), "description": tag.text()}))
            .collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": shapes::all(),
            "responses": problems(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A static token, or a JWT. With `auth.mode = \"none\"` none is needed on this machine.",
                },
                "ticket": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "ticket",
                    "description": "From `POST /v1/tickets`: good once, for 30 seconds.",
                },
            },
        },
    })
}

const INTRODUCTION: &str = "\
Whatever you receive, on any transport, is a CloudEvent. Every event carries the whole entity after the change: keep its `version`, \
ignore lower or equal ones, take the entity. The `id` of the last event you handled is where you go on.

Unknown query parameters and body members are errors. Errors are RFC 9457 problems, whose `type` leads to what to do. What a token may \
not see does not exist for it. Expect members, types and words that you do not know: within v1 there will be more.";

fn described(operation: &Operation, access: Access) -> Value {
    let mut parameters: Vec<Value> = operation.names().map(path_parameter).collect();
    parameters.extend(operation.parameters.iter().map(parameter));
    let mut answers: BTreeMap<String, Value> = operation
        .answers
        .iter()
        .map(|answer| (answer.status.to_string(), answered(answer)))
        .collect();
    for status in failures(operation, access) {
        answers
            .entry(status.to_string())
            .or_insert_with(|| json!({"$ref": format!("#/components/responses/{status}")}));
    }
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag.name()],
        "summary": operation.summary,
        "security": security(operation, access),
        "responses": answers,
    });
    if !operation.text.is_empty() {
        described["description"] = json!(operation.text);
    }
    if !parameters.is_empty() {
        described["parameters"] = json!(parameters);
    }
    if let Some(body) = &operation.body {
        described["requestBody"] = json!({
            "required": body.required,
            "content": {"application/json": {"schema": body.schema}},
        });
    }
    described
}

fn security(operation: &Operation, access: Access) -> Value {
    let Access::Scopes(scopes) = access else {
        return json!([]);
    };
    let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    let takes_ticket = operation
        .parameters
        .iter()
        .any(|known| known.name == "ticket");
    // Without authentication no credential is needed.
    let mut all = vec![json!({"bearer": scopes}), json!({})];
    if takes_ticket {
        all.insert(1, json!({"ticket": scopes}));
    }
    Value::Array(all)
}

/// The statuses of problems that a route may answer with.
fn failures(operation: &Operation, access: Access) -> Vec<u16> {
    let mut statuses = vec![400, 403, 414, 431, 500];
    if let Access::Scopes(_) = access {
        statuses.extend([401, 429, 503]);
    }
    if operation.path.contains('{') {
        statuses.push(404);
    }
    if operation.body.is_some() {
        statuses.extend([408, 413, 415]);
    }
    statuses.extend(&operation.problems);
    statuses
}

fn path_parameter(name: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}})
}

fn parameter(parameter: &Parameter) -> Value {
    let mut described = json!({
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.text,
        "schema": parameter.schema,
    });
    if parameter.schema["type"] == "array" {
        described["style"] = json!("form");
        described["explode"] = json!(false);
    }
    described
}

fn answered(answer: &Answer) -> Value {
    let mut described = json!({"description": answer.text});
    if !answer.content.is_empty() {
        let content: Map<_, _> = answer
            .content
            .iter()
            .map(|(media, schema)| ((*media).to_owned(), json!({"schema": schema})))
            .collect();
        described["content"] = Value::Object(content);
    }
    if !answer.headers.is_empty() {
        let headers: Map<_, _> = answer
            .headers
            .iter()
            .map(|(name, text)| {
                let header = json!({"description": text, "schema": {"type": "string"}});
                ((*name).to_owned(), header)
            })
            .collect();
        described["headers"] = Value::Object(headers);
    }
    described
}

/// The answer of each status that a problem may have: all kinds of it, and what to do about them.
fn problems() -> Map<String, Value> {
    let mut kinds: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for kind in Kind::ALL {
        kinds
            .entry(kind.facts().status.as_u16())
            .or_default()
            .push(*kind);
    }
    let problem = |kinds: Vec<Kind>| {
        let advice: Vec<_> = kinds
            .iter()
            .map(|kind| {
                let facts = kind.facts();
                format!(
                    "- `/problems/{}`: {}. {}",
                    facts.slug, facts.title, facts.advice
                )
            })
            .collect();
        let retries = kinds.iter().any(|kind| kind.facts().retryable);
        let mut described = json!({
            "description": advice.join("\n"),
            "content": {"application/problem+json": {"schema": shapes::of("Problem")}},
        });
        if retries {
            let text = "Seconds to wait, where it is known.";
            described["headers"] =
                json!({"Retry-After": {"description": text, "schema": {"type": "integer"}}});
        }
        described
    };
    kinds
        .into_iter()
        .map(|(status, kinds)| (status.to_string(), problem(kinds)))
        .collect()
}
