//! Without authentication: only requests that come from this machine, and not through anything.

use std::net::IpAddr;

use http::{HeaderMap, header, uri::Authority};

use crate::{
    http::Peer,
    problem::{Kind, Problem},
};

/// Refuses what a proxy or a page under a foreign name could have sent.
pub(super) fn check(headers: &HeaderMap, peer: &Peer) -> Result<(), Problem> {
    let refuse = |why| Err(Problem::new(Kind::NotLocal, why));
    if !peer.local || !peer.address.ip().is_loopback() {
        return refuse("the listener is not on a loopback address");
    }
    if headers.contains_key(header::FORWARDED)
        || headers
            .keys()
            .any(|name| name.as_str().starts_with("x-forwarded-"))
    {
        return refuse("the request came through a proxy");
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if host.to_str().is_ok_and(is_this_machine) => Ok(()),
        _ => refuse("the `Host` of the request is neither `localhost` nor a loopback address"),
    }
}

/// True for `localhost` and loopback addresses, with or without a port.
fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    if host.contains('@') {
        return false;
    }
    let name = authority.host();
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_pass() {
        for host in [
            "localhost",
            "LOCALHOST:7575",
            "127.0.0.1:7575",
            "127.9.9.9",
            "[::1]:7575",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.nip.io",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
            "me@localhost",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
