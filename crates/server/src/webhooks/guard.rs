//! Which addresses a delivery may go to: not those that only somebody inside the network could reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::Network;

/// What an operator has allowed beyond the public internet.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// Networks that are refused otherwise.
    pub allow_networks: Vec<Network>,
    /// Whether `http` is accepted.
    pub allow_http: bool,
}

/// IPv4 networks that are not the public internet, and what each is.
const REFUSED_V4: [([u8; 4], u8, &str); 15] = [
    ([0, 0, 0, 0], 8, "this network"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "shared by carriers"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link-local"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "reserved for protocols"),
    ([192, 0, 2, 0], 24, "for documentation"),
    ([192, 88, 99, 0], 24, "a 6to4 relay"),
    ([192, 168, 0, 0], 16, "private"),
    ([198, 18, 0, 0], 15, "for benchmarks"),
    ([198, 51, 100, 0], 24, "for documentation"),
    ([203, 0, 113, 0], 24, "for documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved"),
];

/// IPv6 networks that are not the public internet, or that hide an IPv4 address.
const REFUSED_V6: [([u16; 8], u8, &str); 15] = [
    ([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "a mapped IPv4 address"),
    (
        [0, 0, 0, 0, 0, 0, 0, 0],
        96,
        "unspecified, loopback, or an embedded IPv4 address",
    ),
    (
        [0, 0, 0, 0, 0xffff, 0, 0, 0],
        96,
        "a translated IPv4 address",
    ),
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "NAT64"),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "local NAT64"),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "a black hole"),
    (
        [0x2001, 0, 0, 0, 0, 0, 0, 0],
        23,
        "reserved for protocols, such as Teredo",
    ),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "for documentation"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "for documentation"),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "segment routing"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "private"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local"),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site-local"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast"),
];

impl Guard {
    /// Whether a delivery may go to an address.
    ///
    /// # Errors
    /// With what the address is, when it may not.
    pub fn check(&self, address: IpAddr) -> Result<(), &'static str> {
        match refused(address) {
            Some(what) if !self.allows(address) => Err(what),
            _ => Ok(()),
        }
    }

    /// Whether a URL may be delivered to, as far as can be told without asking for its name.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub fn check_url(&self, uri: &http::Uri) -> Result<(), String> {
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if self.allow_http => {}
            Some("http") => return Err("`http` is not allowed here: write `https`".to_owned()),
            _ => return Err("only `https` URLs are delivered to".to_owned()),
        }
        let Some(authority) = uri.authority() else {
            return Err("the URL names no host".to_owned());
        };
        if authority.as_str().contains('@') {
            return Err("a URL must not carry credentials: send them in `headers`".to_owned());
        }
        let host = authority.host();
        let bare = authority.as_str().len() == host.len();
        if host.is_empty() || !(bare || authority.port_u16().is_some_and(|port| port > 0)) {
            return Err("the URL has no host, or no number as its port".to_owned());
        }
        if host.contains('%') {
            return Err("the host of a URL must not be percent-encoded".to_owned());
        }
        match literal(host) {
            Some(Err(())) => Err(format!("`{host}` looks like an address and is none")),
            Some(Ok(address)) => self.check(address).map_err(|what| {
                format!("`{host}` is {what}: the operator would have to add it to `webhooks.allow_networks`")
            }),
            None if is_local_name(host) && self.check(Ipv4Addr::LOCALHOST.into()).is_err() => {
                Err(format!("`{host}` is this machine"))
            }
            None => Ok(()),
        }
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.allow_networks
            .iter()
            .any(|network| network.contains(address))
    }
}

fn refused(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let bits = address.to_bits();
            let within = |(network, prefix, _): &&([u8; 4], u8, &str)| {
                let mask = u32::MAX << (32 - prefix);
                bits & mask == Ipv4Addr::from(*network).to_bits()
            };
            REFUSED_V4.iter().find(within).map(|(_, _, what)| *what)
        }
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            let within = |(network, prefix, _): &&([u16; 8], u8, &str)| {
                let mask = u128::MAX << (128 - prefix);
                bits & mask == Ipv6Addr::from(*network).to_bits()
            };
            REFUSED_V6.iter().find(within).map(|(_, _, what)| *what)
        }
    }
}

/// The address that a host is, in any notation that a resolver would take for one; the error when it only looks so.
fn literal(host: &str) -> Option<Result<IpAddr, ()>> {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or(inner);
        return Some(inner.parse().map(IpAddr::V6).map_err(drop));
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or(host);
    // A name never ends in a number (WHATWG URL, "ends in a number").
    let numeric = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric && number(last).is_none() {
        return None;
    }
    Some(classic(host).map(IpAddr::V4).ok_or(()))
}

/// One to four numbers in decimal, octal or hexadecimal, as `inet_aton` reads them.
fn classic(host: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u64> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3
        || first.iter().any(|part| *part > 255)
        || *last >= 1 << (8 * (4 - first.len()))
    {
        return None;
    }
    let high = first
        .iter()
        .zip([24, 16, 8])
        .map(|(part, shift)| part << shift);
    u32::try_from(high.sum::<u64>() + last)
        .ok()
        .map(Ipv4Addr::from)
}

fn number(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some("") => return Some(0),
        Some(hex) => (hex, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        None => (lower.as_str(), 10),
    };
    let legal = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    legal
        .then(|| u64::from_str_radix(digits, radix).ok())
        .flatten()
}

fn is_local_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hosts of URLs that must be refused, in every notation, and why.
    const REFUSED: &[&str] = &[
        "127.0.0.1",
        "127.255.255.254",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7F.0.0.0x1",
        "017700000001",
        "0177.0.0.1",
        "0177.1",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "0.1.2.3",
        "0x0",
        "00",
        "1",
        "10.0.0.1",
        "10.255.255.255",
        "167772161",
        "100.64.0.1",
        "100.127.255.255",
        "169.254.0.1",
        "169.254.169.254",
        "0xA9FEA9FE",
        "2852039166",
        "0251.0376.0251.0376",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "0xc0a80001",
        "3232235521",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "4294967295",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::127.0.0.1]",
        "[::7f00:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:8.8.8.8]",
        "[::FFFF:10.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::1]",
        "[64:ff9b:1:ffff::8.8.8.8]",
        "[2002:7f00:1::]",
        "[2002:a00:1::1]",
        "[2001::1]",
        "[2001:0:7f00:1::]",
        "[2001:10::1]",
        "[2001:db8::1]",
        "[fc00::1]",
        "[fd12:3456:789a::1]",
        "[fe80::1]",
        "[febf::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[ff0e::1]",
        "[100::1]",
        "[3fff::1]",
        "[5f00::1]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "api.localhost",
        "999.1.1.1",
        "1.2.3.4.5",
        "0x1ffffffff",
        "1.2.3.256",
        "1.2.65536",
        "08",
        "[::1",
        "[fe80::1%25eth0]",
        "%6c%6f%63alhost",
        "127.0.0.1%2f",
    ];

    #[test]
    fn what_is_not_public_is_refused_in_every_notation() {
        let guard = Guard {
            allow_http: true,
            ..Guard::default()
        };
        for host in REFUSED {
            for port in ["", ":80", ":6379"] {
                let url = format!("http://{host}{port}/hook");
                // What is no URL at all is refused before.
                if let Ok(uri) = url.parse::<http::Uri>() {
                    assert!(guard.check_url(&uri).is_err(), "{url}");
                }
            }
        }
    }

    #[test]
    fn the_public_internet_is_not() {
        for url in [
            "https://example.com/hook",
            "https://example.com:8443",
            "https://8.8.8.8/",
            "https://134744072/",
            "https://11.0.0.1",
            "https://100.63.255.255",
            "https://100.128.0.1",
            "https://172.15.0.1",
            "https://172.32.0.1",
            "https://[2606:4700::1111]:443/x",
            "https://[2a00:1450:4001::]/",
            "https://0x.example",
            "https://1.example.com",
            "https://my-localhost.example",
        ] {
            let uri = url.parse().unwrap();
            assert_eq!(Guard::default().check_url(&uri), Ok(()), "{url}");
        }
    }

    #[test]
    fn schemes_and_credentials_are_checked() {
        for url in [
            "http://example.com",
            "ftp://example.com",
            "ws://example.com",
            "https://user@example.com",
            "https://user:pass@example.com",
            "https://example.com:0",
            "https://example.com:99999",
            "/hook",
            "example.com",
        ] {
            if let Ok(uri) = url.parse() {
                assert!(Guard::default().check_url(&uri).is_err(), "{url}");
            }
        }
    }

    #[test]
    fn networks_can_be_allowed() {
        let guard = Guard {
            allow_networks: vec!["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            allow_http: true,
        };
        for (host, allowed) in [
            ("127.0.0.1", true),
            ("0x7f.1", true),
            ("localhost", true),
            ("[fd00::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("10.0.0.1", false),
            ("[fc00::1]", false),
            ("[::ffff:10.0.0.1]", false),
        ] {
            let uri = format!("http://{host}/").parse().unwrap();
            assert_eq!(guard.check_url(&uri).is_ok(), allowed, "{host}");
        }
    }
}
