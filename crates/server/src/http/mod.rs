//! The accept loop: sockets in, requests out, within limits, until it is told to stop.

mod body;
mod connection;
pub mod envelope;
pub mod forwarded;
pub mod origin;
pub mod query;
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
}

/// Answers requests on a listener until `stop`, then lets those that are under way finish.
///
/// # Errors
/// When the listener has no address.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) -> io::Result<()> {
    let local = listener.local_addr()?.ip().is_loopback();
    let slots = Arc::new(Semaphore::new(limits.connections));
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
        let peer = Peer {
            address,
            local,
            secure: tls.is_some(),
            kill: kill.child_token(),
        };
        let tls = tls.as_ref().map(Tls::acceptor);
        let (router, stop) = (router.clone(), stop.clone());
        tracker.spawn(async move {
            if let Err(error) = connection::run(socket, tls, peer, router, limits, stop).await {
                tracing::debug!(%address, error = %error, "connection ended");
            }
            drop(slot);
        });
    }
    drop(listener);
    tracker.close();
    if tokio::time::timeout(limits.drain, tracker.wait())
        .await
        .is_err()
    {
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
