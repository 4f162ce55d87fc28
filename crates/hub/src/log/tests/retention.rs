use std::time::Duration;

use ::model::{FrameId, Gap, Position, SourceId};
use bytes::Bytes;

use super::support::{ALL, Place, all_after, append, block, second};
use crate::log::{
    Commit, Frame, Log, LogError, LoggedGap, Reader, Reason, Resume, Retention, SyncMode,
};

const HOUR: i64 = 3_600;

fn stored(reader: &Reader) -> usize {
    let blocks = all_after(reader, reader.earliest().0).unwrap().blocks;
    assert_eq!(
        blocks.first().map_or(reader.head(), |block| block.first()),
        reader.oldest()
    );
    blocks.iter().map(|block| block.body.len()).sum()
}

#[test]
fn a_log_is_kept_to_its_bytes_while_it_grows() {
    let mut place = Place::new();
    place.options.retention.bytes = 0;
    let (mut log, reader) = place.open();
    for n in 0..200 {
        append(&mut log, 20, 1_000, n);
        assert!(stored(&reader) as u64 <= Retention::LEAST, "{n}");
    }
    assert!(stored(&reader) as u64 > Retention::LEAST - 100_000);
    drop(log);
    let (mut log, reader) = place.open();
    append(&mut log, 20, 1_000, 300);
    assert!(stored(&reader) as u64 <= Retention::LEAST);
}

#[test]
fn small_blocks_make_room_for_large_ones() {
    let mut place = Place::new();
    place.options.retention.bytes = 0;
    let (mut log, reader) = place.open();
    for n in 0..1_200 {
        append(&mut log, 1, 800, n);
    }
    for n in 0..20 {
        append(&mut log, 200, 800, 2_000 + n);
    }
    assert!(stored(&reader) as u64 <= Retention::LEAST);
}

#[test]
fn a_block_goes_when_its_newest_event_is_too_old() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    for n in 0..10 {
        append(&mut log, 3, 10, n * HOUR);
    }
    append(&mut log, 3, 10, 75 * HOUR);
    // At 75 h, what was received before 3 h goes.
    assert_eq!(reader.oldest(), Position(10));
    assert_eq!(reader.earliest(), Position(9));
    assert!(!log.maintain(second(78 * HOUR)).unwrap());
    assert_eq!(reader.oldest(), Position(19));
    log.maintain(second(200 * HOUR)).unwrap();
    assert_eq!(all_after(&reader, 33).unwrap().blocks, []);
    assert_eq!(
        (reader.oldest(), reader.earliest(), reader.head()),
        (Position(33), Position(33), Position(33))
    );
    drop(log);
    let (mut log, reader) = place.open();
    assert_eq!(log.next(), Position(34));
    assert_eq!(reader.head(), Position(33));
    append(&mut log, 3, 10, 200 * HOUR);
    assert_eq!(reader.oldest(), Position(34));
}

#[test]
fn maintenance_says_when_there_is_more() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let mut blocks = Vec::new();
    for n in 1..=6_000 {
        blocks.push(block(log.epoch(), n, 1, 1, 1));
    }
    log.append(&Commit {
        blocks: &blocks,
        checkpoint: Some(Position(6_000)),
        ..Commit::default()
    })
    .unwrap();
    assert!(log.maintain(second(100 * HOUR)).unwrap());
    assert!(reader.oldest() > Position(1));
    while log.maintain(second(100 * HOUR)).unwrap() {}
    assert_eq!(reader.earliest(), Position(6_000));
}

#[test]
fn what_a_restart_needs_is_never_deleted() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    for n in 0..10 {
        let blocks = [block(log.epoch(), log.next().0, 10, 10, n)];
        log.append(&Commit {
            blocks: &blocks,
            checkpoint: (n == 4).then_some(Position(35)),
            ..Commit::default()
        })
        .unwrap();
    }
    log.maintain(second(1_000 * HOUR)).unwrap();
    // Position 35 lies within the block 31..=40.
    assert_eq!(reader.oldest(), Position(31));
    assert_eq!(all_after(&reader, 35).unwrap().blocks.len(), 7);
}

#[test]
fn a_page_from_what_is_gone_is_an_error_and_no_partial_answer() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    append(&mut log, 10, 10, 1);
    append(&mut log, 10, 10, 100 * HOUR);
    assert_eq!(reader.earliest(), Position(10));
    match all_after(&reader, 9) {
        Err(LogError::Expired { after, oldest }) => {
            assert_eq!((after, oldest), (Position(9), Position(11)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(all_after(&reader, 10).unwrap().blocks.len(), 1);
    let at = |n| reader.resume(reader.epoch().at(Position(n)));
    assert_eq!(at(10), Resume::At(Position(10)));
    assert_eq!(
        at(9),
        Resume::Reset {
            reason: Reason::Expired,
            oldest: Position(11),
            newest: Position(20)
        }
    );
    let back = reader.page_back(Position(21), &ALL, &|_| true).unwrap();
    assert!(back.end);
    assert_eq!(back.blocks.len(), 1);
    assert_eq!(reader.block_at(Position(5)).unwrap(), None);
    assert_eq!(reader.resolve_time(second(0)).unwrap(), Position(10));
}

#[test]
fn lost_positions_are_forgotten_with_their_surroundings() {
    let mut place = Place::new();
    let (mut log, _) = place.open();
    append(&mut log, 10, 10, 1);
    drop(log);
    place.options.machine = Some("run 2".to_owned());
    let (mut log, reader) = place.open();
    append(&mut log, 10, 10, 2);
    append(&mut log, 10, 10, 100 * HOUR);
    let reason = |reader: &Reader| match reader.resume(reader.epoch().at(Position(500))) {
        Resume::Reset { reason, .. } => reason,
        Resume::At(at) => panic!("{at:?}"),
    };
    assert_eq!(reason(&reader), Reason::Expired);
    drop(log);
    let (_log, reader) = place.open();
    assert_eq!(reason(&reader), Reason::Expired);
}

#[test]
fn frames_are_a_ring() {
    let mut place = Place::new();
    place.options.frames = 100_000;
    let (mut log, reader) = place.open();
    let id = |n| FrameId {
        source: SourceId::new("hq").unwrap(),
        boot: 1,
        n,
    };
    let write = |log: &mut Log, n| {
        let frame = Frame {
            id: id(n),
            recorded: second(n as i64),
            bytes: Bytes::from(vec![n as u8; 1_000]),
        };
        log.append(&Commit {
            frames: &[frame],
            ..Commit::default()
        })
        .unwrap();
    };
    let kept = |reader: &Reader| {
        (1..=300)
            .filter(|n| reader.frame(&id(*n)).unwrap().is_some())
            .collect::<Vec<u64>>()
    };
    for n in 1..=200 {
        write(&mut log, n);
    }
    assert_eq!(kept(&reader), (102..=200).collect::<Vec<_>>());
    drop(log);
    let (mut log, reader) = place.open();
    for n in 201..=210 {
        write(&mut log, n);
    }
    assert_eq!(kept(&reader), (112..=210).collect::<Vec<_>>());
    log.maintain(second(1_000 * HOUR)).unwrap();
    assert_eq!(kept(&reader), [0; 0]);
}

#[test]
fn gaps_go_with_the_events_they_lie_between() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let hq = SourceId::new("hq").unwrap();
    let gaps = [1, 50].map(|hour| LoggedGap {
        source: hq.clone(),
        gap: Gap {
            from: second(hour * HOUR),
            to: second(hour * HOUR + 5),
            reason: "reconnect".into(),
            reconciled: vec![],
            unknown: vec![],
            count: None,
        },
    });
    log.append(&Commit {
        gaps: &gaps,
        ..Commit::default()
    })
    .unwrap();
    log.maintain(second(100 * HOUR)).unwrap();
    let left = reader.gaps(&hq, second(0), second(100 * HOUR)).unwrap();
    assert_eq!(left, [gaps[1].gap.clone()]);
}

#[test]
fn readers_and_retention_do_not_disturb_each_other() {
    let mut place = Place::new();
    place.options.retention = Retention {
        age: Duration::from_hours(72),
        bytes: 0,
    };
    place.options.sync = SyncMode::Normal;
    let (mut log, reader) = place.open();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let reader = reader.clone();
                scope.spawn(move || {
                    let (mut after, mut resets) = (0, 0);
                    while after < 10_000 {
                        match all_after(&reader, after) {
                            Ok(page) => {
                                for block in page.blocks {
                                    // Whatever was deleted meanwhile: nothing is skipped in silence.
                                    assert!(block.first().0 <= after + 1);
                                    after = block.last().0;
                                }
                            }
                            Err(LogError::Expired { .. }) => {
                                after = reader.earliest().0;
                                resets += 1;
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                    resets
                })
            })
            .collect();
        for n in 0..500 {
            append(&mut log, 20, 1_000, n);
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert_eq!(reader.head(), Position(10_000));
}
