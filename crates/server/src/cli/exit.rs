//! How the program ends.

use std::{error::Error, io::Write, process::ExitCode};

use crate::{config::ConfigError, run::RunError};

/// Why the program ended otherwise than well: the words of sysexits.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// What was compared differs, as with diff(1).
    Different = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Something that is needed is not there.
    Unavailable = 69,
    /// The fault is ours, or that of this machine.
    Internal = 70,
    /// The config, or a setting, is wrong.
    Config = 78,
}

/// An exit code and what to tell on stderr.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { exit, message }
    }

    /// One of which everything is told already.
    pub(super) fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    pub(super) fn of(exit: Exit, error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(exit, message)
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells what failed on stderr.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            // There is nobody left to tell when stderr is closed.
            let _ = writeln!(std::io::stderr(), "switchhook: {}", self.message);
        }
        ExitCode::from(self.exit as u8)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match &error {
            ConfigError::Unreadable { path, source }
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                let path = path.display();
                let message = format!(
                    "there is no config file {path}: `switchhook init -c {path}` writes one"
                );
                Self::new(Exit::Config, message)
            }
            ConfigError::Unreadable { .. } => Self::of(Exit::Config, &error),
            ConfigError::Wrong(mistakes) => {
                Self::new(Exit::Config, format!("the config is wrong\n{mistakes}"))
            }
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::of(error.exit(), &error)
    }
}
