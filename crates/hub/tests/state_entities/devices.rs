//! Devices, trunks, users and voicemail.

use model::{
    Fact, Native, Observation, Presence, PresenceStatus, TrunkState,
    observation::{DevicePatch, Ref, Registration, UserPatch},
};

use crate::state_bench::Bench;

#[test]
fn devices_trunks_users_and_voicemail() {
    let mut bench = Bench::new();
    let device = |registration| {
        let fact = Fact::Device {
            key: "sip:101@10.0.0.1".into(),
            registration,
            patch: Box::new(DevicePatch {
                extension: Some(Ref::number("101")),
                ..DevicePatch::default()
            }),
        };
        Observation::native("register", fact)
    };
    assert_eq!(
        bench.tell(vec![device(Registration::Registered)]),
        ["extension.updated", "device.registered"]
    );
    assert!(
        bench
            .tell(vec![device(Registration::Registered)])
            .is_empty()
    );
    let gone = vec![device(Registration::Unregistered)];
    assert_eq!(bench.tell(gone.clone()), ["device.unregistered"]);
    assert!(bench.tell(gone).is_empty());

    let trunk = |state| {
        let fact = Fact::Trunk {
            at: Ref::number("carrier"),
            state,
            address: None,
            native: Native::new(),
        };
        Observation::native("trunk", fact)
    };
    let up = vec![trunk(TrunkState::Connected)];
    assert_eq!(bench.tell(up.clone()), ["trunk.connected"]);
    assert!(bench.tell(up).is_empty());
    let down = vec![trunk(TrunkState::Disconnected)];
    assert_eq!(bench.tell(down), ["trunk.disconnected"]);

    let user = |status| {
        let patch = UserPatch {
            presence: Some(Presence {
                status,
                note: None,
                until: None,
                native: None,
            }),
            ..UserPatch::default()
        };
        let fact = Fact::User {
            key: "u".into(),
            action: None,
            patch: Box::new(patch),
        };
        Observation::native("presence", fact)
    };
    let away = vec![user(PresenceStatus::Away)];
    assert_eq!(bench.tell(away.clone()), ["user.presence_changed"]);
    assert!(bench.tell(away).is_empty());

    let voicemail = |present, read| {
        let fact = Fact::Voicemail {
            key: "101/1".into(),
            mailbox: "101".into(),
            present,
            read,
            caller: None,
            duration_ms: None,
            counters: None,
        };
        Observation::native("voicemail", fact)
    };
    let kinds: Vec<_> = [
        (true, None),
        (true, Some(true)),
        (false, None),
        (true, None),
    ]
    .into_iter()
    .flat_map(|(present, read)| {
        bench.secs(100);
        bench.tell(vec![voicemail(present, read)])
    })
    .collect();
    assert_eq!(
        kinds,
        ["voicemail.received", "voicemail.read", "voicemail.deleted"]
    );
}
