//! `[log]`: where events are kept, and how long.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{reader::Reader, units::Size};

/// Where events are kept, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The engine.
    pub engine: Engine,
    /// The database file.
    pub path: PathBuf,
    /// What a commit survives.
    pub sync: Sync,
    /// What is kept.
    pub retention: Retention,
    /// How many bytes of native frames are kept for explanations.
    pub frames: Size,
}

/// Who keeps the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A database file on this machine.
    Sqlite,
}

/// What a commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// The end of the process, however sudden.
    Normal,
    /// Power loss as well: each commit is fsynced before it is published.
    Full,
}

/// What is kept: as long as both limits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For so long.
    pub age: Duration,
    /// In so many bytes.
    pub bytes: Size,
}

impl Log {
    pub(super) fn read(reader: &mut Reader<'_>, folder: &Path) -> Self {
        let engine = reader.word("engine", &[("sqlite", Engine::Sqlite)]);
        let syncs = [("normal", Sync::Normal), ("full", Sync::Full)];
        let sync = reader.word("sync", &syncs);
        let retention = reader.table("retention", |reader| {
            let hours = reader.count("hours", 72, 1..=876_000);
            Retention {
                age: Duration::from_secs(3_600 * u64::from(hours)),
                bytes: reader.within("bytes", Size::gib(4), Size::mib(1)..=Size::gib(1 << 20)),
            }
        });
        Self {
            engine: engine.unwrap_or(Engine::Sqlite),
            path: reader.or("path", folder.join("switchhook.db")),
            sync: sync.unwrap_or(Sync::Normal),
            retention,
            frames: reader.or("frames", Size::gib(1)),
        }
    }
}
