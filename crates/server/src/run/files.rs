//! Open files: every stream is one, and systems allow a process few unless it asks.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use crate::config::Limits;

/// What the gateway needs beside its streams: the log, sources, requests.
const BESIDE: u64 = 1_024;

/// Asks for as many as the system gives, and says so when that is not enough for the streams of the config.
pub(super) fn allow(limits: &Limits) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wished = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, wished) {
        warn!(%error, "the limit of open files stays as it is");
    }
    let given = getrlimit(Resource::Nofile).current;
    let needed = u64::from(limits.streams) + BESIDE;
    if given.is_some_and(|given| given < needed) {
        warn!(
            given,
            needed,
            "fewer open files are allowed than `limits.streams` needs: raise it (ulimit -n, LimitNOFILE)"
        );
    }
}
