//! Notices that files have changed, and that nobody writes them any more.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Files, as they were when they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: Vec<Print>,
    /// As they were when a change was last told.
    told: Vec<Print>,
}

/// What tells one state of a file from another; nothing while it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Print {
    path: PathBuf,
    /// Device, inode, length, and the time of the last change with its nanoseconds.
    state: Option<(u64, u64, u64, i64, i64)>,
}

impl Watch {
    /// Files in the state they are in now.
    pub(super) fn new(paths: &[&Path]) -> Self {
        let now = prints(paths);
        Self {
            seen: now.clone(),
            told: now,
        }
    }

    /// True when they are not as they were told last, and are as they were when they were looked at last: somebody may
    /// be half way through writing one.
    pub(super) fn changed(&mut self, paths: &[&Path]) -> bool {
        let now = prints(paths);
        let settled = now == self.seen;
        self.seen = now;
        let changed = settled && self.seen != self.told;
        if changed {
            self.told.clone_from(&self.seen);
        }
        changed
    }
}

fn prints(paths: &[&Path]) -> Vec<Print> {
    let print = |path: &&Path| Print {
        path: path.to_path_buf(),
        state: std::fs::metadata(path).ok().map(|file| {
            let (device, inode, length) = (file.dev(), file.ino(), file.size());
            (device, inode, length, file.mtime(), file.mtime_nsec())
        }),
    };
    paths.iter().map(print).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_is_told_once_and_when_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("switchhook.toml");
        fs::write(&file, "one").unwrap();
        let paths = [file.as_path()];
        let mut watch = Watch::new(&paths);
        assert!(!watch.changed(&paths));
        fs::write(&file, "half").unwrap();
        assert!(!watch.changed(&paths), "it may be going on");
        fs::write(&file, "the whole").unwrap();
        assert!(!watch.changed(&paths), "it was");
        assert!(watch.changed(&paths));
        assert!(!watch.changed(&paths));
        fs::write(folder.path().join("new"), "renamed").unwrap();
        fs::rename(folder.path().join("new"), &file).unwrap();
        assert!(!watch.changed(&paths));
        assert!(watch.changed(&paths));
        fs::remove_file(&file).unwrap();
        assert!(!watch.changed(&paths));
        assert!(watch.changed(&paths), "gone is a change too");
    }

    #[test]
    fn what_was_never_told_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path()];
        let mut watch = Watch::default();
        assert!(!watch.changed(&paths));
        assert!(watch.changed(&paths));
    }
}
