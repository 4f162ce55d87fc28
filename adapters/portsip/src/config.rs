//! The PortSIP keys of a source, and everything that can be said against them without asking the PBX.

use std::{fmt, path::PathBuf};

use model::Normalizer;
use serde::{Deserialize, Deserializer};

use crate::wire::{Dialect, Scope, Topic};

/// A PortSIP source as configured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the PBX listens: `wss://pbx.example.com:8887/wsi`, up to v16 `wss://pbx.example.com:8885`. With
    /// `dialect = "auto"` port and path may be left out.
    pub url: String,
    /// What it speaks; none to find out.
    #[serde(default, deserialize_with = "dialect")]
    pub dialect: Option<Dialect>,
    /// Logs in as a user, with [`Self::domain`]; without, as system administrator (v22) or tenant (v12).
    #[serde(default)]
    pub username: Option<String>,
    /// Logs in as an extension. Needs [`Self::domain`].
    #[serde(default)]
    pub extension_number: Option<String>,
    /// The SIP domain of the tenant.
    #[serde(default)]
    pub domain: Option<String>,
    /// The password of either.
    pub password: Secret,
    /// Topics to subscribe to, by name.
    #[serde(default = "default_topics")]
    pub topics: Vec<String>,
    /// Extension numbers for `extension_events`.
    #[serde(default)]
    pub extensions: Vec<String>,
    /// Queue numbers for `queue_events`.
    #[serde(default)]
    pub queues: Vec<String>,
    /// Tenant ids for `global_*`.
    #[serde(default)]
    pub tenants: Vec<String>,
    /// Numbers of IVRs and the like: reaching one routes a call and does not answer it.
    #[serde(default)]
    pub service_numbers: Vec<String>,
    /// Numbers of voicemail: services, too, and a call that ends with one was not missed without a trace.
    #[serde(default)]
    pub voicemail_numbers: Vec<String>,
    /// The default region of telephone numbers, an ISO 3166 code.
    #[serde(default)]
    pub region: Option<String>,
    /// Certificates to trust beside the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Trust any certificate.
    #[serde(default)]
    pub insecure_tls: bool,
    /// Accept `ws://` to other hosts than this.
    #[serde(default)]
    pub allow_plaintext: bool,
    /// Carry the native body in `origin.payload`.
    #[serde(default = "yes")]
    pub include_native: bool,
}

/// A password. Shown to nobody but the PBX.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

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
    pub const MAX_LIST: usize = 10_000;

    /// Everything that is wrong, at once. Touches no network.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Problems(Vec::new());
        self.check_url(&mut problems);
        self.check_login(&mut problems);
        self.check_topics(&mut problems);
        self.check_lists(&mut problems);
        if let Some(region) = &self.region
            && !Normalizer::knows_region(region)
        {
            let message = format!("`{region}` is no region: use an ISO 3166 code such as \"GB\"");
            problems.add("region", message);
        }
        problems.0
    }

    /// The topics, without repeats and those that do not exist, in the order in which they are subscribed to.
    #[must_use]
    pub fn known_topics(&self) -> Vec<Topic> {
        let wanted = |topic: &Topic| self.topics.iter().any(|name| name == topic.as_str());
        Topic::ALL.into_iter().filter(wanted).collect()
    }

    fn check_url(&self, problems: &mut Problems) {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            let message = "write it as wss://host:8887/wsi (v22) or wss://host:8885 (v16, v12)";
            return problems.add("url", message);
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
        if authority.is_empty() {
            problems.add("url", "no host in it");
        } else if authority.contains('@') {
            problems.add("url", "no credentials in it: use `username` and `password`");
        }
        match scheme {
            "wss" => {}
            "ws" if is_loopback(authority) || self.allow_plaintext => {}
            "ws" => problems.add(
                "url",
                "ws:// sends the password in the clear: use wss://, or set allow_plaintext = true",
            ),
            other => problems.add(
                "url",
                format!("`{other}://` is not spoken here: use wss://"),
            ),
        }
        if scheme == "ws" && self.insecure_tls {
            problems.add("insecure_tls", "means nothing with ws://: leave it out");
        }
        if scheme == "ws" && self.ca_file.is_some() {
            problems.add("ca_file", "means nothing with ws://: leave it out");
        }
    }

    fn check_login(&self, problems: &mut Problems) {
        if self.password.0.is_empty() {
            problems.add("password", "is empty");
        }
        for (key, value) in [
            ("username", &self.username),
            ("extension_number", &self.extension_number),
            ("domain", &self.domain),
        ] {
            if value.as_deref() == Some("") {
                problems.add(key, "is empty: leave it out instead");
            }
        }
        match (&self.username, &self.extension_number, &self.domain) {
            (None, None, _) => problems.add(
                "username",
                "say who logs in: `username` or `extension_number`",
            ),
            (Some(_), Some(_), _) => problems.add(
                "extension_number",
                "either this or `username`, not both",
            ),
            (None, Some(_), None) => {
                problems.add("domain", "an extension logs in with the domain of its tenant");
            }
            (None, Some(_), Some(_)) if self.dialect == Some(Dialect::V16) => problems.add(
                "extension_number",
                "v16.0 and v16.1 know no login as an extension: use `username`",
            ),
            (Some(_), None, Some(_)) if self.dialect == Some(Dialect::V12) => problems.add(
                "username",
                "v12 logs in with `extension_number` and `domain`, or with the tenant's name as `username` alone",
            ),
            (Some(_), None, None)
                if matches!(self.dialect, Some(Dialect::V16 | Dialect::V16_2)) =>
            {
                problems.add("domain", "v16 logs users in with the domain of their tenant");
            }
            _ => {}
        }
    }

    fn check_topics(&self, problems: &mut Problems) {
        if self.topics.is_empty() {
            problems.add("topics", "is empty: name at least one");
        }
        for name in &self.topics {
            match (Topic::parse(name), self.dialect) {
                (None, _) => {
                    let known: Vec<_> = Topic::ALL.iter().map(|topic| topic.as_str()).collect();
                    let message = format!("no topic is called `{name}`: {}", known.join(", "));
                    problems.add("topics", message);
                }
                (Some(topic), Some(dialect)) if !topic.exists_in(dialect) => {
                    let message = format!("{name} does not exist in {}", dialect.as_str());
                    problems.add("topics", message);
                }
                (Some(topic), _) if topic.is_global() && self.domain.is_some() => {
                    let message =
                        format!("{name} is for the system administrator, who has no `domain`");
                    problems.add("topics", message);
                }
                _ => {}
            }
        }
    }

    fn check_lists(&self, problems: &mut Problems) {
        let topics = self.known_topics();
        for (scope, key, list) in [
            (Scope::Extensions, "extensions", &self.extensions),
            (Scope::Queues, "queues", &self.queues),
            (Scope::Tenants, "tenants", &self.tenants),
        ] {
            let user = topics.iter().find(|topic| topic.scope() == scope);
            match user {
                Some(topic) if list.is_empty() && !self.finds_out(scope) => {
                    problems.add(key, format!("{} needs a list of them", topic.as_str()));
                }
                None if !list.is_empty() && scope == Scope::Tenants => {
                    problems.add(key, "no topic uses them: add a global_* topic");
                }
                None if !list.is_empty() && scope == Scope::Extensions => {
                    problems.add(key, "no topic uses them: add extension_events");
                }
                _ => {}
            }
            if list.len() > Self::MAX_LIST {
                problems.add(key, format!("more than {} entries", Self::MAX_LIST));
            }
            if list.iter().any(String::is_empty) {
                problems.add(key, "holds an empty entry");
            }
        }
    }

    /// True when the numbers for a topic come from the PBX: it lists its queues to whoever manages them.
    fn finds_out(&self, scope: Scope) -> bool {
        let topics = self.known_topics();
        match scope {
            Scope::Queues => topics.contains(&Topic::QueueManagement),
            Scope::Extensions | Scope::Tenants | Scope::Nothing => false,
        }
    }
}

impl Secret {
    /// A password.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The password itself, for the login.
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

/// `auto` is no dialect but the wish to find out.
fn dialect<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Dialect>, D::Error> {
    let name = String::deserialize(reader)?;
    if name == "auto" {
        return Ok(None);
    }
    Dialect::parse(&name).map(Some).ok_or_else(|| {
        let known = Dialect::ALL.map(Dialect::as_str).join(", ");
        serde::de::Error::custom(format!("unknown dialect `{name}`: {known} or auto"))
    })
}

fn default_topics() -> Vec<String> {
    vec![Topic::Cdrs.as_str().to_owned()]
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
