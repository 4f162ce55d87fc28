//! The schemas under `openapi/schemas/` are those of the types. `UPDATE_SCHEMAS=1` writes them.

use std::{fs, path::PathBuf};

use model::{EventType, schema};

#[test]
fn committed_schemas_are_those_of_the_types() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../openapi/schemas");
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    let mut expected = Vec::new();
    for (name, schema) in schema::all() {
        let path = folder.join(format!("{name}.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if update {
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "{} differs from the types: run UPDATE_SCHEMAS=1 cargo test -p model",
            path.display()
        );
        expected.push(path);
    }
    let mut found: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "a schema that no type has");
}

#[test]
fn every_event_type_has_a_schema_with_the_entity_it_is_named_after() {
    let all = schema::all();
    for kind in EventType::ALL {
        let members = schema::members(kind.schema());
        assert!(!members.is_empty(), "{kind} has no members of data");
        let (_, schema) = all.iter().find(|(name, _)| *name == kind.schema()).unwrap();
        for member in members {
            assert!(
                schema["properties"][member].is_object(),
                "{kind}: no property {member}"
            );
        }
        assert_eq!(
            schema["$id"],
            format!("urn:switchhook:schema:v1:{}", kind.schema())
        );
    }
}
