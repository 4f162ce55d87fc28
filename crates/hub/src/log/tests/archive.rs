use ::model::{Collection, EntityId, Position, Timestamp};

use super::support::{Place, archive, closed, second};
use crate::log::{Archival, Archived, Reader};

const CALLS: Collection = Collection::Calls;
const DAY: i64 = 86_400;

fn find(reader: &Reader, id: &str) -> Option<Archived> {
    reader.archived(CALLS, &EntityId::from_text(id)).unwrap()
}

fn revived(id: &str) -> Archival {
    Archival::Revived {
        collection: CALLS,
        id: EntityId::from_text(id),
    }
}

#[test]
fn closed_subjects_are_found_by_id_and_alias_after_a_restart_too() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let call = closed("hq:1", 7, 1, &["hq:one", "hq:eins"]);
    archive(&mut log, &[Archival::Closed(call.clone())]);
    let check = |reader: &Reader| {
        for id in ["hq:1", "hq:one", "hq:eins"] {
            assert_eq!(find(reader, id).as_ref(), Some(&call), "{id}");
        }
        assert_eq!(find(reader, "hq:2"), None);
        let other = EntityId::from_text("hq:1");
        assert_eq!(reader.archived(Collection::Cdrs, &other).unwrap(), None);
    };
    check(&reader);
    drop((log, reader));
    let (_log, reader) = place.open();
    check(&reader);
}

#[test]
fn a_later_event_replaces_what_was_archived() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let first = closed("hq:1", 7, 1, &["hq:one", "hq:eins"]);
    let amended = closed("hq:1", 9, 1, &["hq:one"]);
    archive(&mut log, &[Archival::Closed(first)]);
    archive(&mut log, &[Archival::Closed(amended.clone())]);
    assert_eq!(find(&reader, "hq:1").as_ref(), Some(&amended));
    assert_eq!(find(&reader, "hq:one").as_ref(), Some(&amended));
    assert_eq!(find(&reader, "hq:eins"), None);
    drop((log, reader));
    let (_log, reader) = place.open();
    assert_eq!(find(&reader, "hq:1"), Some(amended));
    assert_eq!(find(&reader, "hq:eins"), None);
}

#[test]
fn within_a_commit_the_order_counts() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let call = |position| Archival::Closed(closed("hq:1", position, 1, &["hq:one"]));
    archive(&mut log, &[call(1), revived("hq:1")]);
    assert_eq!(find(&reader, "hq:1"), None);
    assert_eq!(find(&reader, "hq:one"), None);
    archive(&mut log, &[call(2), revived("hq:1"), call(3), call(4)]);
    assert_eq!(find(&reader, "hq:one").unwrap().position, Position(4));
    archive(&mut log, &[revived("hq:1"), revived("hq:unknown")]);
    assert_eq!(find(&reader, "hq:1"), None);
    drop((log, reader));
    let (_log, reader) = place.open();
    assert_eq!(find(&reader, "hq:1"), None);
}

#[test]
fn an_alias_never_hides_a_subject_of_that_name() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let own = closed("hq:1", 1, 1, &[]);
    let other = closed("hq:2", 2, 1, &["hq:1", "hq:3"]);
    let late = closed("hq:3", 3, 1, &[]);
    archive(&mut log, &[Archival::Closed(own.clone())]);
    archive(&mut log, &[Archival::Closed(other.clone())]);
    archive(&mut log, &[Archival::Closed(late.clone())]);
    assert_eq!(find(&reader, "hq:1"), Some(own));
    assert_eq!(find(&reader, "hq:2"), Some(other));
    assert_eq!(find(&reader, "hq:3"), Some(late));
}

#[test]
fn the_latest_calls_come_first() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let subjects: Vec<_> = (1..=20)
        .map(|n| {
            let mut subject = closed(&format!("hq:{n}"), n, n as i64 * 10, &[]);
            if n % 4 == 0 {
                subject.collection = Collection::Recordings;
            }
            Archival::Closed(subject)
        })
        .collect();
    archive(&mut log, &subjects);
    let page = |before, since, limit| {
        let page = reader
            .archived_before(CALLS, before, second(since), limit)
            .unwrap();
        let positions: Vec<_> = page.items.iter().map(|item| item.position.0).collect();
        (positions, page.next)
    };
    let (first, next) = page(Position(u64::MAX), 0, 4);
    assert_eq!(first, [19, 18, 17, 15]);
    let (second, next) = page(next.unwrap(), 100, 4);
    assert_eq!(second, [14, 13, 11, 10]);
    assert_eq!(page(next.unwrap(), 100, 4), (vec![], None));
    assert_eq!(page(Position(4), 0, 100), (vec![3, 2, 1], None));
}

#[test]
fn the_archive_is_bounded_by_keys() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    for n in 1..=3_000 {
        let call = closed(&format!("hq:{n}"), n, 1, &[&format!("hq:alias-{n}")]);
        archive(&mut log, &[Archival::Closed(call)]);
    }
    let kept = |reader: &Reader| {
        let ids = 1..=3_000;
        let known: Vec<u64> = ids
            .filter(|n| find(reader, &format!("hq:alias-{n}")).is_some())
            .collect();
        assert_eq!(known.last(), Some(&3_000));
        known.len()
    };
    // 1,000 keys are two of each subject's.
    assert!((490..=500).contains(&kept(&reader)), "{}", kept(&reader));
    drop((log, reader));
    let (_log, reader) = place.open();
    assert!((490..=500).contains(&kept(&reader)));
}

#[test]
fn subjects_are_remembered_as_long_as_events_and_at_least_a_day() {
    for (hours, day) in [(72, 3), (1, 1)] {
        let mut place = Place::new();
        place.options.retention.age = std::time::Duration::from_hours(hours);
        let (mut log, reader) = place.open();
        let call = |n: u64| closed(&format!("hq:{n}"), n, n as i64 * DAY, &[]);
        let calls: Vec<_> = (1..=5).map(|n| Archival::Closed(call(n))).collect();
        archive(&mut log, &calls);
        log.maintain(Timestamp::from_secs(5 * DAY + 1)).unwrap();
        let known: Vec<u64> = (1..=5)
            .filter(|n| find(&reader, &format!("hq:{n}")).is_some())
            .collect();
        let expected: Vec<u64> = (5 - day + 1..=5).collect();
        assert_eq!(known, expected);
    }
}
