//! What the vendor's JavaScript client expects of a PBX (`basix_ws_cti` 1.4.0), held against what the simulator says: a
//! client developed against the simulator must not find another PBX later.
//!
//! The reader here is as strict as that client: it errs where the client throws, and where it silently loses something.

mod bert;
mod client;

use std::{collections::BTreeMap, time::Duration};

use adapter::truth::Stage as _;
use basix::sim::{Profile, Stage};
use bytes::Bytes;

use client::Client;

const START: i64 = 1_774_000_000_000_000;
const DAY: Duration = Duration::from_secs(900);

#[test]
fn the_client_reads_all_that_the_simulator_says() {
    for (seed, habit) in (1..).zip([
        Profile::default(),
        Profile {
            bare_removals: true,
            ..Profile::default()
        },
        Profile {
            shuffle: false,
            ..Profile::default()
        },
        Profile {
            no_channel_waiting: true,
            extra_fields: vec!["birthday".to_owned()],
            ..Profile::default()
        },
    ]) {
        let profile = Profile {
            seed,
            calls_per_s: 1.5,
            ..habit
        };
        let mut client = Client::default();
        for frame in a_day(&profile) {
            client.hear(&frame).unwrap_or_else(|error| {
                panic!("{error}: {:?}", basix::wire::scan(&frame));
            });
        }
        // It has seen enough to say so.
        let heard = |what: &str| client.heard.get(what).copied().unwrap_or(0);
        for event in ["added", "updated", "removed"] {
            assert!(
                heard(&format!("channel {event}")) > 500,
                "{event}: {:?}",
                client.heard
            );
        }
        for state in [
            "calling",
            "bridged",
            "park",
            "ivr",
            "voicemail",
            "conference",
            "eavesdrop",
        ] {
            assert!(heard(state) > 0, "{state}: {:?}", client.heard);
        }
        assert_eq!(client.left(), 0, "legs that never end");
    }
}

/// Each of these is something that client cannot bear, which is why a real PBX does not do it. The simulator can.
#[test]
fn habits_that_the_client_cannot_bear_are_found() {
    for (profile, complaint) in [
        (
            Profile {
                names_as_atoms: true,
                ..Profile::default()
            },
            "charlist",
        ),
        (
            Profile {
                utf8_atoms: true,
                ..Profile::default()
            },
            "Unexpected BERT type",
        ),
    ] {
        let mut client = Client::default();
        let frames = a_day(&profile);
        let error = frames.iter().find_map(|frame| client.hear(frame).err());
        let error = error.unwrap();
        assert!(error.contains(complaint), "{error}");
    }
    // It throws on these.
    for (frame, complaint) in [
        (b"\x83\x61\x01\xde".as_slice(), "Invalid BERT"),
        (b"\x82\x61\x01", "Not a valid BERT"),
        (b"\x83\x50\x00\x00\x00\x01\x78", "Unexpected BERT type"),
        (b"\x83\x69\x00\x00\x00\x00", "LARGE_TUPLE"),
        (b"\x83\x6b\x81\x00", "length"),
    ] {
        let error = Client::default().hear(frame).unwrap_err();
        assert!(error.contains(complaint), "{error}");
    }
}

/// All that the simulator says from the moment a client connects, until nobody calls any more.
fn a_day(profile: &Profile) -> Vec<Bytes> {
    let mut stage = Stage::new(profile, START);
    let mut frames = Vec::new();
    stage.connect(&mut frames);
    let mut begun = true;
    while let Some(next) = stage.poll_timeout() {
        if begun && next > DAY {
            stage.last_orders();
            begun = false;
        }
        if next > DAY * 4 {
            break;
        }
        stage.advance(next, &mut frames);
    }
    frames
}

/// How often something was heard.
type Heard = BTreeMap<String, u64>;
