//! `switchhook init`: a commented config file to begin with.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
};

use clap::Args;

use super::{ConfigArg, Exit, Failure, print};
use crate::config::DEFAULTS;

/// Write a commented config file.
///
/// The file holds every default, and examples of what has none. Only its owner may read it, as secrets may follow.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook init
  switchhook init -c /etc/switchhook/switchhook.toml")]
pub(super) struct Init {
    #[command(flatten)]
    config: ConfigArg,
    /// Overwrite a file that is already there.
    #[arg(long)]
    force: bool,
}

impl Init {
    pub(super) fn run(self) -> Result<(), Failure> {
        let path = &self.config.config;
        let shown = path.display();
        match write(path, self.force) {
            Ok(()) => print(&format!(
                "wrote {shown}\nadd a [sources.…] to it, then: switchhook check -c {shown}\n"
            )),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let message = format!("{shown} is already there; --force overwrites it");
                Err(Failure::new(Exit::Usage, message))
            }
            Err(error) => {
                let message = format!("cannot write {shown}: {error}");
                Err(Failure::new(Exit::Unavailable, message))
            }
        }
    }
}

fn write(path: &Path, force: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(DEFAULTS.as_bytes())
}
