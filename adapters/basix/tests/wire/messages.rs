//! Messages of every kind, in every spelling, and commands.

use basix::wire::{
    self, Change, DecodeError, Element, Message, SystemMsg,
    command::Command,
    write::{atom, binary, chars, int, list, tuple},
};
use serde_json::json;

use crate::support::{bert, event, vector};

#[test]
fn messages_about_the_connection_and_for_users() {
    let system = |message| {
        let frame = bert(&tuple([atom("system_msg"), message]));
        match wire::decode(&frame).unwrap() {
            Message::SystemMsg(SystemMsg::Other(term)) => format!("{term:?}"),
            Message::SystemMsg(known) => format!("{known:?}"),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        system(atom("connection_limit_reached")),
        "ConnectionLimitReached"
    );
    assert_eq!(system(chars("connection_replaced")), "ConnectionReplaced");
    assert_eq!(system(binary("logout")), "Logout");
    assert_eq!(
        system(tuple([atom("auto_answer"), int(3)])),
        "{auto_answer,3}"
    );

    let frame = vector("msg_nested");
    let Message::Msg(payload) = wire::decode(&frame).unwrap() else {
        panic!("no message");
    };
    assert_eq!(
        serde_json::to_value(payload).unwrap(),
        json!([
            ["subject", "é"], ["body", "波也"], ["to", []], ["read", false],
            ["parts", [{"a": 1, "b": []}, 1_546_839_040_024_071_i64]],
        ])
    );
    let frame = bert(&tuple([atom("future"), int(1)]));
    let Message::Unknown { kind, message } = wire::decode(&frame).unwrap() else {
        panic!("known");
    };
    assert_eq!(
        (&*kind, format!("{message:?}")),
        ("future", "{future,1}".to_owned())
    );
}

#[test]
fn elements_kinds_and_events_are_read_in_every_spelling() {
    for spelling in [atom, binary, chars] {
        for (name, element) in [
            ("channel", Element::Channel),
            ("group_info", Element::Group),
            ("holidays", Element::Other("holidays".into())),
        ] {
            let message = [
                spelling("info_event"),
                spelling(name),
                tuple([spelling("x")]),
                spelling("removed"),
            ];
            let frame = bert(&tuple(message));
            let (found, _, change) = event(&frame);
            assert_eq!((found, change), (element, Change::Removed));
            let fields = list(["id", "name"].map(spelling));
            let frame = bert(&tuple([spelling("field_spec"), spelling(name), fields]));
            let Message::FieldSpec(spec) = wire::decode(&frame).unwrap() else {
                panic!("no spec");
            };
            assert!(spec.names().eq(["id", "name"]));
        }
    }
    let frame = bert(&tuple([
        atom("info_event"),
        chars("user"),
        tuple([]),
        chars("moved"),
    ]));
    assert_eq!(event(&frame).2.as_str(), "moved");
}

#[test]
fn messages_of_another_form_say_what_is_wrong() {
    for (sent, expected) in [
        (atom("field_spec"), DecodeError::NoMessage),
        (tuple([]), DecodeError::NoMessage),
        (tuple([int(1)]), DecodeError::NoMessage),
        (
            tuple([atom("field_spec"), chars("user")]),
            DecodeError::Form("field_spec"),
        ),
        (
            tuple([atom("field_spec"), chars("user"), atom("id")]),
            DecodeError::Form("field_spec"),
        ),
        (
            tuple([atom("initial_info"), chars("user"), int(1)]),
            DecodeError::Form("initial_info"),
        ),
        (
            tuple([atom("info_event"), list([]), tuple([])]),
            DecodeError::Form("info_event"),
        ),
        (tuple([atom("system_msg")]), DecodeError::Form("system_msg")),
        (tuple([atom("msg")]), DecodeError::Form("msg")),
        (
            tuple([atom("chan_info"), int(1)]),
            DecodeError::Outdated("chan_info".into()),
        ),
        (
            tuple([tuple([atom("info_event"), int(1)])]),
            DecodeError::Outdated("info_event".into()),
        ),
    ] {
        assert_eq!(wire::decode(&bert(&sent)), Err(expected), "{sent}");
    }
}

#[test]
fn commands_take_the_documented_forms() {
    for (command, text) in [
        (
            Command::Hangup { uuid: "u".into() },
            r#"{"cmd":"hangup","uuid":"u"}"#,
        ),
        (
            Command::Park {
                uuid: "u".into(),
                timeout: Some(60),
            },
            r#"{"cmd":"park","uuid":"u","timeout":60}"#,
        ),
        (
            Command::Transfer {
                uuid: "u".into(),
                user_id: 7,
                user_name: "user7".into(),
                destination: "700".into(),
            },
            r#"{"cmd":"transfer","uuid":"u","user_id":7,"user_name":"user7","destination":"700"}"#,
        ),
        (
            Command::Eavesdrop {
                uuid: "m".into(),
                target_uuid: "u".into(),
                subcommand: "listen".into(),
            },
            r#"{"cmd":"eavesdrop","uuid":"m","target_uuid":"u","subcommand":"listen"}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&command).unwrap(), text);
        assert_eq!(serde_json::from_str::<Command<'_>>(text).unwrap(), command);
    }
}
