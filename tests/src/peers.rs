//! Programs and libraries of others, as `tests/run` installs them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::binary::{target, workspace};

/// `node`, which finds the packages of `tests/peers/package.json` by way of the variable `PEERS`.
///
/// # Panics
/// When they are not installed.
#[must_use]
pub fn node() -> Command {
    let folder = installed("node");
    let mut node = Command::new("node");
    node.env("PEERS", folder.join("node_modules"));
    node
}

/// A program that a package of `tests/peers/requirements.txt` brings: `python`, `schemathesis`.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn python(program: &str) -> Command {
    Command::new(installed("python").join("bin").join(program))
}

/// Prometheus' own checker.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn promtool() -> PathBuf {
    installed("prometheus").join("usr/bin/promtool")
}

/// A script beside the lists of peers.
#[must_use]
pub fn script(name: &str) -> PathBuf {
    workspace().join("tests/peers").join(name)
}

fn installed(kind: &str) -> PathBuf {
    let folder = target().join("peers").join(kind);
    assert!(
        Path::new(&folder.join("installed")).is_file(),
        "{} is not there: tests/run installs it",
        folder.display()
    );
    folder
}
