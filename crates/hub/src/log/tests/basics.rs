use std::{os::unix::fs::PermissionsExt, time::Duration};

use ::model::{Collection, EntityId, EventType, FrameId, Gap, Position, SourceId, Timestamp};
use bytes::Bytes;

use super::support::{ALL, Place, all_after, append, block, second};
use crate::{
    block::Key,
    log::{Commit, Domain, Entity, Frame, Limit, LogError, LoggedGap, Memo, Stop, SyncMode},
};

#[test]
fn what_was_appended_is_read() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    assert_eq!((log.next(), reader.head()), (Position(1), Position(0)));
    let blocks: Vec<_> = (0..5).map(|n| append(&mut log, 50 + n, 100, 7)).collect();
    let page = all_after(&reader, 0).unwrap();
    assert_eq!(page.blocks, blocks);
    assert!(page.end);
    assert_eq!(page.scanned_to, reader.head());
    assert_eq!(reader.head(), blocks[4].last());
    assert_eq!(reader.oldest(), Position(1));
}

#[test]
fn a_page_begins_with_the_block_in_which_its_position_lies() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let blocks: Vec<_> = (0..4).map(|_| append(&mut log, 10, 10, 7)).collect();
    assert_eq!(all_after(&reader, 15).unwrap().blocks, blocks[1..]);
    assert_eq!(all_after(&reader, 20).unwrap().blocks, blocks[2..]);
    assert_eq!(all_after(&reader, 40).unwrap().blocks, []);
    let back = |before| {
        let mut page = reader
            .page_back(Position(before), &ALL, &|_| true)
            .unwrap()
            .blocks;
        page.reverse();
        page
    };
    assert_eq!(back(u64::MAX), blocks);
    assert_eq!(back(15), blocks[..2]);
    assert_eq!(back(11), blocks[..1]);
    assert_eq!(back(12), blocks[..2]);
    assert_eq!(back(1), []);
    assert_eq!(
        reader.block_at(Position(20)).unwrap().as_ref(),
        Some(&blocks[1])
    );
    assert_eq!(reader.block_at(Position(41)).unwrap(), None);
    assert_eq!(reader.block_at(Position(0)).unwrap(), None);
}

#[test]
fn limits_end_a_page_but_not_before_its_first_block() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    for _ in 0..10 {
        append(&mut log, 10, 100, 7);
    }
    let count = |limit: Limit| {
        let page = reader.page(Position(5), &limit, &|_| true).unwrap();
        assert_eq!(page.scanned_to, page.blocks.last().unwrap().last());
        assert!(!page.end);
        page.blocks.len()
    };
    assert_eq!(count(Limit { events: 1, ..ALL }), 1);
    assert_eq!(count(Limit { events: 6, ..ALL }), 2);
    assert_eq!(count(Limit { bytes: 0, ..ALL }), 1);
    assert_eq!(
        count(Limit {
            time: Duration::ZERO,
            ..ALL
        }),
        1
    );
    let limit = Limit {
        time: Duration::ZERO,
        ..ALL
    };
    let page = reader.page(Position(5), &limit, &|_| false).unwrap();
    assert_eq!((page.blocks.len(), page.scanned_to), (0, Position(10)));
}

#[test]
fn summaries_never_deny_what_a_block_holds() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    for _ in 0..20 {
        append(&mut log, 13, 0, 7);
    }
    let blocks = all_after(&reader, 0).unwrap().blocks;
    for wanted in blocks.iter().flat_map(|block| &block.entries) {
        let page = reader
            .page(Position(0), &ALL, &|summary| {
                summary.has(wanted.kind)
                    && summary.types().contains(&wanted.kind)
                    && summary.recorded.contains(&wanted.recorded)
                    && wanted
                        .source
                        .as_ref()
                        .is_none_or(|source| summary.sources().contains(&source.as_str()))
                    && wanted
                        .tenant
                        .as_ref()
                        .is_none_or(|tenant| summary.tenants().contains(&&**tenant))
                    && summary.may_have(Domain::Subject, wanted.subject)
                    && wanted
                        .extensions
                        .iter()
                        .all(|key| summary.may_have(Domain::Extension, *key))
                    && wanted
                        .queues
                        .iter()
                        .all(|key| summary.may_have(Domain::Queue, *key))
            })
            .unwrap();
        let holds = |block: &std::sync::Arc<crate::block::Block>| block.entries.contains(wanted);
        assert!(page.blocks.iter().any(holds));
    }
}

#[test]
fn summaries_let_pages_pass_over_most_blocks() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    for _ in 0..500 {
        append(&mut log, 8, 0, 7);
    }
    let count = |wants: &dyn Fn(&crate::log::Summary<'_>) -> bool| {
        let page = reader.page(Position(0), &ALL, wants).unwrap();
        assert!(page.end);
        page.blocks.len()
    };
    let subject = Key::of("calls/1234");
    assert!((1..50).contains(&count(&|s| s.may_have(Domain::Subject, subject))));
    assert!(count(&|s| s.may_have(Domain::Subject, Key::of("calls/none"))) < 50);
    assert!(count(&|s| s.has(EventType::CallStarted)) < 100);
    assert_eq!(count(&|s| s.sources().contains(&"elsewhere")), 0);
}

#[test]
fn entities_and_memos_come_back_after_any_stop() {
    let place = Place::new();
    let entity = |id: &str, version, body: Option<&'static str>| Entity {
        collection: Collection::Extensions,
        id: EntityId::from_text(id),
        version,
        position: Position(version),
        body: body.map(Bytes::from),
    };
    let memo = |key: &str, value: Option<&'static str>| Memo {
        owner: "map/hq".into(),
        key: key.into(),
        value: value.map(Bytes::from),
    };
    let (mut log, _) = place.open();
    log.append(&Commit {
        memo: &[memo("a", Some("1")), memo("b", Some("1"))],
        entities: &[entity("hq:1", 1, Some("x")), entity("hq:2", 1, Some("y"))],
        ..Commit::default()
    })
    .unwrap();
    let blocks = [block(log.epoch(), 1, 3, 1, 1)];
    log.append(&Commit {
        blocks: &blocks,
        memo: &[memo("a", Some("2")), memo("b", None)],
        entities: &[entity("hq:1", 2, Some("z")), entity("hq:2", 2, None)],
        checkpoint: Some(Position(2)),
        ..Commit::default()
    })
    .unwrap();
    drop(log);
    for (machine, stop) in [("run 1", Stop::Process), ("run 1", Stop::Clean)] {
        let mut options = place.options.clone();
        options.machine = Some(machine.to_owned());
        let (log, reader) = crate::log::open(&options, [9; 8]).unwrap();
        assert_eq!(log.stop(), stop);
        let recovered = log.recovered().unwrap();
        assert_eq!(recovered.entities, [entity("hq:1", 2, Some("z"))]);
        assert_eq!(recovered.memo, [memo("a", Some("2"))]);
        assert_eq!(recovered.checkpoint, Position(2));
        assert_eq!(all_after(&reader, 2).unwrap().blocks, blocks);
        log.close().unwrap();
    }
}

#[test]
fn the_epoch_stays_and_the_boots_are_counted() {
    let place = Place::new();
    let (log, _) = place.open();
    let epoch = log.epoch();
    assert_eq!((log.boot(), log.stop()), (1, Stop::Never));
    log.close().unwrap();
    let (log, reader) = crate::log::open(&place.options, [77; 8]).unwrap();
    assert_eq!((log.boot(), log.stop()), (2, Stop::Clean));
    assert_eq!((log.epoch(), reader.epoch()), (epoch, epoch));
}

#[test]
fn times_lead_to_positions() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let at = |n| reader.resolve_time(second(n)).unwrap();
    assert_eq!(at(0), Position(0));
    for n in 1..=50 {
        append(&mut log, 4, 0, n * 10);
    }
    assert_eq!(at(0), Position(0));
    assert_eq!(at(10), Position(0));
    assert_eq!(at(11), Position(4));
    assert_eq!(at(250), Position(96));
    assert_eq!(at(500), Position(196));
    assert_eq!(at(501), Position(200));
    // The clock was set back: the first event that is late enough counts, not the first after the last that is not.
    append(&mut log, 4, 0, 100);
    append(&mut log, 4, 0, 600);
    assert_eq!(at(500), Position(196));
    assert_eq!(at(501), Position(204));
}

#[test]
fn frames_are_found_by_their_id() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let frame = |source: &str, boot, n: u64| Frame {
        id: FrameId {
            source: SourceId::new(source).unwrap(),
            boot,
            n,
        },
        recorded: second(1),
        bytes: Bytes::from(format!("{source} {boot} {n}")),
    };
    let frames = [
        frame("hq", 1, 1),
        frame("cph", 1, 1),
        frame("hq", 1, 4),
        frame("hq", 2, 1),
        frame("hq", 1, 2),
    ];
    for half in [&frames[..2], &frames[2..]] {
        log.append(&Commit {
            frames: half,
            ..Commit::default()
        })
        .unwrap();
    }
    for frame in &frames {
        assert_eq!(
            reader.frame(&frame.id).unwrap().as_ref(),
            Some(&frame.bytes)
        );
    }
    for id in [
        frame("hq", 1, 3).id,
        frame("hq", 3, 1).id,
        frame("x", 1, 1).id,
    ] {
        assert_eq!(reader.frame(&id).unwrap(), None, "{id}");
    }
}

#[test]
fn gaps_are_found_where_they_touch() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let hq = SourceId::new("hq").unwrap();
    let gap = |from, to| LoggedGap {
        source: hq.clone(),
        gap: Gap {
            from: second(from),
            to: second(to),
            reason: "reconnect".into(),
            reconciled: vec!["calls".into()],
            unknown: vec![],
            count: None,
        },
    };
    let gaps = [gap(10, 20), gap(30, 40), gap(35, 36)];
    log.append(&Commit {
        gaps: &gaps,
        ..Commit::default()
    })
    .unwrap();
    let found = |from, to| {
        let gaps = reader.gaps(&hq, second(from), second(to)).unwrap();
        gaps.iter().map(|gap| gap.from.secs()).collect::<Vec<_>>()
    };
    assert_eq!(found(0, 100), [10, 30, 35]);
    assert_eq!(found(20, 29), [10]);
    assert_eq!(found(38, 39), [30]);
    assert_eq!(found(21, 29), [0; 0]);
    let other = SourceId::new("cph").unwrap();
    assert_eq!(reader.gaps(&other, second(0), second(100)).unwrap(), []);
}

#[test]
fn a_block_must_follow() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    append(&mut log, 10, 10, 7);
    let foreign = ::model::Epoch::from_random([7; 8]);
    for wrong in [
        block(log.epoch(), 10, 1, 1, 1),
        block(foreign, 11, 1, 1, 1),
        block(log.epoch(), 11, 0, 1, 1),
    ] {
        let blocks = [wrong];
        let result = log.append(&Commit {
            blocks: &blocks,
            ..Commit::default()
        });
        assert!(
            matches!(result, Err(LogError::Misplaced { .. })),
            "{result:?}"
        );
    }
    assert_eq!(log.next(), Position(11));
    assert_eq!(reader.head(), Position(10));
}

#[test]
fn nobody_else_may_look() {
    let place = Place::new();
    let (mut log, _) = place.open();
    append(&mut log, 10, 10, 7);
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mode = place
            .beside(suffix)
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}

#[test]
fn a_second_opener_is_refused_until_the_first_is_gone() {
    let place = Place::new();
    let (log, reader) = place.open();
    assert!(matches!(place.try_open(), Err(LogError::Locked { .. })));
    drop(log);
    let (mut log, _) = place.open();
    append(&mut log, 1, 1, 1);
    // A reader of before still reads.
    assert_eq!(all_after(&reader, 0).unwrap().blocks.len(), 1);
}

#[test]
fn many_readers_share_few_connections() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            let reader = reader.clone();
            scope.spawn(move || {
                let mut after = 0;
                while after < 500 {
                    let page = all_after(&reader, after).unwrap();
                    for block in page.blocks {
                        assert_eq!(block.first(), Position(after + 1));
                        after = block.last().0;
                    }
                }
            });
        }
        for _ in 0..100 {
            append(&mut log, 5, 100, 7);
        }
    });
}

#[test]
fn synced_appends_are_read_like_others() {
    let mut place = Place::new();
    place.options.sync = SyncMode::Full;
    let (mut log, reader) = place.open();
    let block = append(&mut log, 10, 10, 7);
    assert_eq!(all_after(&reader, 0).unwrap().blocks, [block]);
    assert_eq!(
        reader.resolve_time(Timestamp::from_secs(8)).unwrap(),
        Position(10)
    );
}

#[test]
fn the_log_moves_to_its_thread_and_readers_are_shared() {
    fn moves<T: Send>(_: &T) {}
    fn is_shared<T: Clone + Send + Sync>(_: &T) {}
    let place = Place::new();
    let (log, reader) = place.open();
    moves(&log);
    is_shared(&reader);
}
