//! The Basix keys of a source, and everything that can be said against them without asking the PBX.

use std::{fmt, path::PathBuf};

use model::Normalizer;
use serde::Deserialize;

/// A Basix source as configured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the PBX tells: `wss://bcs.brastel.com/basix/api/ws_cti`.
    pub url: String,
    /// The domain of the PBX. Logs in with [`Self::token`], and is the tenant of all that is told.
    #[serde(default)]
    pub domain: Option<String>,
    /// The API token of the domain.
    #[serde(default)]
    pub token: Option<Secret>,
    /// Draws a ticket with domain and token before each connection, and opens it with that.
    #[serde(default)]
    pub ticket: bool,
    /// The cookie of a session, in place of domain and token.
    #[serde(default)]
    pub cookie: Option<Secret>,
    /// Names the application to the PBX, which allows two connections of each name and user.
    #[serde(default = "default_app")]
    pub app_name: String,
    /// All channels of the PBX, not only those of one user.
    #[serde(default = "yes")]
    pub full_events: bool,
    /// Whose channels to watch without [`Self::full_events`].
    #[serde(default)]
    pub user: Option<String>,
    /// What [`Self::user`] is.
    #[serde(default)]
    pub user_by: UserBy,
    /// Takes the place of another connection of the same name when there are too many.
    #[serde(default)]
    pub force: bool,
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

/// By what a user is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is what it says")]
pub enum UserBy {
    Id,
    Name,
    Label,
    #[default]
    Extension,
    Did,
    Email,
}

/// A token, ticket or cookie. Shown to nobody but the PBX.
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
    /// Everything that is wrong, at once. Touches no network.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Problems(Vec::new());
        self.check_url(&mut problems);
        self.check_login(&mut problems);
        self.check_scope(&mut problems);
        if let Some(region) = &self.region
            && !Normalizer::knows_region(region)
        {
            let message = format!("`{region}` is no region: use an ISO 3166 code such as \"JP\"");
            problems.add("region", message);
        }
        problems.0
    }

    fn check_url(&self, problems: &mut Problems) {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            let message = "write it as wss://host/basix/api/ws_cti";
            return problems.add("url", message);
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
        if authority.is_empty() {
            problems.add("url", "no host in it");
        } else if authority.contains('@') {
            problems.add("url", "no credentials in it: use `domain` and `token`");
        }
        if rest.contains(['?', '#']) {
            problems.add(
                "url",
                "no query in it: app_name, force and the like have keys of their own",
            );
        }
        match scheme {
            "wss" => {}
            "ws" if is_loopback(authority) || self.allow_plaintext => {}
            "ws" => problems.add(
                "url",
                "ws:// sends the token in the clear: use wss://, or set allow_plaintext = true",
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
        for (key, empty) in [
            ("domain", self.domain.as_deref() == Some("")),
            ("token", self.token.as_ref().is_some_and(Secret::is_empty)),
            ("cookie", self.cookie.as_ref().is_some_and(Secret::is_empty)),
            ("user", self.user.as_deref() == Some("")),
        ] {
            if empty {
                problems.add(key, "is empty: leave it out instead");
            }
        }
        match (&self.domain, &self.token, &self.cookie) {
            (_, Some(_), Some(_)) => problems.add("cookie", "either this or `token`, not both"),
            (None, Some(_), None) => {
                problems.add(
                    "domain",
                    "a token belongs to a domain: write domain = \"…\"",
                );
            }
            (_, None, None) => problems.add(
                "token",
                "say who logs in: `domain` and `token`, or the `cookie` of a session",
            ),
            _ => {}
        }
        if self
            .domain
            .as_ref()
            .is_some_and(|domain| domain.contains(':'))
        {
            problems.add("domain", "no colon in it: the token has a key of its own");
        }
        let plain = |secret: &Secret| secret.0.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        for (key, secret) in [("token", &self.token), ("cookie", &self.cookie)] {
            if secret.as_ref().is_some_and(|secret| !plain(secret)) {
                problems.add(key, "holds a character that no HTTP header can carry");
            }
        }
        if self.ticket && self.token.is_none() {
            problems.add("ticket", "a ticket is drawn with `domain` and `token`");
        }
    }

    fn check_scope(&self, problems: &mut Problems) {
        if self.app_name.trim().is_empty() || self.app_name.len() > 64 {
            problems.add(
                "app_name",
                "needs 1 to 64 characters, such as \"switchhook\"",
            );
        }
        if self.full_events && self.user.is_some() {
            problems.add(
                "user",
                "means nothing with full_events: set full_events = false",
            );
        }
        if self.full_events && self.ticket {
            problems.add(
                "ticket",
                "a ticket allows no full_events: set full_events = false, and `user`",
            );
        }
        if !self.full_events && self.user.is_none() && self.cookie.is_none() {
            problems.add(
                "user",
                "say whose channels to watch, or set full_events = true",
            );
        }
    }
}

impl UserBy {
    /// The query parameter.
    #[must_use]
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Id => "user_id",
            Self::Name => "user_name",
            Self::Label => "user_label",
            Self::Extension => "user_extension",
            Self::Did => "user_did",
            Self::Email => "user_email",
        }
    }

    /// What a word of the config means.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            Self::Id,
            Self::Name,
            Self::Label,
            Self::Extension,
            Self::Did,
            Self::Email,
        ];
        all.into_iter()
            .find(|by| by.parameter().strip_prefix("user_") == Some(word))
    }
}

impl Secret {
    /// A secret.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The secret itself, for the PBX.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
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

fn default_app() -> String {
    "switchhook".to_owned()
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
