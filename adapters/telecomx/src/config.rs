//! The Telecom X keys of a source, and everything that can be said against them without asking the service.

use std::{fmt, path::PathBuf};

use model::Normalizer;
use serde::{Deserialize, Deserializer};

use crate::{link::packet::Engine, wire::Channel};

/// A Telecom X source as configured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where REST and Socket.IO are served: `https://api.telecomx.dk`.
    pub url: String,
    /// A token made for machines. Either this, or [`Self::username`] and [`Self::password`].
    #[serde(default)]
    pub token: Option<Secret>,
    /// The e-mail address to log in with.
    #[serde(default)]
    pub username: Option<String>,
    /// The password of that user.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Whose events to hear: the id of a customer.
    #[serde(default)]
    pub customer: Option<String>,
    /// Channels to subscribe to, by name.
    #[serde(default = "default_channels")]
    pub channels: Vec<String>,
    /// The only events wanted of PBX and CONFIG; all when empty.
    #[serde(default)]
    pub events: Vec<String>,
    /// The only types wanted of ADMIN; all when empty.
    #[serde(default)]
    pub types: Vec<String>,
    /// The Engine.IO protocol; none to find out.
    #[serde(default, deserialize_with = "engine_io")]
    pub engine_io: Option<Engine>,
    /// Ask for a REST snapshot after each connect.
    #[serde(default = "yes")]
    pub snapshot: bool,
    /// The default region of telephone numbers, an ISO 3166 code.
    #[serde(default)]
    pub region: Option<String>,
    /// Certificates to trust beside the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Trust any certificate.
    #[serde(default)]
    pub insecure_tls: bool,
    /// Accept `http://` to other hosts than this.
    #[serde(default)]
    pub allow_plaintext: bool,
    /// Carry the native body in `origin.payload`.
    #[serde(default = "yes")]
    pub include_native: bool,
}

/// A token or password. Shown to nobody but Telecom X.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// Who we are to Telecom X.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// A token that needs no login.
    Token(&'a Secret),
    /// A user who logs in.
    Login {
        /// An e-mail address.
        username: &'a str,
        /// The password.
        password: &'a Secret,
    },
}

/// A mistake in the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key it is about.
    pub key: &'static str,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl Config {
    /// The most entries of each list.
    pub const MAX_LIST: usize = 1_000;
    /// The channels when none are named.
    pub const CHANNELS: [Channel; 4] = [
        Channel::Pbx,
        Channel::Call,
        Channel::Register,
        Channel::Config,
    ];
    /// What [`Self::types`] may name.
    pub const TYPES: [&'static str; 5] = ["CONFIG", "CALL", "REGISTER", "PBX", "REALTIME"];

    /// Everything that is wrong, at once. Touches no network.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Problems(Vec::new());
        self.check_url(&mut problems);
        self.check_login(&mut problems);
        self.check_channels(&mut problems);
        if let Some(region) = &self.region
            && !Normalizer::knows_region(region)
        {
            let message = format!("`{region}` is no region: use an ISO 3166 code such as \"DK\"");
            problems.add("region", message);
        }
        problems.0
    }

    /// The channels, without repeats and those that do not exist, in the order in which they are subscribed to.
    #[must_use]
    pub fn known_channels(&self) -> Vec<Channel> {
        let wanted = |channel: &Channel| self.channels.iter().any(|name| name == channel.as_str());
        Channel::ALL.into_iter().filter(wanted).collect()
    }

    /// Who logs in. None when the config says it neither way.
    #[must_use]
    pub fn credentials(&self) -> Option<Credentials<'_>> {
        match (&self.token, &self.username, &self.password) {
            (Some(token), _, _) => Some(Credentials::Token(token)),
            (None, Some(username), Some(password)) => {
                Some(Credentials::Login { username, password })
            }
            _ => None,
        }
    }

    fn check_url(&self, problems: &mut Problems) {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return problems.add("url", "write it as https://api.telecomx.dk");
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.is_empty() {
            problems.add("url", "no host in it");
        } else if authority.contains('@') {
            problems.add(
                "url",
                "no credentials in it: use `token`, or `username` and `password`",
            );
        }
        if !matches!(path, "" | "/") {
            let message = "only scheme, host and port: the paths are those of Telecom X";
            problems.add("url", message);
        }
        match scheme {
            "https" => {}
            "http" if is_loopback(authority) || self.allow_plaintext => {}
            "http" => problems.add(
                "url",
                "http:// sends the token in the clear: use https://, or set allow_plaintext = true",
            ),
            other => problems.add(
                "url",
                format!("`{other}://` is not spoken here: use https://"),
            ),
        }
        if scheme == "http" && self.insecure_tls {
            problems.add("insecure_tls", "means nothing with http://: leave it out");
        }
        if scheme == "http" && self.ca_file.is_some() {
            problems.add("ca_file", "means nothing with http://: leave it out");
        }
    }

    fn check_login(&self, problems: &mut Problems) {
        let empty = |secret: &Option<Secret>| secret.as_ref().is_some_and(|s| s.0.is_empty());
        if empty(&self.token) {
            problems.add("token", "is empty");
        }
        if empty(&self.password) {
            problems.add("password", "is empty");
        }
        if self.username.as_deref() == Some("") {
            problems.add("username", "is empty: leave it out instead");
        }
        match (&self.token, &self.username, &self.password) {
            (None, None, None) => problems.add(
                "token",
                "say who logs in: `token`, or `username` and `password`",
            ),
            (Some(_), Some(_), _) => {
                problems.add("username", "either this or `token`, not both");
            }
            (Some(_), None, Some(_)) => {
                problems.add("password", "either this or `token`, not both");
            }
            (None, Some(_), None) => problems.add("password", "a user logs in with a password"),
            (None, None, Some(_)) => problems.add("username", "whose password is it?"),
            (Some(_), None, None) | (None, Some(_), Some(_)) => {}
        }
    }

    fn check_channels(&self, problems: &mut Problems) {
        if self.channels.is_empty() {
            problems.add("channels", "is empty: name at least one");
        }
        for name in &self.channels {
            if Channel::parse(name).is_none() {
                let known: Vec<_> = Channel::ALL.iter().map(|known| known.as_str()).collect();
                let message = format!("no channel is called `{name}`: {}", known.join(", "));
                problems.add("channels", message);
            }
        }
        let channels = self.known_channels();
        if self.customer.as_deref() == Some("") {
            problems.add("customer", "is empty: leave it out instead");
        } else if self.customer.is_none()
            && let Some(channel) = channels.iter().find(|channel| !channel.is_admin())
        {
            let message = format!("{} needs the id of a customer", channel.as_str());
            problems.add("customer", message);
        }
        let filtered = [Channel::Pbx, Channel::Config];
        if !self.events.is_empty() && !channels.iter().any(|channel| filtered.contains(channel)) {
            problems.add("events", "no channel uses them: add PBX or CONFIG");
        }
        if !self.types.is_empty() && !channels.contains(&Channel::Admin) {
            problems.add("types", "no channel uses them: add ADMIN");
        }
        for name in &self.types {
            if !Self::TYPES.contains(&name.as_str()) {
                let message = format!("no type is called `{name}`: {}", Self::TYPES.join(", "));
                problems.add("types", message);
            }
        }
        for (key, list) in [("events", &self.events), ("channels", &self.channels)] {
            if list.len() > Self::MAX_LIST {
                problems.add(key, format!("more than {} entries", Self::MAX_LIST));
            }
            if list.iter().any(String::is_empty) {
                problems.add(key, "holds an empty entry");
            }
        }
    }
}

impl Secret {
    /// A token or password.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The secret itself, for the service.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, key: &'static str, message: impl Into<String>) {
        self.0.push(Problem {
            key,
            message: message.into(),
        });
    }
}

/// `auto` is no protocol but the wish to find out.
fn engine_io<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Engine>, D::Error> {
    let name = String::deserialize(reader)?;
    match name.as_str() {
        "auto" => Ok(None),
        "3" => Ok(Some(Engine::V3)),
        "4" => Ok(Some(Engine::V4)),
        _ => {
            let message = format!("unknown engine_io `{name}`: \"auto\", \"4\" or \"3\"");
            Err(serde::de::Error::custom(message))
        }
    }
}

fn default_channels() -> Vec<String> {
    Config::CHANNELS
        .map(|channel| channel.as_str().to_owned())
        .to_vec()
}

fn yes() -> bool {
    true
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(""),
        None => authority.split(':').next().unwrap_or(""),
    };
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests;
