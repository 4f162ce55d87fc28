//! The golden vectors: what the documents show, byte for byte.

use basix::wire::{self, Activity, Body, Change, Destination, Element, GroupMember, Message};

use crate::support::{channel, event, spec, vector};

#[test]
fn a_leg_that_calls_a_group() {
    let spec = spec("a1_field_spec_channel");
    assert_eq!(spec.element, Element::Channel);
    assert_eq!(spec.names().len(), 22);
    assert_eq!(spec.unknown().count(), 0);
    let frame = vector("a2_info_event_channel_calling");
    let (element, entity, change) = event(&frame);
    assert_eq!((element, change), (Element::Channel, Change::Updated));
    let entity = spec.entity(entity).unwrap();
    assert!(entity.unclaimed.is_empty(), "{:?}", entity.unclaimed);
    let leg = channel(&entity.body);
    assert_eq!(leg.direction.as_deref(), Some("inbound"));
    assert_eq!(leg.offer_timestamp, Some(1_546_839_040_024_071));
    assert_eq!(leg.answer_timestamp, None);
    let state = leg.state.as_ref().unwrap();
    assert_eq!(state.since, Some(1_546_839_040_035_125));
    assert_eq!(
        state.activity,
        Activity::Calling {
            location: Some("int".into()),
            to: Destination::Group {
                group_type: Some("ring".into()),
                id: Some(10_001_111),
                queue_id: Some("group1".into()),
            },
        }
    );
    let target = leg.target.as_ref().unwrap();
    assert_eq!(target.kind.as_deref(), Some("group"));
    assert_eq!(target.id, Some(10_001_111));
    assert_eq!(target.address.as_deref(), Some("05068680001"));
    let caller = leg.end_user.as_ref().unwrap();
    assert_eq!(caller.count(), 1);
    let contact = caller.contacts().next().unwrap();
    assert_eq!(contact.id, "12345678");
    assert_eq!(contact.name, "波也 太郎");
    assert_eq!(contact.organization, "Thimble Theatre");
    assert_eq!(contact.avatar, "");
    assert_eq!(contact.prefecture, "Tokyo");
    assert!(leg.tags.iter().eq(["monitoring_required", "auto_answer"]));
    assert!(leg.tags.contains("auto_answer"));
    assert_eq!(leg.last_event.as_deref(), Some("STATE_CHANGE"));
    assert_eq!(leg.call_id.as_deref(), Some("a84b4c76e66710@203.0.113.9"));
}

#[test]
fn an_entity_is_json_by_the_names_of_its_fields() {
    let spec = spec("a5_field_spec_channel_waiting");
    let frame = vector("a5_info_event_channel_waiting_park");
    let (_, entity, _) = event(&frame);
    let entity = spec.entity(entity).unwrap();
    assert_eq!(
        serde_json::to_string(&entity).unwrap(),
        concat!(
            r#"{"uuid":"5714495a-b8a1-4fff-8420-78648863ecd1","direction":"inbound","peer_location":"external","#,
            r#""calling_name":"0312341234","calling_number":"0312341234","called_number":"10001111","#,
            r#""offer_timestamp":1546839040024071,"user_id":null,"#,
            r#""state":[1546839050549316,"park",901,"1001-a",10001001,"user1"],"target":null,"#,
            r#""end_user":"12345678*Olive*TT**","whoscall":null}"#
        )
    );
    assert_eq!(
        entity.get("direction").unwrap().text().as_deref(),
        Some("inbound")
    );
    assert_eq!(entity.get("nothing"), None);
    assert_eq!(
        format!("{:?}", entity.get("state").unwrap()),
        r#"{1546839050549316,park,901,<<"1001-a">>,10001001,<<"user1">>}"#
    );
    let state = channel(&entity.body).state.clone().unwrap();
    assert_eq!(
        state.activity,
        Activity::Park {
            slot: Some("901".into()),
            terminal_name: Some("1001-a".into()),
            parker_id: Some(10_001_001),
            parker_name: Some("user1".into()),
        }
    );
}

#[test]
fn the_related_leg_and_several_people_behind_a_number() {
    let spec = spec("a1_field_spec_channel");
    let frame = vector("a3_info_event_channel_bridged");
    let (_, entity, _) = event(&frame);
    let entity = spec.entity(entity).unwrap();
    let leg = channel(&entity.body);
    assert_eq!(leg.state.as_ref().unwrap().activity, Activity::Bridged);
    let other = leg.other_info.as_ref().unwrap();
    assert_eq!(other.kind.as_deref(), Some("end_user"));
    assert_eq!(other.address.as_deref(), Some("0312341234"));
    assert_eq!(other.offer_timestamp, Some(1_546_839_040_024_071));
    assert_eq!((other.group_id, other.answer_timestamp), (None, None));
    let whoscall = wire::percent_decode(other.whoscall.as_deref().unwrap());
    assert_eq!(whoscall, r#"{"name":"Shop"}"#);
    let people = other.end_user.as_ref().unwrap();
    assert_eq!(people.count(), 3);
    let people: Vec<_> = people.contacts().collect();
    assert_eq!(people.len(), 2);
    assert_eq!((&*people[0].name, &*people[0].avatar), ("Olive", "a.png"));
    assert_eq!(
        (&*people[1].name, &*people[1].prefecture),
        ("Popeye*S", "Kyoto")
    );
}

#[test]
fn a_leg_that_ends() {
    let spec = spec("a1_field_spec_channel");
    let frame = vector("a4_info_event_channel_removed");
    let (_, entity, change) = event(&frame);
    assert_eq!(change, Change::Removed);
    let entity = spec.entity(entity).unwrap();
    let leg = channel(&entity.body);
    assert_eq!(leg.last_event.as_deref(), Some("CHANNEL_HANGUP"));
    assert_eq!(
        leg.last_event_data.as_deref(),
        Some("recv_bye,NORMAL_CLEARING")
    );
    assert_eq!(leg.hangup_timestamp, Some(1_546_839_105_000_000));
}

#[test]
fn users_groups_members_phones_and_the_domain() {
    let bodies = |spec_name: &str, name: &str, with: &mut dyn FnMut(&[Body<'_>])| {
        let spec = spec(spec_name);
        let frame = vector(name);
        let entities = match wire::decode(&frame).unwrap() {
            Message::InitialInfo { entities, .. } => entities.collect(),
            Message::InfoEvent { entity, .. } => vec![entity],
            other => panic!("{other:?}"),
        };
        let entities: Vec<_> = entities
            .into_iter()
            .map(|entity| spec.entity(entity).unwrap())
            .inspect(|entity| assert!(entity.unclaimed.is_empty(), "{:?}", entity.unclaimed))
            .map(|entity| entity.body)
            .collect();
        with(&entities);
    };
    bodies("a6_field_spec_user", "a6_initial_info_user", &mut |users| {
        let [Body::User(admin), Body::User(user)] = users else {
            panic!("{users:?}");
        };
        assert_eq!((admin.id, admin.role), (Some(10_001_000), Some(100)));
        assert_eq!(admin.label.as_deref(), Some("ユーザ・10001000"));
        assert_eq!(admin.mwi.as_deref(), Some(""));
        assert_eq!((&user.followme, user.flags), (&None, Some(1024)));
        assert_eq!(user.main_extension.as_deref(), Some("1001"));
        assert_eq!(user.mwi.as_deref(), Some("1/3"));
    });
    bodies("field_spec_group", "initial_info_group", &mut |groups| {
        let [Body::Group(ring), Body::Group(hunt)] = groups else {
            panic!("{groups:?}");
        };
        assert_eq!((ring.kind, hunt.kind), (Some(0), Some(1)));
        assert_eq!((ring.queue, ring.check_login_status), (Some(1), Some(1)));
        assert_eq!(ring.label.as_deref(), Some("営業"));
        assert_eq!(ring.mwi.as_deref(), Some(""));
        assert_eq!(hunt.label.as_deref(), Some("café"));
    });
    bodies(
        "field_spec_group_member",
        "info_event_group_member",
        &mut |members| {
            let [Body::GroupMember(member)] = members else {
                panic!("{members:?}");
            };
            let expected = GroupMember {
                id: Some(110_001_001),
                group_id: Some(10_001_111),
                user_id: Some(10_001_001),
                priority: Some(0),
                login_status: Some(1),
                role: Some(0),
            };
            assert_eq!(*member, expected);
            assert_eq!(member.key().as_deref(), Some("110001001"));
            let nameless = GroupMember {
                id: None,
                ..expected
            };
            assert_eq!(nameless.key().as_deref(), Some("10001001:10001111"));
        },
    );
    bodies(
        "field_spec_terminal",
        "initial_info_terminal",
        &mut |phones| {
            let [Body::Terminal(a), Body::Terminal(b)] = phones else {
                panic!("{phones:?}");
            };
            assert_eq!((a.registered, b.registered), (Some(true), Some(false)));
            assert_eq!(
                (a.id.as_deref(), b.user_agent.as_deref()),
                (Some("1"), None)
            );
        },
    );
    bodies("field_spec_domain", "initial_info_domain", &mut |domains| {
        let [Body::Domain(domain)] = domains else {
            panic!("{domains:?}");
        };
        assert_eq!(domain.name.as_deref(), Some("test1.com"));
        assert_eq!(domain.status, Some(0));
    });
}

#[test]
fn a_snapshot_of_nothing_in_both_spellings() {
    for name in ["initial_info_empty", "initial_info_empty_plain"] {
        let frame = vector(name);
        let Message::InitialInfo { element, entities } = wire::decode(&frame).unwrap() else {
            panic!("{name}");
        };
        assert_eq!((element, entities.len()), (Element::Channel, 0), "{name}");
    }
}
