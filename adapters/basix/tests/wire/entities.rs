//! Entities: nothing but the spec of the connection tells what stands where.

use basix::wire::{
    self, Body, Element, Specs, User, scan,
    write::{binary, int, list, tuple, undefined},
};
use serde_json::json;

use crate::support::{bert, fields, user};

#[test]
fn nothing_but_the_spec_tells_what_stands_where() {
    let sent = tuple([binary("user7"), int(7), binary("700"), int(3)]);
    let frame = bert(&sent);
    let term = scan(&frame).unwrap();
    let spec = fields("user", &["name", "id", "main_extension", "birthday"]);
    assert!(spec.unknown().eq(["birthday"]));
    let entity = spec.entity(term).unwrap();
    let user = user(&entity.body);
    assert_eq!((user.id, user.name.as_deref()), (Some(7), Some("user7")));
    assert_eq!(user.main_extension.as_deref(), Some("700"));
    assert_eq!(entity.unclaimed, ["birthday"]);
    assert_eq!(entity.get("birthday").unwrap().int(), Some(3));
    // Shorter: the rest is absent. Longer: kept under its position.
    let longer = fields("user", &["name", "id", "main_extension", "flags", "email"]);
    let entity = longer.entity(term).unwrap();
    assert_eq!((entity.get("email"), entity.unclaimed.len()), (None, 0));
    let shorter = fields("user", &["name", "id", "name"]);
    assert!(
        shorter.names().eq(["name", "id", "#2"]),
        "a name counts once"
    );
    let entity = shorter.entity(term).unwrap();
    assert_eq!(entity.unclaimed, ["#2", "#3"]);
    assert_eq!(
        serde_json::to_value(&entity).unwrap(),
        json!({"name": "user7", "id": 7, "#2": "700", "#3": 3})
    );
    // A list stands for a tuple; anything else is no entity.
    let frame = bert(&list([binary("user7"), int(7)]));
    let entity = scan(&frame).unwrap();
    assert!(matches!(spec.entity(entity).unwrap().body, Body::User(user) if user.id == Some(7)));
    let frame = bert(&binary("user7"));
    assert_eq!(spec.entity(scan(&frame).unwrap()), None);
}

#[test]
fn a_value_that_makes_no_sense_costs_only_its_field() {
    let spec = fields("user", &["id", "name", "flags", "label"]);
    let frame = bert(&tuple([
        tuple([int(1)]),
        tuple([]),
        binary("many"),
        binary("ok"),
    ]));
    let entity = spec.entity(scan(&frame).unwrap()).unwrap();
    assert_eq!(entity.unclaimed, ["id", "name", "flags"]);
    assert_eq!(user(&entity.body).label.as_deref(), Some("ok"));
    // An empty text is how some say that there is no number.
    let frame = bert(&tuple([list([]), undefined(), binary(""), list([])]));
    let entity = spec.entity(scan(&frame).unwrap()).unwrap();
    assert!(entity.unclaimed.is_empty(), "{:?}", entity.unclaimed);
    assert_eq!(
        user(&entity.body),
        &User {
            label: Some("".into()),
            ..User::default()
        }
    );
}

#[test]
fn specs_are_those_of_the_connection_and_bounded() {
    let mut specs = Specs::default();
    assert!(specs.learn(fields("user", &["id", "name"])));
    assert!(specs.learn(fields("user", &["name", "id"])));
    assert!(
        specs
            .get(&Element::User)
            .unwrap()
            .names()
            .eq(["name", "id"])
    );
    for index in 1..wire::MAX_ELEMENTS {
        assert!(specs.learn(fields(&format!("e{index}"), &["id"])));
    }
    assert!(!specs.learn(fields("one_more", &["id"])));
    assert!(
        specs.learn(fields("user", &["id"])),
        "known ones are still replaced"
    );
    specs.clear();
    assert_eq!(specs.get(&Element::User), None);
    let many: Vec<String> = (0..2 * wire::MAX_FIELDS)
        .map(|index| format!("f{index}"))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(fields("user", &many).names().len(), wire::MAX_FIELDS);
    let long = fields(&"é".repeat(500), &[&"é".repeat(500)]);
    assert_eq!(long.element.as_str(), "é".repeat(64));
    assert!(long.names().eq([&*"é".repeat(64)]));
}
