//! Where to connect.

use std::fmt;

use tokio_tungstenite::tungstenite::http::Uri;

use super::unreachable;
use crate::LinkError;

/// One place to connect to. Shown as a `ws://` or `wss://` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// With TLS.
    pub tls: bool,
    /// Without the brackets of an IPv6 address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The path, and the query where there is one.
    pub path: String,
}

impl Place {
    /// Reads a URL. The port may be left out where the scheme has one.
    ///
    /// # Errors
    /// When it is no URL of a WebSocket.
    pub fn of(url: &str) -> Result<Self, LinkError> {
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
        let query = uri.query().map(|query| format!("?{query}"));
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            path: format!("{}{}", uri.path(), query.unwrap_or_default()),
        })
    }

    /// Host and port, as a `Host` header has them.
    #[must_use]
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_place() {
        for (url, place) in [
            ("wss://pbx/wsi", "wss://pbx:443/wsi"),
            ("wss://pbx?a=b", "wss://pbx:443/?a=b"),
            ("ws://pbx:8080", "ws://pbx:8080/"),
            ("ws://[::1]:9000/x?y", "ws://[::1]:9000/x?y"),
        ] {
            assert_eq!(Place::of(url).unwrap().to_string(), place);
        }
        for url in ["https://pbx", "pbx", "", "wss://"] {
            assert!(Place::of(url).is_err(), "{url}");
        }
    }
}
