//! Of a leg: the related one, people outside, tags, origination.

use basix::wire::write::{atom, binary, int, list, tuple, undefined};

use crate::support::leg_with;

#[test]
fn the_related_leg_of_a_user_and_of_older_servers() {
    let user = vec![
        atom("user"),
        int(7),
        atom("outbound"),
        atom("internal"),
        binary("700-a"),
        int(1_546_839_040_000_000),
        int(8),
    ];
    leg_with("other_info", tuple(user.clone()), |leg, _| {
        let other = leg.other_info.clone().unwrap();
        assert_eq!((other.user_id, other.group_id), (Some(7), Some(8)));
        assert_eq!(
            (other.end_user, other.answer_timestamp, other.whoscall),
            (None, None, None)
        );
        assert_eq!(other.offer_timestamp, Some(1_546_839_040_000_000));
    });
    let answered = [user, vec![int(1_546_839_041_000_000)]].concat();
    leg_with("other_info", tuple(answered), |leg, _| {
        let other = leg.other_info.clone().unwrap();
        assert_eq!(other.answer_timestamp, Some(1_546_839_041_000_000));
        assert_eq!(other.whoscall, None);
    });
}

#[test]
fn people_outside_are_read_leniently() {
    let people = |text: &str| {
        let mut found = None;
        leg_with("end_user", binary(text), |leg, unclaimed| {
            assert!(unclaimed.is_empty());
            found = leg.end_user.as_ref().map(|person| {
                let names: Vec<String> = person
                    .contacts()
                    .map(|contact| contact.name.into_owned())
                    .collect();
                (person.count(), names)
            });
        });
        found
    };
    let one = |name: &str| Some((1, vec![name.to_owned()]));
    for nobody in ["", "*", "*****", " "] {
        assert_eq!(people(nobody), None, "{nobody:?}");
    }
    assert_eq!(people("1*100%*x**"), one("100%"));
    assert_eq!(people("1*%zz%4*x"), one("%zz%4"));
    assert_eq!(people("1*%E9*x"), one("é"));
    assert_eq!(people("1*a|b"), one("a|b"));
    assert_eq!(people("1*a+b%2Bc"), one("a b+c"));
    assert_eq!(people("1"), one(""));
    assert_eq!(
        people("_MANY_:x|1*a|2*b"),
        Some((2, vec!["a".into(), "b".into()]))
    );
    assert_eq!(people("_MANY_:9|1*a"), Some((9, vec!["a".into()])));
    assert_eq!(people("_MANY_:0"), Some((0, vec![])));
}

#[test]
fn tags_and_origination_are_unpacked() {
    for (sent, expected) in [
        (undefined(), vec![]),
        (list([]), vec![]),
        (binary(""), vec![]),
        (atom("auto_answer"), vec!["auto_answer"]),
        (binary(" a; ;b;"), vec!["a", "b"]),
    ] {
        leg_with("tags", sent, |leg, unclaimed| {
            assert!(leg.tags.iter().eq(expected.iter().copied()));
            assert!(unclaimed.is_empty());
        });
    }
    leg_with("origination", binary("app*a+b*%E6%B3%A2**"), |leg, _| {
        assert!(leg.origination.parts().eq(["app", "a+b", "波", "", ""]));
    });
    leg_with("origination", undefined(), |leg, _| {
        assert_eq!(leg.origination.parts().count(), 0);
    });
}
