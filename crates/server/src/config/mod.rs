//! The config: `switchhook.toml` and the environment, read into types with every mistake reported at once.
//!
//! Reading is pure: the text, the environment and the files it refers to are handed in. It touches no network, so
//! that what `check` says of a file is what `serve` will do with it. Every section is read by the module of its name.

mod auth;
mod diff;
mod environment;
mod limits;
mod log;
mod mistake;
mod net;
mod pem;
mod reader;
mod secret;
mod server;
mod sources;
mod suggest;
mod telemetry;
mod tenants;
mod toml;
mod tree;
mod units;
mod webhooks;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use model::SourceId;

pub use auth::{Auth, Digest, Jwt, Mode, Scope, Token};
pub use diff::{Changes, diff};
pub use environment::Variables;
pub use limits::Limits;
pub use log::{Engine, Log, Retention, Sync};
pub use mistake::{Mistake, Mistakes, Origin};
pub use net::{Network, Url, WebOrigin};
pub use reader::Outside;
pub use secret::Secret;
pub use server::{Server, Tls};
pub use sources::{Problem, Reconnect, Settings, Source};
pub use telemetry::Telemetry;
pub use tenants::Tenants;
pub use units::{Size, period, size};
pub use webhooks::Webhooks;

use crate::adapters::{self, Entry};

/// The defaults, as a commented file. `switchhook init` writes it; what it sets is what the code assumes anyway.
pub const DEFAULTS: &str = include_str!("../../switchhook.default.toml");

/// The largest config file, or file that a config refers to, in bytes.
const MOST: u64 = 4 << 20;

/// Everything that is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the gateway listens.
    pub server: Server,
    /// Who may use the API.
    pub auth: Auth,
    /// Where events are kept.
    pub log: Log,
    /// Where deliveries may go.
    pub webhooks: Webhooks,
    /// Who is told what the gateway does.
    pub telemetry: Telemetry,
    /// How much of everything.
    pub limits: Limits,
    /// Names of tenants.
    pub tenants: Tenants,
    /// The PBXs.
    pub sources: BTreeMap<SourceId, Source>,
}

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the config {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file, or the environment, holds mistakes.
    #[error(transparent)]
    Wrong(#[from] Mistakes),
}

/// Where a config comes from. Read again when the gateway reloads.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// The file.
    pub path: PathBuf,
    /// The environment that overrides it.
    pub variables: Variables,
}

impl ConfigFile {
    /// Reads the config from disk.
    ///
    /// # Errors
    /// When the file cannot be read, or with all mistakes in it.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let text = read_file(&self.path).map_err(|source| ConfigError::Unreadable {
            path: self.path.clone(),
            source,
        })?;
        let outside = Outside {
            variables: &self.variables,
            read_file: &read_file,
        };
        Ok(Config::read(&self.path, &text, outside, adapters::ALL)?)
    }
}

impl Config {
    /// Reads a config. `file` is its name in messages, and its folder is where relative paths start.
    ///
    /// # Errors
    /// With all mistakes.
    pub fn read(
        file: &Path,
        text: &str,
        outside: Outside<'_>,
        adapters: &[Entry],
    ) -> Result<Self, Mistakes> {
        let mut root = tree::parse(file, text)?;
        environment::overlay(&mut root, outside.variables);
        let context = reader::Context {
            folder: file.parent().unwrap_or(Path::new("")),
            outside,
            root: &root,
            mistakes: Vec::new().into(),
        };
        // A source with mistakes is still a source that others may refer to.
        let given = context.names("sources");
        let config = context.read(|root| Self::sections(root, context.folder, &given, adapters));
        if let Some((wrong, mend)) = config.auth.misplaced(config.server.listen) {
            let given = context.names("auth").contains(&"mode");
            let at = if given {
                ["auth", "mode"]
            } else {
                ["server", "listen"]
            };
            context.complain_at(&at, wrong, mend);
        }
        let mistakes = context.mistakes.into_inner();
        if mistakes.is_empty() {
            Ok(config)
        } else {
            Err(Mistakes::new(file, mistakes))
        }
    }

    /// The JSON Schema of the file, draft 2020-12. It is what the readers ask for, so it cannot differ from them; rules
    /// that span several keys are told by `check` only.
    #[must_use]
    pub fn schema(adapters: &[Entry]) -> serde_json::Value {
        let outside = Outside {
            variables: &Variables::new(),
            read_file: &|_| Err(io::ErrorKind::NotFound.into()),
        };
        // One of everything that may be absent, and nothing in it: a reader only asks about what is there.
        let mut skeleton = "[server.tls]\n[[auth.tokens]]\n[auth.jwt]\n".to_owned();
        for Entry { name, .. } in adapters {
            skeleton.push_str(&format!("[sources.{name}]\nadapter = \"{name}\"\n"));
        }
        let root = tree::parse(Path::new(""), &skeleton).unwrap_or_default();
        let context = reader::Context {
            folder: Path::new(""),
            outside,
            root: &root,
            mistakes: Vec::new().into(),
        };
        let mut schema = context.read(|root| {
            Self::sections(root, context.folder, &[], adapters);
            root.schema()
        });
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
        schema["title"] = "switchhook.toml".into();
        schema
    }

    fn sections(
        root: &mut reader::Reader<'_>,
        folder: &Path,
        given: &[&str],
        adapters: &[Entry],
    ) -> Self {
        Self {
            server: root.table("server", Server::read),
            auth: root.table("auth", |reader| Auth::read(reader, given)),
            log: root.table("log", |reader| Log::read(reader, folder)),
            webhooks: root.table("webhooks", Webhooks::read),
            telemetry: root.table("telemetry", Telemetry::read),
            limits: root.table("limits", Limits::read),
            tenants: root.table("tenants", |reader| Tenants::read(reader, given)),
            sources: root.table("sources", |reader| sources::read(reader, adapters)),
        }
    }

    /// What is legal but probably not meant.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.sources.is_empty() {
            warnings.push("no [sources.…]: there is no PBX to connect to".to_owned());
        }
        match self.auth.mode {
            Mode::None if !self.auth.tokens.is_empty() || self.auth.jwt.is_some() => warnings.push(
                "auth.mode is \"none\": the tokens are not asked for, everybody on this machine may come in"
                    .to_owned(),
            ),
            Mode::Tokens if self.auth.tokens.is_empty() && self.auth.jwt.is_none() => warnings
                .push("auth.mode is \"tokens\" and there is none: nobody can come in".to_owned()),
            Mode::None | Mode::Tokens => {}
        }
        if self.webhooks.key.is_none() {
            warnings.push(
                "webhooks.key is absent: the secrets of webhooks are stored unencrypted".to_owned(),
            );
        }
        for (id, source) in &self.sources {
            if source.insecure_tls {
                warnings.push(format!(
                    "sources.{id}.insecure_tls: anybody between here and the PBX can listen in and pretend to be it"
                ));
            }
            if source.url.is_plaintext() && !source.url.is_loopback() {
                warnings.push(format!(
                    "sources.{id}.allow_plaintext: calls and credentials travel unencrypted"
                ));
            }
        }
        warnings
    }
}

/// Reads a small text file.
fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MOST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST {
        let wrong = format!("larger than {}", Size::of(MOST));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, wrong));
    }
    Ok(text)
}
