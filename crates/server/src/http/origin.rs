//! Origins: which pages a browser may let ask.

use std::{fmt, str::FromStr};

use http::{HeaderMap, Uri, header, uri::Authority};

use super::Peer;
use crate::config;

/// Scheme, host and port of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

/// Which origins may ask.
#[derive(Clone, Debug, Default)]
pub struct OriginPolicy {
    /// Listed in the config.
    pub allowed: Vec<Origin>,
    /// Where the gateway itself is reached, when that is behind a proxy.
    pub public: Option<Origin>,
}

/// What a request says about where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// No browser, or a browser that navigates.
    Unnamed,
    /// A page that may ask.
    Allowed,
    /// A page that may not.
    Foreign,
}

/// Why a text is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an origin such as `https://wallboard.example.com`")]
pub struct BadOrigin(String);

impl OriginPolicy {
    /// Judges the `Origin` of a request. The own origin is always allowed.
    #[must_use]
    pub fn judge(&self, headers: &HeaderMap, peer: &Peer) -> Sender {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else {
            return if headers.contains_key(header::ORIGIN) {
                Sender::Foreign
            } else {
                Sender::Unnamed
            };
        };
        let Some(origin) = origin
            .to_str()
            .ok()
            .and_then(|text| text.parse::<Origin>().ok())
        else {
            return Sender::Foreign;
        };
        let own = Origin::of_host(headers, peer.secure);
        if self.allowed.contains(&origin)
            || self.public.as_ref() == Some(&origin)
            || own.as_ref() == Some(&origin)
        {
            Sender::Allowed
        } else {
            Sender::Foreign
        }
    }
}

impl From<&config::Server> for OriginPolicy {
    fn from(server: &config::Server) -> Self {
        let listed = server.allowed_origins.iter();
        Self {
            // What the config calls an origin always is one.
            allowed: listed
                .filter_map(|origin| origin.as_str().parse().ok())
                .collect(),
            public: server.public_url.as_ref().and_then(|url| {
                let authority = url.uri().authority()?;
                Origin::new(url.scheme(), authority)
            }),
        }
    }
}

impl Origin {
    fn of_host(headers: &HeaderMap, secure: bool) -> Option<Self> {
        let host: Authority = headers.get(header::HOST)?.to_str().ok()?.parse().ok()?;
        Self::new(if secure { "https" } else { "http" }, &host)
    }

    fn new(scheme: &str, authority: &Authority) -> Option<Self> {
        let default = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        (!authority.as_str().contains('@') && !authority.host().is_empty()).then(|| Self {
            scheme: scheme.to_owned(),
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16().unwrap_or(default),
        })
    }
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let bad = || BadOrigin(text.chars().take(128).collect());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad());
        };
        if uri.path() != "/" || uri.query().is_some() || text.ends_with('/') {
            return Err(bad());
        }
        Self::new(&scheme.to_ascii_lowercase(), authority).ok_or_else(bad)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn judge(policy: &OriginPolicy, host: &str, origin: Option<&str>) -> Sender {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let peer = Peer {
            address: ([127, 0, 0, 1], 1).into(),
            local: true,
            secure: false,
            kill: CancellationToken::new(),
        };
        policy.judge(&headers, &peer)
    }

    #[test]
    fn own_and_listed_origins_may_ask_and_no_other() {
        let policy = OriginPolicy {
            allowed: vec!["https://wallboard.example.com".parse().unwrap()],
            public: Some("https://events.example.com".parse().unwrap()),
        };
        let host = "localhost:7575";
        for (origin, expected) in [
            (None, Sender::Unnamed),
            (Some("http://localhost:7575"), Sender::Allowed),
            (Some("https://wallboard.example.com"), Sender::Allowed),
            (Some("https://wallboard.example.com:443"), Sender::Allowed),
            (Some("https://events.example.com"), Sender::Allowed),
            (Some("https://localhost:7575"), Sender::Foreign),
            (Some("http://localhost:7576"), Sender::Foreign),
            (Some("http://wallboard.example.com"), Sender::Foreign),
            (Some("https://evil.example.com"), Sender::Foreign),
            (Some("null"), Sender::Foreign),
            (Some("file://"), Sender::Foreign),
        ] {
            assert_eq!(judge(&policy, host, origin), expected, "{origin:?}");
        }
    }

    #[test]
    fn an_origin_is_scheme_and_authority_alone() {
        for text in [
            "",
            "wallboard.example.com",
            "https://wallboard.example.com/",
            "https://wallboard.example.com/page",
            "https://me@wallboard.example.com",
            "ftp://wallboard.example.com",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
