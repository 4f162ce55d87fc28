//! Commands to the PBX.

mod kill;
mod outcome;
mod refused;
mod repeated;

use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// Runs a test of this program as a process of its own, which says where it listens, and can be killed.
pub(crate) fn victim(test: &str, variables: &[(&str, OsString)]) -> (Child, String) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .envs(variables.iter().cloned())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = output.lines().map(Result::unwrap);
    let address = lines.find_map(|line| line.strip_prefix("listening ").map(str::to_owned));
    (child, address.expect("it listens"))
}
