//! What programs write to their logs: all of it is kept, and no line may tell a secret or somebody's number.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{Pbx, binary};

/// What every token of a test begins with.
pub const SECRET: &str = "swh-secret-";

/// One program's log, in a file of its own below `target/<profile>/test-logs`, where `tests/run` looks at all of them.
#[derive(Debug)]
pub(crate) struct Kept(fs::File);

impl Kept {
    pub(crate) fn create() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let folder = folder();
        fs::create_dir_all(&folder).expect("a folder for logs");
        let name = format!(
            "{}-{}.log",
            process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        Self(fs::File::create(folder.join(name)).expect("a file for a log"))
    }

    pub(crate) fn keep(&mut self, line: &str) {
        writeln!(self.0, "{line}").expect("room for a log");
    }
}

fn folder() -> PathBuf {
    let program = binary::switchhook();
    program.parent().expect("its folder").join("test-logs")
}

/// What a log line tells that it must not. Raw traffic may hold numbers, and is off unless somebody asks for it.
#[must_use]
pub fn betrayal(line: &str) -> Option<&'static str> {
    if line.contains(SECRET) || line.contains(Pbx::PASSWORD) {
        return Some("a secret");
    }
    // The numbers of the tests (Ofcom keeps them free), and whatever looks like E.164.
    let number = line.contains("2079460") || international(line);
    (number && !line.contains("wire::")).then_some("a phone number")
}

fn international(line: &str) -> bool {
    line.split('+').skip(1).any(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (8..=15).contains(&digits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_numbers_are_noticed_and_nothing_else() {
        for line in [
            "token=swh-secret-reader",
            "password: let-me-in",
            "caller=02079460018",
            "from +442079460018",
            "to +4512345678",
        ] {
            assert!(betrayal(line).is_some(), "{line}");
        }
        for line in [
            "2026-11-20T09:41:07.412345Z  INFO listening address=127.0.0.1:38443",
            "source=hq call=hq:885337248273272832",
            "wire::hq::recv {\"caller\":\"02079460018\"}",
            "1+1=2, +1234567 is too short",
        ] {
            assert_eq!(betrayal(line), None, "{line}");
        }
    }
}
