//! `switchhook check`: what is wrong with the config, or what would run.

use std::fmt::Write as _;

use clap::Args;

use super::{ConfigArg, Failure, print};
use crate::config::{Config, Mode, Server, Size, Variables};

/// Say what is wrong with the config, or what would run.
///
/// Touches no network. Reads the file and the environment as `serve` does. Exit code 78 when there is a mistake.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook check
  switchhook check -c /etc/switchhook/switchhook.toml && systemctl reload switchhook

Every mistake is told at once: file, line and column (or the variable), the key, what is wrong, and how to mend it.")]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigArg,
}

impl Check {
    pub(super) fn run(self, variables: Variables) -> Result<(), Failure> {
        let file = self.config.file(variables);
        let config = file.load()?;
        print(&format!(
            "{} is right\n{}",
            file.path.display(),
            summary(&config)
        ))
    }
}

/// What would run. Names no secret.
fn summary(config: &Config) -> String {
    let Config {
        server,
        auth,
        log,
        sources,
        ..
    } = config;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<9} {value}");
    };
    line("listens", listener(server));
    line(
        "lets in",
        match auth.mode {
            Mode::None => "everybody on this machine".to_owned(),
            Mode::Tokens => {
                let names: Vec<&str> = auth.tokens.keys().map(String::as_str).collect();
                let jwt = auth
                    .jwt
                    .iter()
                    .map(|jwt| format!("tokens of {}", jwt.issuer));
                let all: Vec<String> = names.into_iter().map(str::to_owned).chain(jwt).collect();
                if all.is_empty() {
                    "nobody".to_owned()
                } else {
                    all.join(", ")
                }
            }
        },
    );
    let hours = log.retention.age.as_secs() / 3_600;
    let kept: Size = log.retention.bytes;
    line(
        "keeps",
        format!(
            "{hours} h of events, at most {kept}, in {}",
            log.path.display()
        ),
    );
    for (id, source) in sources {
        let required = if source.required { ", required" } else { "" };
        line(
            "source",
            format!("{id}: {} at {}{required}", source.adapter, source.url),
        );
    }
    for warning in config.warnings() {
        line("warning", warning);
    }
    text
}

fn listener(server: &Server) -> String {
    let scheme = if server.tls.is_some() {
        "https"
    } else {
        "http"
    };
    format!("on {scheme}://{}", server.listen)
}
