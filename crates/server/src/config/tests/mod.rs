//! Configs, right and wrong. Each wrong one is followed by exactly what the operator reads.

mod overrides;
mod right;
mod wrong;

use std::{fmt::Write as _, io, path::Path};

use super::{Config, Mistakes, Outside, Variables};
use crate::adapters;

/// Reads a config in a world of these variables and files.
fn read(
    text: &str,
    variables: &[(&str, &str)],
    files: &[(&str, &str)],
) -> Result<Config, Mistakes> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let variables: Variables = variables.iter().map(own).collect();
    let read_file = |path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        found.map_or(Err(io::ErrorKind::NotFound.into()), |(_, text)| {
            Ok((*text).to_owned())
        })
    };
    let outside = Outside {
        variables: &variables,
        read_file: &read_file,
    };
    Config::read(
        Path::new("/etc/switchhook.toml"),
        text,
        outside,
        adapters::ALL,
    )
}

/// A config without mistakes.
fn right(text: &str) -> Config {
    read(text, &[], &[]).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// What an operator reads about a config, or "right".
fn told(text: &str) -> String {
    told_in(text, &[], &[])
}

fn told_in(text: &str, variables: &[(&str, &str)], files: &[(&str, &str)]) -> String {
    let mut told = match read(text, variables, files) {
        Ok(_) => "right".to_owned(),
        Err(mistakes) => mistakes.to_string(),
    };
    let _ = writeln!(told);
    told
}

/// A source to which a test adds or replaces lines.
const HQ: &str = r#"
[sources.hq]
adapter = "portsip"
url = "wss://pbx.example.com:8887/wsi"
username = "supervisor"
domain = "test.io"
password = "hunter2"
topics = ["cdr_events"]
"#;
