use std::fs;

use ::model::{Cursor, Epoch, Position};

use super::support::{Place, all_after, append, second};
use crate::log::{Log, Lost, Reader, Reason, Resume, Stop, SyncMode};

fn reset(reader: &Reader, position: u64) -> Option<Reason> {
    match reader.resume(reader.epoch().at(Position(position))) {
        Resume::At(at) => {
            assert_eq!(at, Position(position));
            None
        }
        Resume::Reset {
            reason,
            oldest,
            newest,
        } => {
            assert_eq!((oldest, newest), (reader.oldest(), reader.head()));
            Some(reason)
        }
    }
}

/// What a power cut leaves of the log: the machine has another name when it is back.
fn power_cut(place: &mut Place, log: Log, machine: &str) -> (Log, Reader) {
    drop(log);
    place.options.machine = Some(machine.to_owned());
    place.open()
}

fn lost(first: u64, last: u64) -> Stop {
    Stop::Machine {
        lost: Some(Lost {
            first: Position(first),
            last: Position(last),
        }),
    }
}

#[test]
fn a_kill_loses_no_positions() {
    let place = Place::new();
    let (mut log, _) = place.open();
    append(&mut log, 10, 1, 1);
    drop(log);
    let (log, reader) = place.open();
    assert_eq!((log.stop(), log.next()), (Stop::Process, Position(11)));
    assert_eq!(reset(&reader, 10), None);
    assert_eq!(reset(&reader, 11), Some(Reason::Ahead));
}

#[test]
fn after_a_power_cut_no_position_is_given_twice() {
    let mut place = Place::new();
    let (mut log, _) = place.open();
    append(&mut log, 10, 1, 1);
    let (mut log, reader) = power_cut(&mut place, log, "run 2");
    // 1,000 are set aside from the first event that needed it.
    assert_eq!(log.stop(), lost(11, 1010));
    assert_eq!((log.next(), reader.head()), (Position(1011), Position(10)));
    for (position, reason) in [
        (10, None),
        (11, Some(Reason::Lost)),
        (1010, Some(Reason::Lost)),
        (1011, Some(Reason::Ahead)),
    ] {
        assert_eq!(reset(&reader, position), reason, "{position}");
    }
    let block = append(&mut log, 10, 1, 1);
    assert_eq!(block.first(), Position(1011));
    assert_eq!(all_after(&reader, 10).unwrap().blocks, [block]);
    assert_eq!(reset(&reader, 1011), None);
    assert_eq!(reset(&reader, 500), Some(Reason::Lost));
    // A time leads to a position that can be resumed, not to one that was lost.
    assert_eq!(reader.resolve_time(second(1)).unwrap(), Position(0));
    append(&mut log, 1, 1, 9);
    assert_eq!(reader.resolve_time(second(9)).unwrap(), Position(1020));
    log.close().unwrap();
    let (log, reader) = place.open();
    assert_eq!((log.stop(), log.next()), (Stop::Clean, Position(1022)));
    assert_eq!(reset(&reader, 500), Some(Reason::Lost));
}

#[test]
fn the_first_event_after_a_power_cut_is_found_by_its_time() {
    let mut place = Place::new();
    let (mut log, _) = place.open();
    append(&mut log, 10, 1, 1);
    let (mut log, reader) = power_cut(&mut place, log, "run 2");
    append(&mut log, 10, 1, 9);
    assert_eq!(reader.resolve_time(second(9)).unwrap(), Position(10));
}

#[test]
fn power_cuts_in_a_row_set_aside_no_more_than_one() {
    let mut place = Place::new();
    let (mut log, _) = place.open();
    append(&mut log, 10, 1, 1);
    let (log, _) = power_cut(&mut place, log, "run 2");
    let (log, _) = power_cut(&mut place, log, "run 3");
    assert_eq!(log.stop(), lost(11, 1010));
    let (mut log, reader) = power_cut(&mut place, log, "run 4");
    append(&mut log, 5, 1, 1);
    let (log, after) = power_cut(&mut place, log, "run 5");
    assert_eq!(log.stop(), lost(1016, 2015));
    for position in [11, 1010, 1016, 2015] {
        assert_eq!(reset(&after, position), Some(Reason::Lost), "{position}");
    }
    assert_eq!(reset(&after, 1012), None);
    drop(reader);
}

#[test]
fn the_ceiling_is_raised_before_it_is_reached() {
    let mut place = Place::new();
    let (mut log, _) = place.open();
    for _ in 0..30 {
        append(&mut log, 100, 1, 1);
    }
    let (log, _) = power_cut(&mut place, log, "run 2");
    let Stop::Machine { lost: Some(lost) } = log.stop() else {
        panic!("{:?}", log.stop());
    };
    assert_eq!(lost.first, Position(3001));
    assert!(lost.last > Position(3001));
    assert_eq!(log.next(), Position(lost.last.0 + 1));
}

#[test]
fn a_machine_that_has_no_name_may_have_died() {
    let mut place = Place::new();
    place.options.machine = None;
    let (mut log, _) = place.open();
    append(&mut log, 10, 1, 1);
    drop(log);
    let (log, _) = place.open();
    assert_eq!(log.stop(), lost(11, 1010));
}

#[test]
fn what_is_synced_is_not_lost_with_the_machine() {
    let mut place = Place::new();
    place.options.sync = SyncMode::Full;
    let (mut log, _) = place.open();
    append(&mut log, 10, 1, 1);
    let (log, _) = power_cut(&mut place, log, "run 2");
    assert_eq!(log.stop(), Stop::Machine { lost: None });
    assert_eq!(log.next(), Position(11));
}

#[test]
fn a_new_log_lost_nothing() {
    let mut place = Place::new();
    let (log, _) = place.open();
    let (log, reader) = power_cut(&mut place, log, "run 2");
    assert_eq!(log.stop(), Stop::Machine { lost: None });
    assert_eq!((log.next(), reader.head()), (Position(1), Position(0)));
    assert_eq!(reset(&reader, 0), None);
}

#[test]
fn cursors_of_other_logs_are_told() {
    let place = Place::new();
    let (_log, reader) = place.open();
    let cursor = Cursor {
        epoch: Epoch::from_random([99; 8]),
        position: Position(0),
    };
    assert!(matches!(
        reader.resume(cursor),
        Resume::Reset {
            reason: Reason::Epoch,
            ..
        }
    ));
    assert_eq!(reset(&reader, u64::MAX), Some(Reason::Ahead));
}

#[test]
fn whatever_the_disk_kept_of_the_journal_no_position_is_given_twice() {
    let mut place = Place::new();
    place.options.reserve = 100;
    place.options.journal = 1 << 30;
    let (mut log, _) = place.open();
    let journal = |place: &Place| fs::read(place.beside("-wal")).unwrap();
    // The disk has at least what it had when it was last waited for.
    let mut synced = journal(&place).len();
    for n in 0..40 {
        let ceiling = log.ledger.ceiling;
        append(&mut log, 10, 50, n);
        if log.ledger.ceiling != ceiling {
            synced = journal(&place).len();
        }
        if n % 3 != 0 {
            continue;
        }
        let journal = journal(&place);
        for kept in (synced..=journal.len()).step_by(5_000) {
            let mut after = Place::new();
            fs::copy(&place.options.path, &after.options.path).unwrap();
            fs::write(after.beside("-wal"), &journal[..kept]).unwrap();
            after.options.machine = Some("run 2".to_owned());
            let (restarted, reader) = after.open();
            assert!(restarted.next() >= log.next(), "{n} {kept}");
            let last = log.next().0 - 1;
            let seen = reset(&reader, last);
            let whole = reader.head().0 == last;
            assert_eq!(seen, (!whole).then_some(Reason::Lost), "{n} {kept}");
        }
    }
}
