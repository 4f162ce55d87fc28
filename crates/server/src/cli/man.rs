//! `switchhook man`: manual pages.

use std::{io, path::PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::{Cli, Exit, Failure, print};

/// Print a manual page, or write all of them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook man | man -l -
  switchhook man record | man -l -
  switchhook man --dir /usr/local/share/man/man1")]
pub(super) struct ManPage {
    /// Of which command; of the program when left out.
    command: Option<String>,
    /// Write the pages of the program and of all commands into this folder instead.
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

impl ManPage {
    pub(super) fn run(self) -> Result<(), Failure> {
        let program = Cli::command().disable_help_subcommand(true);
        if let Some(dir) = self.dir {
            let written = clap_mangen::generate_to(program, &dir);
            return written.map_err(|error| {
                let message = format!("cannot write manual pages into {}: {error}", dir.display());
                Failure::new(Exit::Unavailable, message)
            });
        }
        let page = match &self.command {
            None => program,
            Some(name) => page_of(program, name)?,
        };
        let text = render(page).map_err(|error| {
            Failure::new(
                Exit::Internal,
                format!("cannot write the manual page: {error}"),
            )
        })?;
        print(&text)
    }
}

/// The command of that name as a program of its own.
fn page_of(mut program: clap::Command, name: &str) -> Result<clap::Command, Failure> {
    program.build();
    let known = program.find_subcommand(name).cloned();
    let command = known.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("there is no command {name:?}: see switchhook --help"),
        )
    })?;
    Ok(command.display_name(format!("switchhook-{name}")))
}

fn render(command: clap::Command) -> io::Result<String> {
    let mut text = Vec::new();
    Man::new(command).render(&mut text)?;
    String::from_utf8(text).map_err(io::Error::other)
}
