//! Who asks through a proxy: what `Forwarded` (RFC 7239) and `X-Forwarded-*` say, where the proxy is one that is trusted.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header, uri::Authority};

use super::Peer;
use crate::config::Network;

/// The proxies whose word is taken.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(pub Vec<Network>);

/// The client of a request, at the far end of all trusted proxies. Found in the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// It speaks TLS, with the gateway or with the proxy before it.
    pub secure: bool,
    /// The host that it asked for.
    pub host: Option<Authority>,
}

/// One step of the way, as a proxy tells it.
#[derive(Debug, Default)]
struct Hop {
    address: Option<IpAddr>,
    proto: Option<String>,
    host: Option<String>,
}

/// The most steps that are looked at.
const MOST: usize = 32;

impl TrustedProxies {
    /// The client of a request.
    #[must_use]
    pub fn client(&self, headers: &HeaderMap, peer: &Peer) -> Client {
        let nearest = Client {
            address: peer.address.ip().to_canonical(),
            secure: peer.secure,
            host: single(headers, &header::HOST).and_then(|host| host.parse().ok()),
        };
        if !self.trusts(nearest.address) {
            return nearest;
        }
        let ways = [standard(headers), customary(headers)];
        let mut told = ways
            .into_iter()
            .flatten()
            .map(|hops| self.follow(nearest.clone(), hops));
        match (told.next(), told.next()) {
            (None, _) => nearest,
            (Some(client), None) => client,
            // A proxy that sets one passes the other on as the client made it up.
            (Some(one), Some(other)) if one.address == other.address => one,
            (Some(_), Some(_)) => nearest,
        }
    }

    /// Each proxy adds at the end, so the way is followed backwards, as far as there is somebody to trust.
    fn follow(&self, mut client: Client, hops: Vec<Hop>) -> Client {
        for hop in hops.into_iter().rev().take(MOST) {
            if let Some(proto) = &hop.proto {
                client.secure = proto.eq_ignore_ascii_case("https");
            }
            if let Some(host) = hop.host.and_then(|host| host.parse().ok()) {
                client.host = Some(host);
            }
            let Some(address) = hop.address else {
                break;
            };
            client.address = address;
            if !self.trusts(address) {
                break;
            }
        }
        client
    }

    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// The way of a request in the order it took, as `Forwarded` tells it.
fn standard(headers: &HeaderMap) -> Option<Vec<Hop>> {
    headers.get(header::FORWARDED)?;
    let elements = items(headers, &header::FORWARDED);
    Some(elements.map(|element| Hop::read(&element)).collect())
}

/// The same as the older headers tell it.
fn customary(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let name = HeaderName::from_static;
    let last = |name| items(headers, &name).last();
    let mut hops: Vec<Hop> = items(headers, &name("x-forwarded-for"))
        .map(|text| Hop {
            address: address(&text),
            ..Hop::default()
        })
        .collect();
    // These are said once, by the proxy that is nearest.
    let (proto, host) = (
        last(name("x-forwarded-proto")),
        last(name("x-forwarded-host")),
    );
    if hops.is_empty() && (proto.is_some() || host.is_some()) {
        hops.push(Hop::default());
    }
    let nearest = hops.last_mut()?;
    nearest.proto = proto;
    nearest.host = host;
    Some(hops)
}

impl Hop {
    /// `for=192.0.2.1;proto=https;host="example.com"`
    fn read(element: &str) -> Self {
        let mut hop = Self::default();
        for pair in element.split(';') {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.address = address(value),
                "proto" => hop.proto = Some(value.to_owned()),
                "host" => hop.host = Some(value.to_owned()),
                _ => {}
            }
        }
        hop
    }
}

/// An address with or without a port; none where it is hidden or unknown.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    let address = bare.parse::<IpAddr>().or_else(|_| with_port()).ok()?;
    Some(address.to_canonical())
}

/// The items of a list that may stand in several headers. Neither addresses nor hosts hold commas.
fn items(headers: &HeaderMap, name: &HeaderName) -> impl DoubleEndedIterator<Item = String> {
    let items: Vec<String> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect();
    items.into_iter()
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn client(peer: &str, headers: &[(&str, &str)]) -> Client {
        let mut map = HeaderMap::new();
        map.insert(header::HOST, "inner:7575".parse().unwrap());
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, value.parse().unwrap());
        }
        let peer = Peer {
            address: SocketAddr::new(peer.parse().unwrap(), 1),
            local: false,
            secure: false,
            kill: CancellationToken::new(),
            seat: None,
        };
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap());
        TrustedProxies(networks.into()).client(&map, &peer)
    }

    fn seen(client: &Client) -> (String, bool, String) {
        let host = client.host.as_ref().map(Authority::to_string);
        (
            client.address.to_string(),
            client.secure,
            host.unwrap_or_default(),
        )
    }

    #[test]
    fn a_strangers_word_is_worth_nothing() {
        let headers = [
            ("x-forwarded-for", "10.0.0.9"),
            ("x-forwarded-proto", "https"),
            (
                "forwarded",
                "for=10.0.0.9;proto=https;host=evil.example.com",
            ),
        ];
        let client = client("192.0.2.1", &headers);
        assert_eq!(
            seen(&client),
            ("192.0.2.1".into(), false, "inner:7575".into())
        );
    }

    #[test]
    fn the_client_is_the_last_before_the_trusted_proxies() {
        for (headers, expected) in [
            (&[("x-forwarded-for", "198.51.100.7")][..], "198.51.100.7"),
            (
                &[("x-forwarded-for", "10.9.9.9, 198.51.100.7, 10.0.0.3")],
                "198.51.100.7",
            ),
            (
                &[
                    ("x-forwarded-for", "1.2.3.4"),
                    ("x-forwarded-for", "198.51.100.7"),
                ],
                "198.51.100.7",
            ),
            (&[("x-forwarded-for", "198.51.100.7:4711")], "198.51.100.7"),
            (
                &[("x-forwarded-for", "::ffff:198.51.100.7")],
                "198.51.100.7",
            ),
            (&[("x-forwarded-for", "made up")], "10.0.0.1"),
            (&[("forwarded", "for=198.51.100.7")], "198.51.100.7"),
            (
                &[(
                    "forwarded",
                    "for=1.2.3.4, for=\"[2001:470::1]:4711\", for=10.0.0.3",
                )],
                "2001:470::1",
            ),
            (&[("forwarded", "for=unknown")], "10.0.0.1"),
            (&[("forwarded", "for=_hidden, for=10.0.0.3")], "10.0.0.3"),
            (
                &[
                    ("forwarded", "for=1.2.3.4"),
                    ("x-forwarded-for", "198.51.100.7"),
                ],
                "10.0.0.1",
            ),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(
                client("10.0.0.1", headers).address.to_string(),
                expected,
                "{headers:?}"
            );
        }
    }

    #[test]
    fn a_trusted_proxy_tells_scheme_and_host() {
        let outside = (true, "events.example.com".to_owned());
        for headers in [
            &[
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "events.example.com"),
            ][..],
            &[(
                "forwarded",
                "for=192.0.2.1;Proto=https;Host=\"events.example.com\"",
            )],
        ] {
            let client = client("2001:db8::1", headers);
            let (_, secure, host) = seen(&client);
            assert_eq!((secure, host), outside, "{headers:?}");
        }
    }
}
