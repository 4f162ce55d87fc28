use std::fs;

use super::support::{ALL, Place, append};
use crate::log::LogError;
use ::model::Position;

/// A closed log of some blocks, and its bytes.
fn sound() -> (Place, Vec<u8>) {
    let place = Place::new();
    let (mut log, _) = place.open();
    for n in 0..40 {
        append(&mut log, 50, 600, n);
    }
    log.close().unwrap();
    let bytes = fs::read(&place.options.path).unwrap();
    (place, bytes)
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let foreign = Place::new();
    let db = rusqlite::Connection::open(&foreign.options.path).unwrap();
    db.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(db);
    let database = fs::read(&foreign.options.path).unwrap();
    let noise: Vec<u8> = (0..10_000_u32)
        .map(|n| (n.wrapping_mul(n) >> 3) as u8)
        .collect();
    for content in [&database[..], &noise[..], b"[server]\n"] {
        let place = Place::new();
        fs::write(&place.options.path, content).unwrap();
        let result = place.try_open();
        assert!(
            matches!(result, Err(LogError::Foreign { .. })),
            "{result:?}"
        );
        assert_eq!(fs::read(&place.options.path).unwrap(), content);
        assert!(!place.beside("-wal").exists());
    }
}

#[test]
fn a_later_format_is_refused_and_left_alone() {
    let (place, _) = sound();
    let db = rusqlite::Connection::open(&place.options.path).unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
    drop(db);
    let before = fs::read(&place.options.path).unwrap();
    let result = place.try_open();
    let found = |result: &LogError| {
        matches!(
            result,
            LogError::Newer {
                found: 2,
                known: 1,
                ..
            }
        )
    };
    assert!(result.as_ref().is_err_and(found), "{result:?}");
    assert_eq!(fs::read(&place.options.path).unwrap(), before);
}

#[test]
fn an_empty_file_becomes_a_log() {
    let place = Place::new();
    fs::write(&place.options.path, b"").unwrap();
    let (log, _) = place.open();
    assert_eq!(log.next(), Position(1));
}

#[test]
fn a_half_made_log_is_made_anew() {
    let place = Place::new();
    fs::write(place.beside(".new"), b"half").unwrap();
    let (log, _) = place.open();
    assert_eq!(log.next(), Position(1));
    assert!(!place.beside(".new").exists());
}

#[test]
fn a_journal_without_its_database_is_refused() {
    let place = Place::new();
    fs::write(place.beside("-wal"), b"journal").unwrap();
    let result = place.try_open();
    assert!(
        matches!(result, Err(LogError::Leftover { .. })),
        "{result:?}"
    );
    assert_eq!(fs::read(place.beside("-wal")).unwrap(), b"journal");
    assert!(!place.options.path.exists());
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let mut place = Place::new();
    place.options.path = place.beside("none").join("events.db");
    let error = place.try_open().unwrap_err();
    assert!(matches!(error, LogError::File { .. }), "{error:?}");
    assert!(error.to_string().contains("events.db.lock"), "{error}");
}

#[test]
fn a_truncated_log_is_refused_and_left_alone() {
    let (place, bytes) = sound();
    for length in [200, 4_096, 8_192, bytes.len() / 2, bytes.len() - 8_192] {
        fs::write(&place.options.path, &bytes[..length]).unwrap();
        let result = place.try_open();
        assert!(
            matches!(result, Err(LogError::Corrupt { .. })),
            "{length}: {result:?}"
        );
        assert_eq!(fs::read(&place.options.path).unwrap(), bytes[..length]);
    }
}

#[test]
fn a_flipped_bit_is_an_error_or_changes_nothing() {
    let (place, bytes) = sound();
    let sound = {
        let (log, reader) = place.open();
        let page = reader.page(Position(0), &ALL, &|_| true).unwrap();
        log.close().unwrap();
        page.blocks
    };
    let (mut opening, mut reading, mut harmless) = (0, 0, 0);
    for at in (0..bytes.len()).step_by(14_999) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&place.options.path, &flipped).unwrap();
        for suffix in ["-wal", "-shm"] {
            let _absent = fs::remove_file(place.beside(suffix));
        }
        let (_log, reader) = match place.try_open() {
            Ok(open) => open,
            Err(LogError::Corrupt { .. } | LogError::Foreign { .. } | LogError::Newer { .. }) => {
                opening += 1;
                continue;
            }
            Err(error) => panic!("byte {at}: {error:?}"),
        };
        match reader.page(Position(0), &ALL, &|_| true) {
            Ok(page) => {
                assert_eq!(page.blocks, sound, "byte {at}");
                harmless += 1;
            }
            Err(LogError::Corrupt { .. }) => reading += 1,
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    // Most of the file is blocks, and every byte of theirs is covered.
    assert!(reading > 5 * harmless, "{opening} {reading} {harmless}");
}
