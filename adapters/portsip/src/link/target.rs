//! Where to connect: the configured URL, or the two places where a PBX may listen.

use std::fmt;

use adapter::LinkError;
use tokio_tungstenite::tungstenite::http::Uri;

use super::unreachable;
use crate::wire::Dialect;

/// One place to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) tls: bool,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    path: String,
}

const V22: (u16, &str) = (8887, "/wsi");
const V16: (u16, &str) = (8885, "/");

impl Target {
    /// The places to try, in order. A URL with a port or a path leaves one; a bare host is looked for on 8887 and 8885.
    pub(super) fn candidates(url: &str, dialect: Option<Dialect>) -> Result<Vec<Self>, LinkError> {
        let bad = || unreachable(format!("use the URL {url}"), "it is not ws:// or wss://");
        let uri: Uri = url
            .parse()
            .map_err(|error| unreachable(format!("read the URL {url}"), error))?;
        let tls = match uri.scheme_str() {
            Some("wss") => true,
            Some("ws") => false,
            _ => return Err(bad()),
        };
        let host = uri.host().ok_or_else(bad)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let at = |(port, path): (u16, &str)| Self {
            tls,
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        };
        let given = uri.path_and_query().map_or("/", |given| given.as_str());
        let v22 = dialect.is_none_or(|dialect| dialect >= Dialect::V22);
        Ok(match (uri.port_u16(), given) {
            (Some(8887), "/") if v22 => vec![at(V22)],
            (Some(port), path) => vec![at((port, path))],
            (None, "/") => match dialect {
                None => vec![at(V22), at(V16)],
                Some(_) if v22 => vec![at(V22)],
                Some(_) => vec![at(V16)],
            },
            (None, path) => vec![at((if tls { 443 } else { 80 }, path))],
        })
    }

    /// The path of v22 tells the generation before a word is spoken.
    pub(super) fn is_wsi(&self) -> bool {
        self.path.trim_end_matches('/').ends_with("/wsi")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "wss" } else { "ws" };
        let Self {
            host, port, path, ..
        } = self;
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}{path}")
        } else {
            write!(f, "{scheme}://{host}:{port}{path}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leaves_as_much_open_as_it_does_not_say() {
        let cases: &[(&str, Option<Dialect>, &[&str])] = &[
            (
                "wss://pbx.example.com",
                None,
                &[
                    "wss://pbx.example.com:8887/wsi",
                    "wss://pbx.example.com:8885/",
                ],
            ),
            ("wss://pbx", Some(Dialect::V12), &["wss://pbx:8885/"]),
            ("wss://pbx", Some(Dialect::V22_3), &["wss://pbx:8887/wsi"]),
            ("wss://pbx:8887", None, &["wss://pbx:8887/wsi"]),
            ("wss://pbx:8887", Some(Dialect::V16), &["wss://pbx:8887/"]),
            ("wss://pbx:8885", None, &["wss://pbx:8885/"]),
            ("wss://proxy/pbx/wsi", None, &["wss://proxy:443/pbx/wsi"]),
            ("ws://[::1]:9000/wsi", None, &["ws://[::1]:9000/wsi"]),
        ];
        for (url, dialect, expected) in cases {
            let found: Vec<String> = Target::candidates(url, *dialect)
                .unwrap()
                .iter()
                .map(Target::to_string)
                .collect();
            assert_eq!(found, *expected, "{url}");
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        for url in ["https://pbx", "pbx", "", "wss://"] {
            assert!(Target::candidates(url, None).is_err(), "{url}");
        }
    }
}
