//! Addresses in the config: URLs, web origins, networks.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use super::reader::{Read, Slot};

/// A URL with a host and without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    uri: http::Uri,
}

/// The origin of a web page: `https://wallboard.example.com`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebOrigin(String);

/// A network in CIDR notation, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is no URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a URL of the form scheme://host[:port][/path] without credentials")]
pub struct BadUrl;

/// Why a text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither an address nor a network in CIDR notation")]
pub struct BadNetwork;

impl Url {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        let whole = uri.scheme().is_some() && uri.host().is_some_and(|host| !host.is_empty());
        // A port that is no number is left in the authority unnoticed.
        let authority = uri.authority()?;
        let port = authority.as_str().len() == authority.host().len() || uri.port_u16().is_some();
        (whole && port && !authority.as_str().contains('@')).then(|| Self {
            text: text.to_owned(),
            uri,
        })
    }

    /// As it was written: without a path where none was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `wss`, `https` …
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.uri.scheme_str().unwrap_or_default()
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    /// True for `localhost` and loopback addresses.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host().trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// True when the connection is not encrypted.
    #[must_use]
    pub fn is_plaintext(&self) -> bool {
        matches!(self.scheme(), "ws" | "http")
    }

    /// Its parts.
    #[must_use]
    pub const fn uri(&self) -> &http::Uri {
        &self.uri
    }
}

impl WebOrigin {
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text)?;
        let bare = text.matches('/').count() == 2 && matches!(url.scheme(), "http" | "https");
        bare.then(|| Self(text.to_ascii_lowercase()))
    }

    /// As a browser writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Network {
    /// True when the address is in the network. An IPv4 address written as IPv6 is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => (u128::from(u32::from(ip)), 32),
            IpAddr::V6(ip) => (u128::from(ip), 128),
        };
        let ((mine, width), (theirs, other)) = (bits(self.address), bits(address.to_canonical()));
        let shift = width - u32::from(self.prefix);
        let part = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
        width == other && part(mine) == part(theirs)
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(width), |prefix| prefix.parse().ok())?;
        (prefix <= width).then_some(Self { address, prefix })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        Self::parse(text).ok_or(BadUrl)
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        Self::parse(text).ok_or(BadNetwork)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Read for Url {
    /// Without the text in the complaint: a URL with credentials is refused here.
    fn read(slot: &Slot<'_>) -> Option<Self> {
        let text = slot.text("\"https://example.com\"")?;
        Self::parse(&text).or_else(|| {
            slot.wrong(
                "this is not a URL of the form scheme://host[:port][/path] (credentials do not belong in it)",
                "write it whole: scheme, host, and port and path where they are needed",
            )
        })
    }
}

impl Read for WebOrigin {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        let example = "\"https://wallboard.example.com\"";
        slot.parsed(
            "a web origin (scheme and host, no path)",
            example,
            Self::parse,
        )
    }
}

impl Read for Network {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        slot.parsed("a network", "\"10.0.0.0/8\"", Self::parse)
    }
}

impl Read for SocketAddr {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        slot.parsed("an IP address with a port", "\"127.0.0.1:7575\"", |text| {
            text.parse().ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_host_and_no_credentials() {
        for (text, plaintext, loopback) in [
            ("wss://pbx.example.com:8887/wsi", false, false),
            ("ws://127.0.0.1:8885", true, true),
            ("http://[::1]:80/", true, true),
            ("https://LOCALHOST", false, true),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(
                (url.is_plaintext(), url.is_loopback()),
                (plaintext, loopback),
                "{text}"
            );
        }
        for text in [
            "",
            "pbx.example.com",
            "/wsi",
            "wss://",
            "wss://a:b@pbx",
            "wss://pbx:http",
        ] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        let network = |text| Network::parse(text).unwrap();
        for (text, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "fe80::1", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            assert_eq!(
                network(text).contains(address.parse().unwrap()),
                inside,
                "{text} {address}"
            );
        }
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/-1",
            "a/8",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn origins_have_no_path() {
        assert_eq!(
            WebOrigin::parse("https://A.example").unwrap().as_str(),
            "https://a.example"
        );
        for text in [
            "https://a.example/",
            "a.example",
            "ws://a.example",
            "null",
            "*",
        ] {
            assert_eq!(WebOrigin::parse(text), None, "{text}");
        }
    }
}
