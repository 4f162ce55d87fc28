//! The accept loop: sockets in, requests out, within limits, until it is told to stop.

mod body;
mod connection;
pub mod envelope;
pub mod forwarded;
pub mod origin;
pub mod query;
pub mod seats;
mod tls;
pub mod upgrade;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::body::{empty, object};
pub use self::tls::{Tls, TlsError};
use self::{
    envelope::SharedRules,
    seats::{Seat, Seats},
};

/// What a connection and a request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes of headers; more is answered with 431.
    pub headers: usize,
    /// The most bytes of a URL; more is answered with 414.
    pub url: usize,
    /// The most bytes of a body; more is answered with 413.
    pub body: usize,
    /// How long headers, a body or a TLS handshake may take, and how long an idle connection is kept.
    pub patience: Duration,
    /// The most connections that HTTP is spoken on; further ones wait to be accepted.
    pub connections: usize,
    /// The most connections from one address; further ones are answered with 429. Those of trusted proxies, and all on a
    /// loopback listener, are of many clients or of this machine.
    pub connections_per_address: usize,
    /// How long connections may go on after the stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            headers: 16 * 1024,
            url: 8 * 1024,
            body: 256 * 1024,
            patience: Duration::from_secs(10),
            connections: 24_576,
            connections_per_address: 1_000,
            drain: Duration::from_secs(10),
        }
    }
}

/// What is at the other end of a request's connection: the client or a proxy. Found in the request's extensions.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The listener is bound to a loopback address.
    pub local: bool,
    /// The connection is encrypted.
    pub secure: bool,
    /// Ends the connection at once, whatever it is doing.
    pub kill: CancellationToken,
    /// Its place among the connections of its address, for as long as anything of it is open.
    pub(crate) seat: Option<Arc<Seat>>,
}

/// Who answers.
#[derive(Clone, Debug)]
pub struct Routers {
    /// Whatever is asked.
    pub all: Router,
    /// Those who have too many connections, with that.
    pub refusal: Router,
}

/// How many connections are refused with words at a time; further ones are just closed.
const REFUSALS: usize = 64;
/// How long one that is refused may take to listen.
const REFUSAL: Duration = Duration::from_secs(2);

/// Answers requests on a listener until `stop`, then lets those that are under way finish. Rules that change are those
/// of the connections from then on; how many there may be in all does not change.
///
/// # Errors
/// When the listener has no address.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    routers: Routers,
    rules: SharedRules,
    stop: CancellationToken,
) -> io::Result<()> {
    let local = listener.local_addr()?.ip().is_loopback();
    let slots = Arc::new(Semaphore::new(rules.load().limits.connections));
    let (seats, refusals) = (Seats::default(), Arc::new(Semaphore::new(REFUSALS)));
    let tracker = TaskTracker::new();
    let kill = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((socket, address, slot)) = accepted else {
            continue;
        };
        let (mut limits, ip) = {
            let rules = rules.load();
            let ip = address.ip().to_canonical();
            (
                rules.limits,
                (!local && !rules.proxies.trusts(ip)).then_some(ip),
            )
        };
        let mut peer = Peer {
            address,
            local,
            secure: tls.is_some(),
            kill: kill.child_token(),
            seat: None,
        };
        let (mut router, mut refused) = (&routers.all, None);
        if let Some(ip) = ip {
            match seats.take(ip, limits.connections_per_address) {
                Some(seat) => peer.seat = Some(Arc::new(seat)),
                None => match Arc::clone(&refusals).try_acquire_owned() {
                    Ok(permit) => {
                        (router, refused) = (&routers.refusal, Some(permit));
                        limits.patience = limits.patience.min(REFUSAL);
                    }
                    Err(_) => continue,
                },
            }
        }
        let tls = tls.as_ref().map(Tls::acceptor);
        let (router, stop) = (router.clone(), stop.clone());
        tracker.spawn(async move {
            if let Err(error) = connection::run(socket, tls, peer, router, limits, stop).await {
                tracing::debug!(%address, error = %error, "connection ended");
            }
            drop((slot, refused));
        });
    }
    drop(listener);
    tracker.close();
    let drain = rules.load().limits.drain;
    if tokio::time::timeout(drain, tracker.wait()).await.is_err() {
        kill.cancel();
        tracker.wait().await;
    }
    Ok(())
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// Waits for a slot and a connection. None when accepting failed.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<Accepted> {
    // The semaphore is never closed.
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, address)) => Some((socket, address, slot)),
        Err(error) => {
            // The peer is gone, or descriptors are short; the latter passes only with time.
            tracing::debug!(%error, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(20)).await;
            None
        }
    }
}
