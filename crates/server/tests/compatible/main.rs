//! Whoever was built against the documents in `openapi/released` still works with those of today.

#![cfg(test)]

mod breaks;
mod shape;

use std::{fs, path::Path};

use serde_json::{Value, json};

use self::breaks::{asyncapi, openapi};

#[test]
fn the_api_takes_nothing_away() {
    assert_eq!(openapi(&released("openapi"), &present("openapi")), [""; 0]);
}

#[test]
fn the_streams_take_nothing_away() {
    assert_eq!(
        asyncapi(&released("asyncapi"), &present("asyncapi")),
        [""; 0]
    );
}

#[test]
fn what_would_break_a_client_is_named() {
    type Change = fn(&mut Value);
    let list: [(Change, &str); 8] = [
        (
            |api| drop(api["paths"].as_object_mut().unwrap().remove("/v1/calls")),
            "/v1/calls get: gone",
        ),
        (
            |api| {
                drop(
                    api["paths"]["/v1/calls"]["get"]["responses"]
                        .as_object_mut()
                        .unwrap()
                        .remove("200"),
                );
            },
            "/v1/calls get: 200: gone",
        ),
        (
            |api| {
                *api["paths"]["/v1/calls"]["get"]["parameters"]
                    .as_array_mut()
                    .unwrap() = Vec::new();
            },
            "/v1/calls get: query `limit`: gone",
        ),
        (
            |api| {
                let parameters = api["paths"]["/v1/calls"]["get"]["parameters"].as_array_mut();
                parameters.unwrap().push(json!({"in": "query", "name": "mood", "required": true, "schema": {"type": "string"}}));
            },
            "/v1/calls get: query `mood`: required now",
        ),
        (
            |api| {
                drop(
                    api["components"]["schemas"]["Call"]["properties"]
                        .as_object_mut()
                        .unwrap()
                        .remove("caller"),
                );
            },
            "caller: gone",
        ),
        (
            |api| {
                api["components"]["schemas"]["Call"]["properties"]["version"]["type"] =
                    json!("string");
            },
            "version: was of type integer, may be string",
        ),
        (
            |api| {
                let body = &mut api["paths"]["/v1/webhooks"]["post"]["requestBody"];
                let schema = &mut body["content"]["application/json"]["schema"];
                schema["required"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!("description"));
            },
            "/v1/webhooks post: body: description: required now",
        ),
        (
            |api| {
                let body = &mut api["paths"]["/v1/webhooks"]["post"]["requestBody"];
                let schema = &mut body["content"]["application/json"]["schema"];
                schema["properties"]["order"]["enum"] = json!(["partition", null]);
            },
            "body: order: \"none\" is accepted no more",
        ),
    ];
    let before = released("openapi");
    for (change, complaint) in list {
        let mut after = before.clone();
        change(&mut after);
        let found = openapi(&before, &after);
        assert!(
            found.iter().any(|line| line.contains(complaint)),
            "{complaint}: {found:?}"
        );
    }
}

#[test]
fn what_is_added_breaks_nobody() {
    let before = released("openapi");
    let mut after = before.clone();
    after["paths"]["/v1/new"] = json!({"get": {"responses": {}}});
    after["components"]["schemas"]["Call"]["properties"]["mood"] = json!({"type": "string"});
    let parameters = after["paths"]["/v1/calls"]["get"]["parameters"].as_array_mut();
    parameters
        .unwrap()
        .push(json!({"in": "query", "name": "mood", "schema": {"type": "string"}}));
    assert_eq!(openapi(&before, &after), [""; 0]);
}

fn released(name: &str) -> Value {
    read(&format!("released/{name}.json"))
}

fn present(name: &str) -> Value {
    read(&format!("{name}.json"))
}

fn read(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../openapi")
        .join(name);
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}
