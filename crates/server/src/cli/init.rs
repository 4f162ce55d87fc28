//! `switchhook init`: a commented config file to begin with.

use std::io::{self, Write};

use clap::Args;

use super::{ConfigArg, Exit, Failure, print, private_file};
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
        let written = private_file::create(path, self.force)
            .and_then(|mut file| file.write_all(DEFAULTS.as_bytes()));
        match written {
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
