//! Durations and sizes on the command line, written as in the config.

use std::time::Duration;

use crate::config::{self, Size};

pub(super) fn period(text: &str) -> Result<Duration, String> {
    config::period(text).ok_or_else(|| "write it like 300ms, 45s or 12h".to_owned())
}

pub(super) fn size(text: &str) -> Result<Size, String> {
    config::size(text).ok_or_else(|| "write it like 64KiB or 4GiB".to_owned())
}
