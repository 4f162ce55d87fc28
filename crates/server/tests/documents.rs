//! The API documents say what is: they are committed, and held against the routes, the types and each other.
//! `UPDATE_DOCUMENTS=1` writes them.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;
use server::{api, describe, metrics::families};

#[test]
fn every_route_is_described_and_nothing_else() {
    let routes: BTreeSet<_> = api::table()
        .into_iter()
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let described: BTreeSet<_> = describe::operations()
        .iter()
        .map(|operation| {
            let (method, path) = operation.route();
            format!("{method} {path}")
        })
        .collect();
    let missing: Vec<_> = routes.difference(&described).collect();
    let extra: Vec<_> = described.difference(&routes).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "describe them in crates/server/src/describe/operations.rs: {missing:?}; described, but no route: {extra:?}"
    );
}

#[test]
fn the_committed_documents_are_those_of_the_code() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../openapi");
    for (name, document) in [
        ("openapi.json", describe::openapi()),
        ("asyncapi.json", describe::asyncapi()),
    ] {
        let path = folder.join(name);
        let text = format!("{}\n", serde_json::to_string_pretty(&document).unwrap());
        if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == text,
            "{} differs from the code: run UPDATE_DOCUMENTS=1 cargo test -p server --test documents",
            path.display()
        );
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for document in [describe::openapi(), describe::asyncapi()] {
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(references.len() > 100);
        for reference in references {
            let pointer = reference
                .strip_prefix('#')
                .unwrap_or_else(|| panic!("{reference} leads away"));
            assert!(
                document.pointer(pointer).is_some(),
                "{reference} leads nowhere"
            );
        }
    }
}

#[test]
fn operations_have_names_of_their_own() {
    let document = describe::openapi();
    let mut names = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} twice");
            assert!(
                !operation["summary"].as_str().unwrap().is_empty(),
                "{name} says nothing"
            );
        }
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(reference) if name == "$ref" => references.push(reference.to_owned()),
                    _ => collect(member, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[test]
fn every_family_of_metrics_is_in_the_guide() {
    const BEGIN: &str = "<!-- families -->\n";
    const END: &str = "<!-- /families -->";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let guide = fs::read_to_string(&path).unwrap();
    let (before, rest) = guide.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut table = "| name | kind | labels | says |\n|---|---|---|---|\n".to_owned();
    for family in families::ALL {
        let labels = family.labels.iter().map(|label| format!("`{label}`"));
        table.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            family.name,
            family.kind.as_str(),
            labels.collect::<Vec<_>>().join(" "),
            family.help
        ));
    }
    let text = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == text,
        "{} differs from the code: run UPDATE_DOCUMENTS=1 cargo test -p server --test documents",
        path.display()
    );
}
