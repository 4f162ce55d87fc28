//! Origins: which pages a browser may let ask.

use std::{fmt, str::FromStr};

use http::{HeaderMap, Uri, header, uri::Authority};

use super::forwarded::Client;
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
    pub fn judge(&self, headers: &HeaderMap, client: &Client) -> Sender {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else {
            let several = headers.contains_key(header::ORIGIN);
            return if several || is_embedded_elsewhere(headers) {
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
        let own = Origin::of_client(client);
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
    /// The origin of the gateway itself, as this client sees it.
    fn of_client(client: &Client) -> Option<Self> {
        let scheme = if client.secure { "https" } else { "http" };
        Self::new(scheme, client.host.as_ref()?)
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

/// True when a page of another origin has a browser load something without saying so in `Origin`: as an image, a script,
/// a form's target in a frame. Following a link is no such thing.
fn is_embedded_elsewhere(headers: &HeaderMap) -> bool {
    let is = |name, value: &[&str]| {
        let said = headers.get(name).and_then(|value| value.to_str().ok());
        said.is_some_and(|said| value.contains(&said))
    };
    let follows_a_link = is("sec-fetch-mode", &["navigate"]) && is("sec-fetch-dest", &["document"]);
    is("sec-fetch-site", &["cross-site", "same-site"]) && !follows_a_link
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
    use super::*;

    fn judge(policy: &OriginPolicy, host: &str, origin: Option<&str>) -> Sender {
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let client = Client {
            address: [127, 0, 0, 1].into(),
            secure: false,
            host: host.parse().ok(),
        };
        policy.judge(&headers, &client)
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
    fn what_a_foreign_page_embeds_is_foreign_though_it_names_no_origin() {
        for (site, mode, dest, expected) in [
            ("cross-site", "no-cors", "image", Sender::Foreign),
            ("cross-site", "no-cors", "script", Sender::Foreign),
            ("same-site", "no-cors", "empty", Sender::Foreign),
            ("cross-site", "navigate", "iframe", Sender::Foreign),
            ("cross-site", "navigate", "document", Sender::Unnamed),
            ("same-origin", "cors", "empty", Sender::Unnamed),
            ("none", "navigate", "document", Sender::Unnamed),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("sec-fetch-site", site.parse().unwrap());
            headers.insert("sec-fetch-mode", mode.parse().unwrap());
            headers.insert("sec-fetch-dest", dest.parse().unwrap());
            let client = Client {
                address: [127, 0, 0, 1].into(),
                secure: false,
                host: "localhost:7575".parse().ok(),
            };
            let sender = OriginPolicy::default().judge(&headers, &client);
            assert_eq!(sender, expected, "{site} {mode} {dest}");
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
