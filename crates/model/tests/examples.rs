//! The examples are events: each can be read, is written as it was read, and keeps to its schema.

use jsonschema::Validator;
use model::{Event, EventType, example, schema};

#[test]
fn every_type_has_an_example_that_is_read_and_written_alike() {
    for kind in EventType::ALL {
        let example = example::of(*kind);
        let event: Event = serde_json::from_value(example.clone())
            .unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(event.kind, *kind);
        let written = serde_json::to_value(&event).unwrap();
        assert_eq!(written, *example, "{kind}: what is read is what is written");
        assert_eq!(
            event.dataschema.strip_prefix("urn:switchhook:schema:v1:"),
            Some(kind.schema()),
            "{kind}"
        );
        let begin = format!("{}/", kind.collection());
        let below = kind.collection().to_string();
        assert!(
            event.subject.starts_with(&begin) || event.subject.contains(&format!("/{below}/")),
            "{kind}: {}",
            event.subject
        );
        assert_eq!(kind.is_perishable(), event.expirytime.is_some(), "{kind}");
    }
}

#[test]
fn examples_keep_to_their_schemas() {
    let all = schema::all();
    let validator = |name: &str| -> Validator {
        let (_, schema) = all.iter().find(|(known, _)| *known == name).unwrap();
        jsonschema::validator_for(schema).unwrap()
    };
    let envelope = validator("event");
    for kind in EventType::ALL {
        let example = example::of(*kind);
        for (validator, value) in [
            (&envelope, example),
            (&validator(kind.schema()), &example["data"]),
        ] {
            let errors: Vec<_> = validator
                .iter_errors(value)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{kind}: {errors:#?}");
        }
    }
}

#[test]
fn examples_hold_no_member_that_a_schema_does_not_know() {
    let all = schema::all();
    for kind in EventType::ALL {
        let (_, schema) = all.iter().find(|(name, _)| *name == kind.schema()).unwrap();
        let known = schema["properties"].as_object().unwrap();
        for member in example::of(*kind)["data"].as_object().unwrap().keys() {
            assert!(known.contains_key(member), "{kind}: data.{member}");
        }
    }
}
