//! Names and TCP.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use adapter::socket::Place;
use tokio::{net::TcpStream, time::timeout};

use super::Finding;
use crate::cli::Exit;

/// How long a name, or an address, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The addresses behind the name of a place.
pub(super) async fn resolve(place: &Place) -> (Finding, Vec<IpAddr>) {
    const STEP: &str = "dns";
    let host = place.host.as_str();
    if let Ok(address) = host.parse::<IpAddr>() {
        let finding = Finding::ok(
            STEP,
            format!("{address} is an address, there is no name to look up"),
        );
        return (finding, vec![address]);
    }
    let looked_up = timeout(PATIENCE, tokio::net::lookup_host((host, place.port))).await;
    let looked_up = looked_up.unwrap_or_else(|_| {
        let waited = format!("no answer in {} s", PATIENCE.as_secs());
        Err(io::Error::new(ErrorKind::TimedOut, waited))
    });
    let addresses: Vec<IpAddr> = match looked_up {
        Ok(addresses) => addresses.map(|address| address.ip()).collect(),
        Err(error) => {
            let detail = format!("{host} cannot be looked up: {error}");
            let mend = "check the host in `url`, and that this machine asks the right name server (/etc/resolv.conf)";
            return (
                Finding::fail(STEP, detail, Exit::Unavailable, mend),
                Vec::new(),
            );
        }
    };
    if addresses.is_empty() {
        let detail = format!("{host} has no address");
        let mend = "check the host in `url`, or give the name an address";
        return (
            Finding::fail(STEP, detail, Exit::Unavailable, mend),
            addresses,
        );
    }
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    (
        Finding::ok(STEP, format!("{host} is {}", shown.join(", "))),
        addresses,
    )
}

/// A TCP connection to the first address that takes one.
pub(super) async fn reach(place: &Place, addresses: &[IpAddr]) -> (Finding, Option<TcpStream>) {
    const STEP: &str = "tcp";
    let (mut failed, mut refused) = (Vec::new(), true);
    for ip in addresses {
        let address = SocketAddr::new(*ip, place.port);
        let begun = Instant::now();
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let ms = begun.elapsed().as_millis();
                let detail = format!("{address} answers in {ms} ms");
                let finding = if failed.is_empty() {
                    Finding::ok(STEP, detail)
                } else {
                    let detail = format!("{detail}; but {}", failed.join(", "));
                    Finding::warn(
                        STEP,
                        detail,
                        "remove the addresses that do not answer from the name",
                    )
                };
                return (finding, Some(stream));
            }
            Ok(Err(error)) => {
                refused &= error.kind() == ErrorKind::ConnectionRefused;
                failed.push(format!("{address}: {error}"));
            }
            Err(_) => {
                refused = false;
                failed.push(format!("{address}: no answer in {} s", PATIENCE.as_secs()));
            }
        }
    }
    let mend = if refused {
        format!(
            "nothing listens on port {}: check the port in `url`, and that the PBX has this interface switched on",
            place.port
        )
    } else {
        format!(
            "let this machine through to port {} (firewall, VPN, routing)",
            place.port
        )
    };
    (
        Finding::fail(STEP, failed.join(", "), Exit::Unavailable, mend),
        None,
    )
}
