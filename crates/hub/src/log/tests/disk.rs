use ::model::{Collection, EntityId, Position};
use bytes::Bytes;

use super::support::{Place, all_after, append, block, closed};
use crate::log::{Archival, Commit, Entity, LogError, Memo};

#[test]
fn a_commit_that_found_no_room_leaves_nothing_and_may_be_tried_again() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let before = append(&mut log, 10, 100, 1);
    let pages: i64 = log
        .db
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    let limit = |log: &crate::log::Log, pages: i64| {
        log.db
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            .unwrap();
    };
    limit(&log, pages + 4);
    let blocks = [
        block(log.epoch(), 11, 5, 10, 2),
        block(log.epoch(), 16, 100, 1_000, 2),
    ];
    let commit = Commit {
        blocks: &blocks,
        memo: &[Memo {
            owner: "state".into(),
            key: "a".into(),
            value: Some(Bytes::from_static(b"1")),
        }],
        archive: &[Archival::Closed(closed("hq:1", 12, 2, &[]))],
        entities: &[Entity {
            collection: Collection::Calls,
            id: EntityId::from_text("hq:1"),
            version: 1,
            position: Position(11),
            body: Some(Bytes::from_static(b"{}")),
        }],
        ..Commit::default()
    };
    let id = EntityId::from_text("hq:1");
    for _ in 0..3 {
        let result = log.append(&commit);
        assert!(matches!(result, Err(LogError::Full { .. })), "{result:?}");
        assert_eq!(
            all_after(&reader, 0).unwrap().blocks,
            std::slice::from_ref(&before)
        );
        assert_eq!((log.next(), reader.head()), (Position(11), Position(10)));
        assert_eq!(reader.archived(Collection::Calls, &id).unwrap(), None);
        assert_eq!(log.recovered().unwrap().entities, []);
        assert_eq!(log.recovered().unwrap().memo, []);
    }
    limit(&log, 1 << 20);
    log.append(&commit).unwrap();
    assert_eq!(all_after(&reader, 10).unwrap().blocks, blocks);
    assert!(reader.archived(Collection::Calls, &id).unwrap().is_some());
    drop((log, reader));
    let (log, reader) = place.open();
    assert_eq!(all_after(&reader, 10).unwrap().blocks, blocks);
    assert_eq!(log.recovered().unwrap().entities.len(), 1);
}

#[test]
fn the_journal_stays_bounded_while_appends_and_reads_go_on() {
    let mut place = Place::new();
    place.options.journal = 1 << 20;
    let (mut log, reader) = place.open();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                all_after(&reader, reader.head().0.saturating_sub(1_000)).unwrap();
            }
        });
        let (mut written, mut longest) = (0, 0);
        while written < 64 << 20 {
            let block = append(&mut log, 100, 2_000, 1);
            written += block.body.len() as u64;
            longest = longest.max(place.beside("-wal").metadata().unwrap().len());
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(longest < 16 << 20, "{longest}");
    });
}
