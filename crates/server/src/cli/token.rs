//! `switchhook token new`: a token, and the lines of config that let its bearer in.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use clap::{Args, Subcommand, builder::PossibleValuesParser};

use super::{Exit, Failure, print};
use crate::config::{Digest, Scope};

/// Make access tokens.
///
/// The gateway knows tokens by their SHA-256 only: a token that is lost cannot be shown again.
#[derive(Debug, Args)]
pub(super) struct Token {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a new token, this once, and the lines for the config.
    New(New),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  switchhook token new --name crm --scopes events:read,state:read --tenants acme")]
struct New {
    /// Whose it is: appears in logs.
    #[arg(long)]
    name: String,
    /// What its bearer may do, with commas between.
    #[arg(long, required = true, value_delimiter = ',', value_parser = scopes())]
    scopes: Vec<String>,
    /// Only these tenants.
    #[arg(long, value_delimiter = ',')]
    tenants: Vec<String>,
    /// Only these sources.
    #[arg(long, value_delimiter = ',')]
    sources: Vec<String>,
    /// Only event types that match these globs, such as `call.*`.
    #[arg(long, value_delimiter = ',')]
    types: Vec<String>,
}

fn scopes() -> PossibleValuesParser {
    PossibleValuesParser::new(Scope::ALL.map(|(name, _)| name))
}

impl Token {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Command::New(new) = self.command;
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| {
            Failure::new(
                Exit::Internal,
                format!("cannot draw a random token: {error}"),
            )
        })?;
        let token = format!("swh_{}", BASE64_URL_SAFE_NO_PAD.encode(random));
        print(&format!(
            "# The token. It is shown this once.\n{token}\n\n# For switchhook.toml:\n{}",
            lines(&new, &token)
        ))
    }
}

/// The lines of config for a token. Names are quoted as TOML wants it.
fn lines(new: &New, token: &str) -> String {
    let text = |text: &str| toml_edit::Value::from(text).to_string();
    let list = |key: &str, values: &[String]| {
        let values: Vec<String> = values.iter().map(|value| text(value)).collect();
        format!("{key} = [{}]\n", values.join(", "))
    };
    let mut lines = format!("[[auth.tokens]]\nname = {}\n", text(&new.name));
    lines.push_str(&format!("sha256 = \"{}\"\n", Digest::of(token)));
    lines.push_str(&list("scopes", &new.scopes));
    for (key, values) in [
        ("tenants", &new.tenants),
        ("sources", &new.sources),
        ("types", &new.types),
    ] {
        if !values.is_empty() {
            lines.push_str(&list(key, values));
        }
    }
    lines
}
