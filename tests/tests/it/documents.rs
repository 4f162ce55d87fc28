//! The API documents, held against validators and against the running gateway.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use tests::{binary::workspace, peers};

use crate::support::{calls, pair};

#[test]
fn the_openapi_document_is_valid() {
    let document = workspace().join("openapi/openapi.json");
    let mut validator = peers::python("python");
    validator
        .args(["-m", "openapi_spec_validator"])
        .arg(document);
    passes(validator);
}

#[test]
fn the_asyncapi_document_is_valid() {
    let mut validator = peers::node();
    validator
        .arg(peers::script("asyncapi.mjs"))
        .arg(workspace().join("openapi/asyncapi.json"));
    passes(validator);
}

#[tokio::test]
async fn the_gateway_serves_what_is_committed() {
    let (_pbx, gateway) = pair().await;
    for name in ["openapi.json", "asyncapi.json"] {
        let served: Value = gateway.client().get(&format!("/{name}")).await.json();
        let committed = fs::read(workspace().join("openapi").join(name)).unwrap();
        assert!(
            served == serde_json::from_slice::<Value>(&committed).unwrap(),
            "{name}"
        );
    }
}

/// Requests made up from the document: none may end in a 5xx, in an answer that is not described, or in a body that is
/// not as described.
#[tokio::test]
async fn the_gateway_answers_as_the_document_says() {
    let (pbx, gateway) = pair().await;
    calls(&pbx, &gateway.client(), 2).await;
    let document = gateway.path("openapi.json");
    fs::write(&document, tamed().to_string()).unwrap();
    let url = format!("http://{}", gateway.address());
    let mut schemathesis = peers::python("schemathesis");
    schemathesis
        .current_dir(document.parent().unwrap())
        .args([
            "run",
            "openapi.json",
            "--url",
            &url,
            "--seed",
            "1",
            "--max-examples",
            "8",
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--request-timeout",
            "30",
            "--no-color",
        ])
        // Whether a value that fits the schema names something is not for the schema to say.
        .args([
            "--exclude-checks",
            "positive_data_acceptance,unsupported_method",
        ]);
    let run = tokio::task::spawn_blocking(move || passes(schemathesis));
    run.await.unwrap();
    assert_eq!(gateway.client().get("/readyz").await.status, 200);
}

/// The committed document without lists so long that no URL holds them.
fn tamed() -> Value {
    let text = fs::read(workspace().join("openapi/openapi.json")).unwrap();
    let mut document: Value = serde_json::from_slice(&text).unwrap();
    let items = document["paths"].as_object_mut().unwrap().values_mut();
    for operation in items.flat_map(|item| item.as_object_mut().unwrap().values_mut()) {
        // Bodies are held to their own limits: only what a URL has to hold is shortened.
        if let Some(parameters) = operation.get_mut("parameters") {
            shorten(parameters);
        }
    }
    document
}

fn shorten(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.contains_key("maxItems") {
                members.insert("maxItems".into(), json!(8));
            }
            if members.contains_key("maxLength") {
                members.insert("maxLength".into(), json!(32));
            }
            members.values_mut().for_each(shorten);
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn passes(mut command: Command) {
    let program = Path::new(command.get_program()).display().to_string();
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
