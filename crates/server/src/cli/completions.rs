//! `switchhook completions`: what a shell needs to complete our commands.

use std::io;

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Generator;

use super::{Cli, Exit, Failure, print};

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook completions bash > /etc/bash_completion.d/switchhook
  switchhook completions zsh > \"${fpath[1]}/_switchhook\"
  switchhook completions fish > ~/.config/fish/completions/switchhook.fish")]
pub(super) struct Completions {
    /// Which shell.
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    /// GNU Bash.
    Bash,
    /// The Z shell.
    Zsh,
    /// The friendly interactive shell.
    Fish,
}

impl Completions {
    pub(super) fn run(self) -> Result<(), Failure> {
        let text = match self.shell {
            Shell::Bash => generate(clap_complete::shells::Bash),
            Shell::Zsh => generate(clap_complete::shells::Zsh),
            Shell::Fish => generate(clap_complete::shells::Fish),
        };
        let text = text.map_err(|error| {
            Failure::new(Exit::Internal, format!("cannot write completions: {error}"))
        })?;
        print(&text)
    }
}

fn generate(shell: impl Generator) -> io::Result<String> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "switchhook", &mut text);
    String::from_utf8(text).map_err(io::Error::other)
}
