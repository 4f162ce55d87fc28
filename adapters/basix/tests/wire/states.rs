//! What a leg is doing, read by position.

use basix::wire::{
    Activity, Destination, State,
    write::{atom, binary, chars, int, list, tuple, undefined},
};

use crate::support::leg_with;

#[test]
fn every_state_is_read_by_its_positions() {
    let text = |text: &'static str| Some(text.into());
    for (sent, expected) in [
        (vec![atom("ringing")], Activity::Ringing),
        (vec![atom("bridged")], Activity::Bridged),
        (
            vec![
                atom("calling"),
                atom("int"),
                atom("user"),
                tuple([int(7), undefined()]),
            ],
            calling("int", Destination::User { id: Some(7) }),
        ),
        (
            vec![
                atom("calling"),
                atom("int"),
                atom("group"),
                tuple([atom("hunt"), int(8), undefined(), undefined(), undefined()]),
            ],
            calling(
                "int",
                Destination::Group {
                    group_type: text("hunt"),
                    id: Some(8),
                    queue_id: None,
                },
            ),
        ),
        (
            vec![
                atom("calling"),
                chars("ext"),
                binary("pstn"),
                tuple([binary("0312341234")]),
            ],
            calling(
                "ext",
                Destination::Pstn {
                    address: text("0312341234"),
                },
            ),
        ),
        (
            vec![
                atom("calling"),
                atom("ext"),
                atom("bridged_endpoint"),
                tuple([binary("b"), binary("host")]),
            ],
            calling(
                "ext",
                Destination::Endpoint {
                    name: text("b"),
                    host: text("host"),
                },
            ),
        ),
        // The vendor's client fails on these.
        (
            vec![atom("calling"), atom("int"), atom("user")],
            calling(
                "int",
                Destination::Other {
                    kind: text("user"),
                    data: None,
                },
            ),
        ),
        (
            vec![atom("calling")],
            Activity::Calling {
                location: None,
                to: Destination::Other {
                    kind: None,
                    data: None,
                },
            },
        ),
        // Until 2018.
        (
            vec![atom("calling"), atom("user"), int(7), binary("user7")],
            Activity::Calling {
                location: None,
                to: Destination::User { id: Some(7) },
            },
        ),
        (
            vec![atom("calling_external"), binary("0312341234")],
            calling(
                "ext",
                Destination::Pstn {
                    address: text("0312341234"),
                },
            ),
        ),
        (
            vec![atom("voicemail"), atom("user"), int(7), binary("user7")],
            Activity::Voicemail {
                target_type: text("user"),
                target_id: Some(7),
                target_name: text("user7"),
            },
        ),
        (
            vec![atom("checking_voicemail"), binary("user7")],
            Activity::CheckingVoicemail {
                target_name: text("user7"),
            },
        ),
        (
            vec![atom("calling_siptermination"), binary("sip:a@b")],
            Activity::CallingSipTermination {
                url: text("sip:a@b"),
            },
        ),
        (vec![atom("ivr"), int(5)], Activity::Ivr { id: text("5") }),
        (
            vec![atom("system_operation"), atom("dial")],
            Activity::SystemOperation {
                operation: text("dial"),
            },
        ),
        (
            vec![atom("conference"), binary("r1")],
            Activity::Conference {
                room_id: text("r1"),
            },
        ),
        (vec![atom("xml_ivr")], Activity::XmlIvr),
        (vec![atom("plivo"), int(1)], Activity::XmlIvr),
        (
            vec![atom("park"), binary("901"), undefined(), int(7)],
            Activity::Park {
                slot: text("901"),
                terminal_name: None,
                parker_id: Some(7),
                parker_name: None,
            },
        ),
        (
            vec![atom("eavesdrop"), binary("u"), atom("listen")],
            Activity::Eavesdrop {
                uuid: text("u"),
                eavesdrop_state: text("listen"),
            },
        ),
    ] {
        let sent = [vec![int(1_546_839_040_000_000)], sent].concat();
        for sent in [tuple(sent.clone()), list(sent)] {
            leg_with("state", sent, |leg, unclaimed| {
                let state = leg.state.as_ref().unwrap();
                assert_eq!(state.activity, expected);
                assert_eq!(state.since, Some(1_546_839_040_000_000));
                assert!(unclaimed.is_empty());
            });
        }
    }
    let sent = tuple([int(1), atom("dreaming"), int(2), atom("deep")]);
    leg_with("state", sent, |leg, _| {
        let Some(State {
            name,
            activity: Activity::Other(rest),
            ..
        }) = leg.state.clone()
        else {
            panic!("{:?}", leg.state);
        };
        assert_eq!(
            (&*name, format!("{rest:?}")),
            ("dreaming", "[2,deep]".to_owned())
        );
    });
    for nothing in [undefined(), tuple([]), list([])] {
        leg_with("state", nothing, |leg, unclaimed| {
            assert_eq!((&leg.state, unclaimed.len()), (&None, 0));
        });
    }
    for odd in [int(1), tuple([int(1)]), binary("bridged")] {
        leg_with("state", odd, |leg, unclaimed| {
            assert_eq!((&leg.state, unclaimed), (&None, ["state"].as_slice()));
        });
    }
}

fn calling<'a>(location: &'static str, to: Destination<'a>) -> Activity<'a> {
    Activity::Calling {
        location: Some(location.into()),
        to,
    }
}
